/**
 * The protocol of the PHP tutorial, on the lobby: `comet.php`, as its ExtJS client uses it.
 * [php] marks what the tutorial prescribes. Only translates between HTTP and rooms.
 */
import { draftOf } from '../room/draft.ts'
import { toRoomfileError } from '../errors.ts'
import { parseTimestamp, readForm, send, type Handler } from '../http/http.ts'
import type { Timestamp } from '../room/message.ts'
import type { Room } from '../room/room.ts'
import { LOBBY } from '../room/room-name.ts'
import { park, takePost, type DialectOptions } from './dialect.ts'
import { HTML, HTML_IN_JSON, inertJson, pauseAfterError } from './html.ts'
import { pageFrom, Pages, type MessageFormat } from './pages.ts'

/** The HTML of a rich-text editor is longer than its Markdown: so many bytes may be posted for one byte of a message. */
const HTML_PER_MARKDOWN = 12

/** [php] one address for both: with a `msg` it is a post, without one a poll. Which of them is known when the form has been read. */
export function php(options: DialectOptions): Handler {
  const { rooms, limits, times, rateLimit } = options
  const pages = new Pages()
  return async (req, res) => {
    const form = await readForm(req, limits.maxMessage * HTML_PER_MARKDOWN)
    const html = form.get('msg') ?? ''
    const room = rooms.get(LOBBY, res)
    if (html !== '') {
      await takePost(options, req, room, async () => {
        const { toMarkdown } = await import('./markup.ts')
        const msg = await rateLimit.work(req, () => toMarkdown(html))
        return msg.trim() === '' ? undefined : { draft: draftOf({ msg }, limits) }
      })
      return send(res, 200, HTML, '')
    }
    const asked = form.get('timestamp') || '0'
    try {
      const timestamp = parseTimestamp(asked)
      let since: Timestamp | undefined
      // A timestamp later than the room's gets what comes from now on.
      const tell = (): string | undefined => newsFrom(room, (since ??= Math.min(timestamp, room.timestamp)), pages)
      const news = await park(options, req, res, { rooms: [room], ms: times.phpPoll, tell })
      send(res, 200, HTML, news ?? answer('', room.timestamp))
    } catch (thrown) {
      // [php] the client's failure handler decodes the body and goes on from its timestamp: 0 where the one that it sent is not usable
      const { status, code, message, headers } = toRoomfileError(thrown)
      await pauseAfterError(times, res)
      const timestamp = code === 'bad_timestamp' ? 0 : Number(asked)
      send(res, status, HTML, inertJson({ msg: '', timestamp, error: { code, message } }), headers)
    }
  }
}

const FORMAT: MessageFormat = { ...HTML_IN_JSON, cursorOf: ({ timestamp }) => timestamp }

/**
 * [php] `msg` contains all newer messages, joined. The client appends it to its page as HTML, and can remove nothing. So after a reset it gets what
 * is newer than its own timestamp, and nothing a second time.
 */
function newsFrom(room: Room, since: Timestamp, pages: Pages): string | undefined {
  const { messages } = room
  const first = messages.findLastIndex(({ timestamp }) => timestamp <= since) + 1
  if (first === messages.length && since > 0) return undefined
  return pages.get(messages, first, () => {
    const { parts, last } = pageFrom(messages, first, FORMAT)
    return answer(parts.join('\\n'), last === messages.at(-1) ? room.timestamp : (last?.timestamp ?? room.timestamp))
  })
}

/** @param msg escaped for a JSON string */
function answer(msg: string, timestamp: Timestamp): string {
  return `{"msg":"${msg}","timestamp":${timestamp}}`
}
