/**
 * The protocol of the gevent tutorial, on the lobby: `/new`, and `/update` with the id of the last message as its cursor.
 * [gevent] marks what the tutorial prescribes. Only translates between HTTP and rooms.
 */
import { draftOf } from '../room/draft.ts'
import { toRoomfileError } from '../errors.ts'
import { readForm, send, type Handler } from '../http/http.ts'
import { isAfter, placeIn, stampOf, type MessageId } from '../room/message.ts'
import type { Room } from '../room/room.ts'
import { LOBBY } from '../room/room-name.ts'
import { park, takePost, type DialectOptions } from './dialect.ts'
import { HTML, HTML_IN_JSON, inertJson, maxForm, OTHER_FIELDS, pauseAfterError } from './html.ts'
import { pageFrom, Pages, type MessageFormat } from './pages.ts'

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

const FORMAT: MessageFormat = { ...HTML_IN_JSON, cursorOf: ({ id }) => id }

/** [gevent] an empty or unknown cursor gets all messages */
function newsFrom(room: Room, cursor: MessageId, pages: Pages): string | undefined {
  const { messages } = room
  const first = indexAfter(room, cursor)
  if (first === messages.length) return undefined
  return pages.get(messages, first, () => {
    const { parts, last } = pageFrom(messages, first, FORMAT)
    return answer(parts.join(''), last?.id ?? cursor)
  })
}

/** The client only appends. An id that the room no longer has still has a position, and messages before it are not sent again. */
function indexAfter({ messages, timestamp }: Room, cursor: MessageId): number {
  const stamp = placeIn(cursor)
  if (!stamp || stamp.timestamp > timestamp) return 0
  return messages.findLastIndex((message) => !isAfter(stampOf(message), stamp)) + 1
}

/** @param html escaped for a JSON string */
function answer(html: string, cursor: MessageId): string {
  return `{"html":"${html}","latest_cursor":${inertJson(cursor)}}`
}
