/**
 * The protocol of the gevent tutorial, on the lobby: `/new`, and `/update` with the id of the last message as its place.
 * [gevent] marks what the tutorial prescribes. Only translates.
 */
import { draftOf } from '../room/draft.ts'
import { toRoomfileError } from '../errors.ts'
import { goneSignal, readForm, send, type Handler } from '../http/http.ts'
import { isAfter, placeIn, stampOf, type MessageId } from '../room/message.ts'
import type { Room } from '../room/room.ts'
import { LOBBY } from '../room/room-name.ts'
import type { DialectOptions } from './dialect.ts'
import { HTML, HTML_IN_JSON, inertJson, maxForm, OTHER_FIELDS, pauseAfterError } from './html.ts'
import { pageFrom, Pages, type Manner } from './pages.ts'

export interface Gevent {
  readonly post: Handler
  readonly update: Handler
}

export function gevent({ rooms, limits, times, rateLimit }: DialectOptions): Gevent {
  const pages = new Pages()
  return {
    /** [gevent] `msg=` → 200, empty; where it says nothing, too: then nothing is added */
    async post(req, res) {
      await rateLimit.post(req)
      const msg = (await readForm(req, maxForm(limits))).get('msg') ?? ''
      if (msg.trim() !== '') await rooms.get(LOBBY, res).post(draftOf({ msg }, limits))
      send(res, 200, HTML, '')
    },

    /** [gevent] `cursor=` → `{html, latest_cursor}`, which the client evaluates; it asks again at once, also after an error */
    async update(req, res) {
      const signal = goneSignal(res)
      try {
        const news = await rateLimit.parked(req, async () => {
          const cursor = (await readForm(req, OTHER_FIELDS)).get('cursor') ?? ''
          const room = rooms.get(LOBBY, res)
          const tell = (): string | undefined => newsFrom(room, cursor, pages)
          return (await rooms.until([room], tell, { ms: times.geventPoll, signal })) ?? answer('', cursor)
        })
        send(res, 200, HTML, news)
      } catch (thrown) {
        const { status, code, message, headers } = toRoomfileError(thrown)
        await pauseAfterError(times, signal)
        send(res, status, HTML, inertJson({ error: { code, message } }), headers)
      }
    },
  }
}

const MANNER: Manner = { ...HTML_IN_JSON, placeOf: ({ id }) => id }

/** [gevent] an empty or unknown id gets all there is */
function newsFrom(room: Room, cursor: MessageId, pages: Pages): string | undefined {
  const { messages } = room
  const first = indexBehind(room, cursor)
  if (first === messages.length) return undefined
  return pages.get(messages, first, () => {
    const { parts, last } = pageFrom(messages, first, MANNER)
    return answer(parts.join(''), last?.id ?? cursor)
  })
}

/** The client only appends: an id that the room no longer has still names a place in it, and nothing before that is told again. */
function indexBehind({ messages, timestamp }: Room, cursor: MessageId): number {
  const place = placeIn(cursor)
  if (!place || place.timestamp > timestamp) return 0
  return messages.findLastIndex((message) => !isAfter(stampOf(message), place)) + 1
}

/** @param html as it stands in JSON */
function answer(html: string, cursor: MessageId): string {
  return `{"html":"${html}","latest_cursor":${inertJson(cursor)}}`
}
