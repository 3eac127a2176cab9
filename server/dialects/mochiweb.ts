/**
 * The protocol of the mochiweb tutorial, on the lobby: GET /chat waits for one message, POST /chat wakes everybody.
 * Its client keeps no place of its own: a cookie keeps it, so that nothing falls between two polls.
 * [mochiweb] marks what the tutorial prescribes. Only translates.
 */
import { parseCookie, stringifySetCookie } from 'cookie'
import { draftOf } from '../draft.ts'
import { toRoomfileError } from '../errors.ts'
import { goneSignal, readBody, send, type Handler, type Request } from '../http.ts'
import { isAfter, stampOf, type Message, type Stamp } from '../message.ts'
import type { Room } from '../room.ts'
import { LOBBY } from '../room-name.ts'
import type { DialectOptions } from './dialect.ts'
import { messageHtml } from './html.ts'

/** [mochiweb] a poll ends after 20 s */
const WAIT_MS = 20_000

const SCRIPT = 'text/javascript; charset=utf-8'

const COOKIE = 'roomfile-chat'

/** Seconds for which a place is kept: longer than a poll, shorter than a visit that is over. */
const COOKIE_SECONDS = 60

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
      let place: Stamp | undefined
      const tell = (): Message | undefined => {
        const from = (place ??= placeOf(req, room))
        return room.messages.find((message) => isAfter(stampOf(message), from))
      }
      const message = await rateLimit.parked(req, () => rooms.until([room], tell, { ms: WAIT_MS, signal: goneSignal(res) }))
      const { timestamp, n } = message ? stampOf(message) : (place ?? placeOf(req, room))
      const value = `${timestamp}-${n}`
      const cookie = stringifySetCookie({ name: COOKIE, value, maxAge: COOKIE_SECONDS, httpOnly: true, sameSite: 'lax' })
      send(res, 200, SCRIPT, inert(message ? { ok: messageHtml(message) } : { error: 'timeout' }), { 'Set-Cookie': cookie })
    },
  }
}

/** Where a client stands: by its cookie, or at the end of the room when it has just come. */
function placeOf(req: Request, room: Room): Stamp {
  const [, timestamp, n] = /^(\d{1,16})-(\d{1,9})$/.exec(parseCookie(req.headers.cookie ?? '')[COOKIE] ?? '') ?? []
  const end = { timestamp: room.timestamp, n: LAST }
  const place = { timestamp: Number(timestamp), n: Number(n) }
  return timestamp === undefined || isAfter(place, end) ? end : place
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
