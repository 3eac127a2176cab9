/**
 * The parent protocol: `comet.php` of the PHP tutorial, spoken exactly as its ExtJS client speaks it, on the lobby.
 * [php] marks what the tutorial prescribes. Only translates.
 */
import { draftOf } from '../room/draft.ts'
import { toRoomfileError } from '../errors.ts'
import { parseTimestamp, readForm, send, type Handler } from '../http/http.ts'
import type { Timestamp } from '../room/message.ts'
import type { Room } from '../room/room.ts'
import { LOBBY } from '../room/room-name.ts'
import { park, takePost, type DialectOptions } from './dialect.ts'
import { HTML, HTML_IN_JSON, inertJson, pauseAfterError } from './html.ts'
import { pageFrom, Pages, type Manner } from './pages.ts'

/** A rich editor's HTML is longer than the Markdown that is kept: so much may be posted for one byte that is kept. */
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
      let place: Timestamp | undefined
      // A place that is later than the room: what comes from now on.
      const tell = (): string | undefined => newsFrom(room, (place ??= Math.min(timestamp, room.timestamp)), pages)
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

const MANNER: Manner = { ...HTML_IN_JSON, placeOf: ({ timestamp }) => timestamp }

/**
 * [php] `msg` holds what is newer, joined; the client inserts it as HTML, behind all that it was ever told: it cannot forget. So after a reset
 * it is told what is newer than its own timestamp, and nothing anew.
 */
function newsFrom(room: Room, place: Timestamp, pages: Pages): string | undefined {
  const { messages } = room
  const first = messages.findLastIndex(({ timestamp }) => timestamp <= place) + 1
  if (first === messages.length && place > 0) return undefined
  return pages.get(messages, first, () => {
    const { parts, last } = pageFrom(messages, first, MANNER)
    return answer(parts.join('\\n'), last === messages.at(-1) ? room.timestamp : (last?.timestamp ?? room.timestamp))
  })
}

/** @param msg as it stands in JSON */
function answer(msg: string, timestamp: Timestamp): string {
  return `{"msg":"${msg}","timestamp":${timestamp}}`
}
