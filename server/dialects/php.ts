/**
 * The parent protocol: `comet.php` of the PHP tutorial, spoken exactly as its ExtJS client speaks it, on the lobby.
 * [php] marks what the tutorial prescribes. Only translates.
 */
import type { News } from '../backlog.ts'
import { draftOf } from '../draft.ts'
import { toRoomfileError } from '../errors.ts'
import { goneSignal, parseTimestamp, readForm, send, type Handler } from '../http.ts'
import { toMarkdown } from '../markup.ts'
import { LOBBY } from '../room-name.ts'
import type { DialectOptions } from './dialect.ts'
import { HTML, inertJson, messageHtml, pauseAfterError } from './html.ts'

/** A rich editor's HTML is longer than the Markdown that is kept: so much may be posted for one byte that is kept. */
const HTML_PER_MARKDOWN = 12

/** [php] one address for both: a `msg` that says something is a post, all else is a poll. */
export function php({ rooms, limits, times, rateLimit }: DialectOptions): Handler {
  return async (req, res) => {
    const form = await readForm(req, limits.maxMessage * HTML_PER_MARKDOWN)
    const html = form.get('msg') ?? ''
    const room = rooms.get(LOBBY, res)
    if (html !== '') {
      const msg = toMarkdown(html)
      await rateLimit.post(req)
      if (msg.trim() !== '') await room.post(draftOf({ msg }, limits))
      return send(res, 200, HTML, '')
    }
    const signal = goneSignal(res)
    const asked = form.get('timestamp') || '0'
    try {
      const timestamp = parseTimestamp(asked)
      const news = await rateLimit.parked(req, () => rooms.until([room], () => room.news(timestamp), { ms: times.phpPoll, signal }))
      send(res, 200, HTML, encode(news ?? room.quiet))
    } catch (thrown) {
      // [php] the client's failure handler decodes the body and goes on from its timestamp: 0 where the one that it sent is not usable
      const { status, code, message, headers } = toRoomfileError(thrown)
      await pauseAfterError(times, signal)
      const timestamp = code === 'bad_timestamp' ? 0 : Number(asked)
      send(res, status, HTML, inertJson({ msg: '', timestamp, error: { code, message } }), headers)
    }
  }
}

const encoded = new WeakMap<News, string>()

/** [php] `msg` holds everything newer, joined; the client inserts it as HTML. */
function encode(news: News): string {
  let json = encoded.get(news)
  if (json === undefined) {
    json = inertJson({ msg: news.messages.map(messageHtml).join('\n'), timestamp: news.timestamp })
    encoded.set(news, json)
  }
  return json
}
