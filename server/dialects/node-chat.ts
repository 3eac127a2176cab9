/**
 * The protocol of node_chat, on the lobby: sessions with nicks, and `/recv` with the newest message's timestamp as its place.
 * [node_chat] marks what its server prescribes: statuses, error texts, shapes. Only translates.
 */
import { draftOf } from '../draft.ts'
import { RoomfileError } from '../errors.ts'
import { goneSignal, queryValue, send, type Handler, type Response } from '../http.ts'
import type { Message } from '../message.ts'
import { LOBBY } from '../room-name.ts'
import type { DialectOptions } from './dialect.ts'

const STARTED = Date.now()

export interface NodeChat {
  readonly join: Handler
  readonly part: Handler
  readonly send: Handler
  readonly recv: Handler
  readonly who: Handler
}

export function nodeChat({ rooms, limits, times, rateLimit }: DialectOptions): NodeChat {
  const lobby = (res: Response): ReturnType<typeof rooms.get> => rooms.get(LOBBY, res)
  return {
    async join(req, res) {
      const nick = queryValue(req, 'nick') ?? ''
      if (nick === '') return answer(res, 400, { error: 'Bad nick.' })
      try {
        await rateLimit.post(req)
        const { id } = await lobby(res).join(nick)
        answer(res, 200, { id, nick, rss: rss(), starttime: STARTED })
      } catch (thrown) {
        refuse(res, thrown, { bad_nick: 'Bad nick.', nick_taken: 'Nick in use' })
      }
    },

    async part(req, res) {
      await lobby(res).leave(queryValue(req, 'id') ?? '')
      answer(res, 200, { rss: rss() })
    },

    async send(req, res) {
      const text = queryValue(req, 'text') ?? ''
      const id = queryValue(req, 'id') ?? ''
      if (text === '') return answer(res, 400, { error: 'No such session id' })
      try {
        await rateLimit.post(req)
        await lobby(res).post(draftOf({ msg: text }, limits), id)
        answer(res, 200, { rss: rss() })
      } catch (thrown) {
        refuse(res, thrown, { no_session: 'No such session id' })
      }
    },

    async recv(req, res) {
      const since = Number(queryValue(req, 'since') || NaN)
      if (!Number.isFinite(since)) return answer(res, 400, { error: 'Must supply since parameter' })
      const room = lobby(res)
      const id = queryValue(req, 'id') ?? ''
      let place: number | undefined
      const tell = (): readonly Message[] | undefined => {
        // A place that is later than the room: what comes from now on.
        const from = (place ??= Math.min(since, room.timestamp))
        const fresh = room.messages.filter(({ timestamp }) => timestamp > from)
        return fresh.length > 0 ? fresh : undefined
      }
      const poll = (): Promise<readonly Message[] | undefined> =>
        rooms.until([room], tell, { ms: times.nodeChatPoll, signal: goneSignal(res) })
      try {
        // [node_chat] whoever has no session may read as well
        const fresh = await rateLimit.parked(req, () => (room.presence.has(id) ? room.presence.attend(id, poll) : poll()))
        const messages = (fresh ?? []).map(({ nick, type, msg, timestamp }) => ({ nick, type, text: msg, timestamp }))
        answer(res, 200, { messages, rss: rss() })
      } catch (thrown) {
        refuse(res, thrown, {})
      }
    },

    who(_req, res) {
      answer(res, 200, { nicks: lobby(res).presence.attendance.who, rss: rss() })
    },
  }
}

const rss = (): number => process.memoryUsage.rss()

function answer(res: Response, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  send(res, status, 'text/json; charset=utf-8', JSON.stringify(body), headers)
}

/** [node_chat] a refusal is 400 with its text; where it had none for it, ours. */
function refuse(res: Response, thrown: unknown, texts: Readonly<Record<string, string>>): void {
  if (!(thrown instanceof RoomfileError)) throw thrown
  const { code, status, message, headers } = thrown
  const text = texts[code]
  answer(res, text === undefined ? status : 400, { error: text ?? message }, headers)
}
