/**
 * The parent protocol: `comet.php` of the PHP tutorial, spoken exactly as its ExtJS client speaks it, on the lobby.
 * [php] marks what the tutorial prescribes. Only translates.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Limits, News } from '../backlog.ts'
import { draftOf } from '../draft.ts'
import { RoomfileError, toRoomfileError } from '../errors.ts'
import { goneSignal, readBody, send, type Handler } from '../http.ts'
import { toHtml, toMarkdown } from '../markup.ts'
import type { Message, Timestamp } from '../message.ts'
import type { RateLimit } from '../rate-limit.ts'
import { LOBBY } from '../room-name.ts'
import type { Rooms } from '../rooms.ts'

/** [php] the client gives up after 900 s and can not go on from there: it gets its answer before. */
const WAIT_MS = 840_000

/** [php] the client asks again at once after an error. It is held back this long, so that a lasting error costs little. */
const ERROR_PAUSE_MS = 1000

/** A rich editor's HTML is longer than the Markdown that is kept: so much may be posted for one byte that is kept. */
const HTML_PER_MARKDOWN = 12

const HTML = 'text/html; charset=utf-8'

export interface PhpOptions {
  readonly rooms: Rooms
  readonly limits: Limits
  readonly rateLimit: RateLimit
}

/** [php] one address for both: a `msg` that says something is a post, all else is a poll. */
export function php({ rooms, limits, rateLimit }: PhpOptions): Handler {
  return async (req, res) => {
    const { text } = await readBody(req, limits.maxMessage * HTML_PER_MARKDOWN)
    const form = new URLSearchParams(text)
    const html = form.get('msg') ?? ''
    if (html !== '') {
      const msg = toMarkdown(html)
      await rateLimit.post(req)
      if (msg.trim() !== '') await rooms.get(LOBBY).post(draftOf({ msg }, limits))
      return send(res, 200, HTML, '')
    }
    const signal = goneSignal(res)
    const asked = form.get('timestamp') || '0'
    try {
      const room = rooms.get(LOBBY)
      const wanted = new Map([[room, parseTimestamp(asked)]])
      const found = await rateLimit.parked(req, () => rooms.poll(wanted, { ms: WAIT_MS, signal }))
      send(res, 200, HTML, encode(found.get(room) ?? room.quiet))
    } catch (thrown) {
      // [php] the client's failure handler decodes the body and goes on from its timestamp: 0 where the one that it sent is not usable
      const { status, code, message, headers } = toRoomfileError(thrown)
      await delay(ERROR_PAUSE_MS, undefined, { signal }).catch(() => undefined)
      const timestamp = code === 'bad_timestamp' ? 0 : Number(asked)
      send(res, status, HTML, JSON.stringify({ msg: '', timestamp, error: { code, message } }), headers)
    }
  }
}

function parseTimestamp(text: string): Timestamp {
  const timestamp = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(timestamp)) throw new RoomfileError('bad_timestamp')
  return timestamp
}

const encoded = new WeakMap<News, string>()

/** [php] `msg` holds everything newer, joined; the client inserts it as HTML. */
function encode(news: News): string {
  let json = encoded.get(news)
  if (json === undefined) {
    json = JSON.stringify({ msg: news.messages.map(render).join('\n'), timestamp: news.timestamp })
    encoded.set(news, json)
  }
  return json
}

function render({ type, nick, msg }: Message): string {
  const name = nick === '' ? '' : `<b>${escapeHtml(nick)}</b>`
  return type === 'msg' ? `<div>${name && `${name}: `}${toHtml(msg)}</div>` : `<div>${name} ${type}</div>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
