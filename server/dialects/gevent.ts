/**
 * The protocol of the gevent tutorial, on the lobby: `/new`, and `/update` with the id of the last message as its place.
 * [gevent] marks what the tutorial prescribes. Only translates.
 */
import { draftOf } from '../draft.ts'
import { toRoomfileError } from '../errors.ts'
import { goneSignal, readForm, send, type Handler } from '../http.ts'
import type { Message, MessageId } from '../message.ts'
import { LOBBY } from '../room-name.ts'
import type { DialectOptions } from './dialect.ts'
import { HTML, inertJson, maxForm, messageHtml, OTHER_FIELDS, pauseAfterError } from './html.ts'

export interface Gevent {
  readonly post: Handler
  readonly update: Handler
}

export function gevent({ rooms, limits, times, rateLimit }: DialectOptions): Gevent {
  return {
    /** [gevent] `msg=` → 200, empty */
    async post(req, res) {
      const form = await readForm(req, maxForm(limits))
      await rateLimit.post(req)
      await rooms.get(LOBBY, res).post(draftOf({ msg: form.get('msg') ?? '' }, limits))
      send(res, 200, HTML, '')
    },

    /** [gevent] `cursor=` → `{html, latest_cursor}`, which the client evaluates; it asks again at once, also after an error */
    async update(req, res) {
      const signal = goneSignal(res)
      try {
        const cursor = (await readForm(req, OTHER_FIELDS)).get('cursor') ?? ''
        const room = rooms.get(LOBBY, res)
        const fresh = await rateLimit.parked(req, () =>
          rooms.until([room], () => messagesBehind(cursor, room.messages), { ms: times.geventPoll, signal }),
        )
        send(res, 200, HTML, encode(fresh ?? [], cursor))
      } catch (thrown) {
        const { status, code, message, headers } = toRoomfileError(thrown)
        await pauseAfterError(times, signal)
        send(res, status, HTML, inertJson({ error: { code, message } }), headers)
      }
    },
  }
}

/** [gevent] an empty or unknown id gets all there is */
function messagesBehind(cursor: MessageId, messages: readonly Message[]): readonly Message[] | undefined {
  const fresh = messages.slice(messages.findIndex(({ id }) => id === cursor) + 1)
  return fresh.length > 0 ? fresh : undefined
}

function encode(fresh: readonly Message[], cursor: MessageId): string {
  return inertJson({ html: fresh.map(messageHtml).join(''), latest_cursor: fresh.at(-1)?.id ?? cursor })
}
