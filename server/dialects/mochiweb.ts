/**
 * The protocol of the mochiweb tutorial, on the lobby: GET /chat waits for one message, POST /chat wakes everybody.
 * Its client keeps no place of its own: a cookie keeps it, so that nothing falls between two polls.
 * [mochiweb] marks what the tutorial prescribes. Only translates.
 */
import { parseCookie, stringifySetCookie } from 'cookie'
import { draftOf } from '../draft.ts'
import { toRoomfileError } from '../errors.ts'
import { formIn, goneSignal, isEncoded, queryValue, readBody, send, type Handler, type Request } from '../http.ts'
import { isAfter, stampOf, type Message, type Stamp } from '../message.ts'
import { LOBBY } from '../room-name.ts'
import type { DialectOptions } from './dialect.ts'
import { entity, leftOutHtml, maxForm, messageHtml, pauseAfterError, plainHtml } from './html.ts'
import { pageFrom, type Manner } from './pages.ts'

const SCRIPT = 'text/javascript; charset=utf-8'

const COOKIE = 'roomfile-chat'

/** The cookie of one tab. */
const TAB = /^roomfile-chat-\d+$/

/** Seconds for which a place is kept: longer than a poll, shorter than a visit that is over. */
const COOKIE_SECONDS = 60

/** How many tabs of a browser keep a place of their own. */
const MOST_TABS = 20

/** Behind every message of its timestamp. */
const LAST = 999_999_999

const MANNER: Manner = { placeOf: ({ id }) => id, full: messageHtml, plain: plainHtml, leftOut: leftOutHtml }

export interface Mochiweb {
  readonly post: Handler
  readonly poll: Handler
}

export function mochiweb({ rooms, limits, times, rateLimit }: DialectOptions): Mochiweb {
  return {
    /** [mochiweb] `message=` → `{"ok":"posted"}` */
    async post(req, res) {
      try {
        await rateLimit.post(req)
        const { text } = await readBody(req, maxForm(limits))
        await rooms.get(LOBBY, res).post(draftOf({ msg: messageIn(text) }, limits))
        send(res, 200, SCRIPT, '{"ok":"posted"}')
      } catch (thrown) {
        const { status, message, headers } = toRoomfileError(thrown)
        send(res, status, SCRIPT, inert({ error: message }), headers)
      }
    },

    /** [mochiweb] `{"ok": message}`, or `{"error":"timeout"}`, also for our errors: the client polls on after an answer only */
    async poll(req, res) {
      const signal = goneSignal(res)
      try {
        const room = rooms.get(LOBBY, res)
        let from: Stamp | undefined
        const tell = (): Message | undefined => {
          const start = (from ??= earlier(placeIn(req), { timestamp: room.timestamp, n: LAST }))
          return room.messages.find((message) => isAfter(stampOf(message), start))
        }
        const message = await rateLimit.parked(req, () => rooms.until([room], tell, { ms: times.mochiwebPoll, signal }))
        const told = message ? stampOf(message) : (from ?? { timestamp: room.timestamp, n: LAST })
        res.setHeader('Set-Cookie', cookiesFor(req, told))
        send(res, 200, SCRIPT, inert(message ? { ok: pageFrom([message], 0, MANNER).parts.join('') } : { error: 'timeout' }))
      } catch (thrown) {
        await pauseAfterError(times, signal)
        send(res, 200, SCRIPT, inert({ error: 'timeout' }), toRoomfileError(thrown).headers)
      }
    },
  }
}

/**
 * The cookie of a tab is named by the `_=` that jQuery puts behind the address against caches: from 1.9 on it counts up by one with each
 * poll of a page. So the tabs of a browser do not take each other's place. A poll without it, or that counts otherwise, goes by the place
 * that the browser was told last.
 */
function cookieName(count: number): string {
  return Number.isSafeInteger(count) ? `${COOKIE}-${count}` : COOKIE
}

function countIn(req: Request): number {
  return Number(queryValue(req, '_') ?? NaN)
}

/** Where a tab stands; undefined when it has just come. */
function placeIn(req: Request): Stamp | undefined {
  const cookies = parseCookie(req.headers.cookie ?? '')
  const [, timestamp, n] = /^(\d{1,16})-(\d{1,9})$/.exec(cookies[cookieName(countIn(req))] ?? cookies[COOKIE] ?? '') ?? []
  return timestamp === undefined ? undefined : { timestamp: Number(timestamp), n: Number(n) }
}

/** Keeps the place for the tab's next poll, and clears the cookies that no poll will ask for. */
function cookiesFor(req: Request, { timestamp, n }: Stamp): string[] {
  const value = `${timestamp}-${n}`
  const next = cookieName(countIn(req) + 1)
  const tabs = Object.keys(parseCookie(req.headers.cookie ?? '')).filter((name) => TAB.test(name))
  const spent = tabs.filter((name, i) => name !== next && (name === cookieName(countIn(req)) || i < tabs.length - MOST_TABS))
  const keep = [...new Set([next, COOKIE])].map((name) => cookie(name, value, COOKIE_SECONDS))
  return [...keep, ...spent.map((name) => cookie(name, '', 0))]
}

function cookie(name: string, value: string, maxAge: number): string {
  return stringifySetCookie({ name, value, maxAge, httpOnly: true, sameSite: 'lax' })
}

/** A place, but not beyond the end: who has just come, or knows a place that the room does not have, hears what comes from now on. */
function earlier(place: Stamp | undefined, end: Stamp): Stamp {
  return place === undefined || isAfter(place, end) ? end : place
}

/** [mochiweb] the client sends `"message=" + text` as it is typed: an `&` in it ends no field, and `100%ff` is what it looks like. */
function messageIn(body: string): string {
  const text = body.replace(/^message=/, '')
  if (text === body) return ''
  return isEncoded(text) ? (formIn(`message=${text.replaceAll('&', '%26')}`).get('message') ?? '') : text
}

/** [mochiweb] the client inserts the JSON itself as HTML: nothing in it may need a JSON escape, so that it is the same HTML raw and parsed. */
function inert(answer: { ok: string } | { error: string }): string {
  const [[key, html]] = Object.entries(answer) as [[string, string]]
  const plain = html
    .replaceAll("'", '&#39;')
    .replaceAll('"', "'")
    .replaceAll('\\', '&#92;')
    .replace(/[\p{Cc}\u2028\u2029]/gu, entity)
  return JSON.stringify({ [key]: plain })
}
