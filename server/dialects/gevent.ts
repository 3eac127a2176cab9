/**
 * The protocol of the gevent tutorial, on the lobby: `/new`, and `/update` with the id of the last message as its place.
 * [gevent] marks what the tutorial prescribes. Only translates.
 */
import { draftOf } from '../room/draft.ts'
import { toRoomfileError } from '../errors.ts'
import { readForm, send, type Handler } from '../http/http.ts'
import { isAfter, placeIn, stampOf, type MessageId } from '../room/message.ts'
import type { Room } from '../room/room.ts'
import { LOBBY } from '../room/room-name.ts'
import { park, takePost, type DialectOptions } from './dialect.ts'
import { HTML, HTML_IN_JSON, inertJson, maxForm, OTHER_FIELDS, pauseAfterError } from './html.ts'
import { pageFrom, Pages, type Manner } from './pages.ts'

export interface Gevent {
  readonly post: Handler
  readonly update: Handler
}

export function gevent(options: DialectOptions): Gevent {
  const { rooms, limits, times } = options
  const pages = new Pages()
  return {
    /** [gevent] `msg=` → 200, empty; a blank `msg` is answered in the same way, and nothing is added */
    async post(req, res) {
      await takePost(options, req, rooms.get(LOBBY, res), async () => {
        const msg = (await readForm(req, maxForm(limits))).get('msg') ?? ''
        return msg.trim() === '' ? undefined : { draft: draftOf({ msg }, limits) }
      })
      send(res, 200, HTML, '')
    },

    /** [gevent] `cursor=` → `{html, latest_cursor}`, which the client evaluates; it asks again at once, also after an error */
    async update(req, res) {
      try {
        const cursor = (await readForm(req, OTHER_FIELDS)).get('cursor') ?? ''
        const room = rooms.get(LOBBY, res)
        const tell = (): string | undefined => newsFrom(room, cursor, pages)
        const news = await park(options, req, res, { rooms: [room], ms: times.geventPoll, tell })
        send(res, 200, HTML, news ?? answer('', cursor))
      } catch (thrown) {
        const { status, code, message, headers } = toRoomfileError(thrown)
        await pauseAfterError(times, res)
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
