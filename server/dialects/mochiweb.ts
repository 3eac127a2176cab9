/**
 * The protocol of the mochiweb tutorial, on the lobby: GET /chat waits for one message, POST /chat adds one.
 * Its client sends no cursor. A cookie keeps one, so that no message is lost between two polls, and all tabs of a browser share it (tabs.ts).
 * [mochiweb] marks what the tutorial prescribes. Only translates between HTTP and rooms.
 */
import { parseCookie, stringifySetCookie } from 'cookie'
import { draftOf } from '../room/draft.ts'
import { toRoomfileError } from '../errors.ts'
import { formIn, isEncoded, readBody, send, type Handler, type Request } from '../http/http.ts'
import { placeIn, type Stamp } from '../room/message.ts'
import { LOBBY } from '../room/room-name.ts'
import { park, takePost, type DialectOptions } from './dialect.ts'
import { entity, leftOutHtml, maxForm, messageHtml, pauseAfterError, plainHtml } from './html.ts'
import { pageFrom, type MessageFormat } from './pages.ts'
import { KEPT, Tabs, type Browser, type BrowserId } from './tabs.ts'

const SCRIPT = 'text/javascript; charset=utf-8'

/** The cookie of a browser: `roomfile-chat-<id>=<timestamp>-<n>`. */
const COOKIE = /^roomfile-chat-([\da-f]{16})$/

/** How many of them are read. A browser has one, or for a short time several. */
const MOST_COOKIES = 20

const FORMAT: MessageFormat = { cursorOf: ({ id }) => id, full: messageHtml, plain: plainHtml, leftOut: leftOutHtml }

export interface Mochiweb {
  readonly post: Handler
  readonly poll: Handler
}

export function mochiweb(options: DialectOptions): Mochiweb {
  const { rooms, limits, times } = options
  const tabs = new Tabs(times)
  return {
    /** [mochiweb] `message=` → `{"ok":"posted"}` */
    async post(req, res) {
      try {
        await takePost(options, req, rooms.get(LOBBY, res), async () => {
          const { text } = await readBody(req, maxForm(limits))
          return { draft: draftOf({ msg: messageIn(text) }, limits) }
        })
        send(res, 200, SCRIPT, '{"ok":"posted"}')
      } catch (thrown) {
        const { status, message, headers } = toRoomfileError(thrown)
        send(res, status, SCRIPT, inert({ error: message }), headers)
      }
    },

    /** [mochiweb] `{"ok": message}`, or `{"error":"timeout"}`, also in place of an error, because the client polls again only after a good answer */
    async poll(req, res) {
      try {
        const room = rooms.get(LOBBY, res)
        const places = placesIn(req)
        const tab = tabs.tabOf(places)
        const message = await park(options, req, res, {
          rooms: [room],
          ms: times.mochiwebPoll,
          tell: () => tab.tell(room),
          more: [tab.waiters],
          around: (wait) => tabs.attend(tab, res, wait),
        })
        res.setHeader('Set-Cookie', cookiesFor(tab.browser, places.keys()))
        send(res, 200, SCRIPT, inert(message ? { ok: pageFrom([message], 0, FORMAT).parts.join('') } : { error: 'timeout' }))
      } catch (thrown) {
        await pauseAfterError(times, res)
        send(res, 200, SCRIPT, inert({ error: 'timeout' }), toRoomfileError(thrown).headers)
      }
    },
  }
}

/** The cursors in a browser's cookies, by its ids; empty at its first poll. */
function placesIn(req: Request): Map<BrowserId, Stamp> {
  const places = new Map<BrowserId, Stamp>()
  for (const [name, value] of Object.entries(parseCookie(req.headers.cookie ?? ''))) {
    const [, id] = COOKIE.exec(name) ?? []
    const place = placeIn(value ?? '')
    if (id !== undefined && place && places.size < MOST_COOKIES) places.set(id, place)
  }
  return places
}

/** The cookie for the browser's next poll, and those that delete its other ids. */
function cookiesFor({ id, place }: Browser, known: Iterable<BrowserId>): string[] {
  const obsolete = [...known].filter((other) => other !== id).map((other) => cookie(other, '', 0))
  return place ? [cookie(id, `${place.timestamp}-${place.n}`, KEPT / 1000), ...obsolete] : obsolete
}

function cookie(id: BrowserId, value: string, maxAge: number): string {
  return stringifySetCookie({ name: `roomfile-chat-${id}`, value, maxAge, httpOnly: true, sameSite: 'lax' })
}

/** [mochiweb] the client sends `"message=" + text` as it is typed: an `&` in it belongs to the text, and so does `100%ff`. */
function messageIn(body: string): string {
  const text = body.replace(/^message=/, '')
  if (text === body) return ''
  return isEncoded(text) ? (formIn(`message=${text.replaceAll('&', '%26')}`).get('message') ?? '') : text
}

/** [mochiweb] the client inserts the JSON itself as HTML. So nothing in it needs a JSON escape: it is the same HTML before and after parsing. */
function inert(answer: { ok: string } | { error: string }): string {
  const [[key, html]] = Object.entries(answer) as [[string, string]]
  const plain = html
    .replaceAll("'", '&#39;')
    .replaceAll('"', "'")
    .replaceAll('\\', '&#92;')
    .replace(/[\p{Cc}\u2028\u2029]/gu, entity)
  return JSON.stringify({ [key]: plain })
}
