/**
 * The protocol of the mochiweb tutorial, on the lobby: GET /chat waits for one message, POST /chat wakes everybody.
 * Its client keeps no place of its own: we keep it for a short while, so that nothing falls between two polls.
 * [mochiweb] marks what the tutorial prescribes. Only translates.
 */
import { randomUUID } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import { draftOf } from '../draft.ts'
import { toRoomfileError } from '../errors.ts'
import { goneSignal, queryValue, readBody, send, type Handler, type Request } from '../http.ts'
import { isAfter, stampOf, type Message, type Stamp } from '../message.ts'
import { LOBBY } from '../room-name.ts'
import type { DialectOptions } from './dialect.ts'
import { messageHtml } from './html.ts'

/** [mochiweb] a poll ends after 20 s */
const WAIT_MS = 20_000

const SCRIPT = 'text/javascript; charset=utf-8'

const COOKIE = 'roomfile-chat'

/** Seconds for which a place is kept: longer than a poll, shorter than a visit that is over. */
const COOKIE_SECONDS = 60

/** How many places are kept for the tabs of all clients. */
const MOST_PLACES = 10_000

/** Behind every message of its timestamp. */
const LAST = 999_999_999

/** `message=`, and what a form makes of a byte. */
const FORM_PER_BYTE = 3
const OTHER_FIELDS = 1024

export interface Mochiweb {
  readonly post: Handler
  readonly poll: Handler
}

export function mochiweb({ rooms, limits, rateLimit }: DialectOptions): Mochiweb {
  const places = new Places()
  return {
    /** [mochiweb] `message=` → `{"ok":"posted"}` */
    async post(req, res) {
      try {
        const { text } = await readBody(req, limits.maxMessage * FORM_PER_BYTE + OTHER_FIELDS)
        await rateLimit.post(req)
        await rooms.get(LOBBY).post(draftOf({ msg: messageIn(text) }, limits))
        send(res, 200, SCRIPT, '{"ok":"posted"}')
      } catch (thrown) {
        const { status, message, headers } = toRoomfileError(thrown)
        send(res, status, SCRIPT, inert({ error: message }), headers)
      }
    },

    /** [mochiweb] `{"ok": message}`, or `{"error":"timeout"}` */
    async poll(req, res) {
      const room = rooms.get(LOBBY)
      const { id, place } = clientOf(req)
      const count = Number(queryValue(req, '_') ?? NaN)
      let from: Stamp | undefined
      const tell = (): Message | undefined => {
        const start = (from ??= earlier(places.take(id, count) ?? place, { timestamp: room.timestamp, n: LAST }))
        return room.messages.find((message) => isAfter(stampOf(message), start))
      }
      const message = await rateLimit.parked(req, () => rooms.until([room], tell, { ms: WAIT_MS, signal: goneSignal(res) }))
      const told = message ? stampOf(message) : (from ?? { timestamp: room.timestamp, n: LAST })
      if (!res.destroyed) places.keep(id, count + 1, told)
      const value = `${id}.${told.timestamp}-${told.n}`
      const cookie = stringifySetCookie({ name: COOKIE, value, maxAge: COOKIE_SECONDS, httpOnly: true, sameSite: 'lax' })
      send(res, 200, SCRIPT, inert(message ? { ok: messageHtml(message) } : { error: 'timeout' }), { 'Set-Cookie': cookie })
    },
  }
}

/**
 * Where each tab of a client stands. Its tabs share the cookie; what tells them apart is the `_=` that jQuery puts behind the address
 * against caches: from 1.9 on it counts up by one with each poll of a page.
 */
class Places {
  #places = new Map<string, Stamp>()

  keep(id: string, count: number, place: Stamp): void {
    if (!Number.isSafeInteger(count)) return
    this.#places.set(`${id} ${count}`, place)
    const [oldest] = this.#places.keys()
    if (this.#places.size > MOST_PLACES && oldest !== undefined) this.#places.delete(oldest)
  }

  take(id: string, count: number): Stamp | undefined {
    const place = this.#places.get(`${id} ${count}`)
    this.#places.delete(`${id} ${count}`)
    return place
  }
}

/** Who polls, and where the client was told last, by its cookie. */
function clientOf(req: Request): { id: string; place: Stamp | undefined } {
  const cookie = parseCookie(req.headers.cookie ?? '')[COOKIE] ?? ''
  const [, id, timestamp, n] = /^([\da-f-]{36})\.(\d{1,16})-(\d{1,9})$/.exec(cookie) ?? []
  return id === undefined ? { id: randomUUID(), place: undefined } : { id, place: { timestamp: Number(timestamp), n: Number(n) } }
}

/** A place, but not beyond the end: who has just come, or knows a place that the room does not have, hears what comes from now on. */
function earlier(place: Stamp | undefined, end: Stamp): Stamp {
  return place === undefined || isAfter(place, end) ? end : place
}

/** [mochiweb] the client sends `"message=" + text` as it is typed: an `&` in it ends no field. */
function messageIn(body: string): string {
  const text = body.replace(/^message=/, '')
  return text === body ? '' : (new URLSearchParams(`message=${text.replaceAll('&', '%26')}`).get('message') ?? '')
}

/** [mochiweb] the client inserts the JSON itself as HTML: nothing in it may need a JSON escape, so that it is the same HTML raw and parsed. */
function inert(answer: { ok: string } | { error: string }): string {
  const [[key, html]] = Object.entries(answer) as [[string, string]]
  const plain = html
    .replaceAll("'", '&#39;')
    .replaceAll('"', "'")
    .replaceAll('\\', '&#92;')
    .replace(/[\p{Cc}\u2028\u2029]/gu, (char) => `&#${char.charCodeAt(0)};`)
  return JSON.stringify({ [key]: plain })
}
