/**
 * The protocol of node_chat, on the lobby: sessions with nicks, and `/recv` with the newest message's timestamp as its cursor.
 * [node_chat] marks what its server prescribes: statuses, error texts, shapes. Only translates between HTTP and rooms.
 */
import { draftOf } from '../room/draft.ts'
import { RoomfileError } from '../errors.ts'
import { queryValue, send, type Handler, type Request, type Response } from '../http/http.ts'
import type { Message, Timestamp } from '../room/message.ts'
import type { Session } from '../room/presence.ts'
import { LOBBY } from '../room/room-name.ts'
import type { Store } from '../stores/store.ts'
import { beginSession, park, takePost, type DialectOptions } from './dialect.ts'
import { leftOut } from './html.ts'
import { Tickets } from './tickets.ts'
import { pageFrom, Pages, type MessageFormat } from './pages.ts'

const STARTED = Date.now()

export interface NodeChat {
  readonly join: Handler
  readonly part: Handler
  readonly send: Handler
  readonly recv: Handler
  readonly who: Handler
}

export interface NodeChatOptions extends DialectOptions {
  readonly store: Pick<Store, 'secret'>
}

export function nodeChat(options: NodeChatOptions): NodeChat {
  const { rooms, store, limits, times, rateLimit } = options
  const pages = new Pages()
  const tickets = new Tickets(store)
  const lobby = (res: Response): ReturnType<typeof rooms.get> => rooms.get(LOBBY, res)

  /** The session of an id; undefined when there is none. One from before a restart is resumed, because its client would not notice that it ended. */
  async function sessionOf(req: Request, res: Response): Promise<Session | undefined> {
    const ticket = await tickets.read(queryValue(req, 'id') ?? '')
    if (!ticket) return undefined
    const live = lobby(res).presence.again(ticket.nick, ticket.cid)
    if (live || !tickets.isFromBefore(ticket)) return live
    await rateLimit.post(req)
    return lobby(res).resume(ticket.nick, ticket.cid, rateLimit.session(req))
  }

  return {
    async join(req, res) {
      const nick = queryValue(req, 'nick') ?? ''
      if (nick === '') return answer(res, 400, { error: 'Bad nick.' })
      try {
        const ticket = tickets.fresh(nick)
        let id = ''
        await beginSession(options, req, lobby(res), async () => {
          id = await tickets.write(ticket)
          return ticket
        })
        answer(res, 200, { id, nick: inertNick(nick), rss: rss(), starttime: STARTED })
      } catch (thrown) {
        refuse(res, thrown, { bad_nick: 'Bad nick.', nick_taken: 'Nick in use' })
      }
    },

    async part(req, res) {
      const ticket = await tickets.read(queryValue(req, 'id') ?? '')
      const session = ticket && lobby(res).presence.again(ticket.nick, ticket.cid)
      if (ticket) tickets.end(ticket)
      if (session) await lobby(res).leave(session.id)
      answer(res, 200, { rss: rss() })
    },

    async send(req, res) {
      const text = queryValue(req, 'text') ?? ''
      if (text === '') return answer(res, 400, { error: 'No such session id' })
      try {
        await takePost(options, req, lobby(res), async () => {
          const draft = draftOf({ msg: text }, limits)
          const session = await sessionOf(req, res)
          if (!session) throw new RoomfileError('no_session')
          return { draft, session: session.id }
        })
        answer(res, 200, { rss: rss() })
      } catch (thrown) {
        refuse(res, thrown, { no_session: 'No such session id', nick_taken: 'Nick in use' })
      }
    },

    async recv(req, res) {
      const since = Number(queryValue(req, 'since') || NaN)
      if (!Number.isFinite(since)) return answer(res, 400, { error: 'Must supply since parameter' })
      const room = lobby(res)
      let from: number | undefined
      // A timestamp later than the room's gets what comes from now on.
      const tell = (): string | undefined => newsFrom(room.messages, (from ??= Math.min(since, room.timestamp)), pages)
      try {
        // [node_chat] a client without a session may read as well
        const session = await sessionOf(req, res).catch(unlessRefused)
        const around = session && ((wait: () => Promise<string | undefined>) => room.presence.attend(session.id, wait))
        const news = await park(options, req, res, { rooms: [room], ms: times.nodeChatPoll, tell, around })
        answerJson(res, 200, `{"messages":${news ?? '[]'},"rss":${rss()}}`)
      } catch (thrown) {
        refuse(res, thrown, {})
      }
    },

    who(_req, res) {
      answer(res, 200, { nicks: lobby(res).presence.attendance.who.map(inertNick), rss: rss() })
    },
  }
}

/** For `catch`: a client whose session is refused reads without one. */
function unlessRefused(thrown: unknown): undefined {
  if (!(thrown instanceof RoomfileError)) throw thrown
}

const FORMAT: MessageFormat = {
  cursorOf: ({ timestamp }) => timestamp,
  full: messageJson,
  plain: messageJson, // it is source text already
  leftOut: (count, message) => messageJson({ ...message, type: 'msg', nick: '', msg: leftOut(count) }),
}

function messageJson({ nick, type, msg, timestamp }: Message): string {
  return JSON.stringify({ nick: inertNick(nick), type, text: inertText(msg), timestamp })
}

function newsFrom(messages: readonly Message[], since: Timestamp, pages: Pages): string | undefined {
  const first = messages.findLastIndex(({ timestamp }) => timestamp <= since) + 1
  if (first === messages.length) return undefined
  return pages.get(messages, first, () => `[${pageFrom(messages, first, FORMAT).parts.join(',')}]`)
}

/**
 * [node_chat] its client escapes `&`, `<` and `>`, and then puts whatever begins with `http://` or `https://` into `href="…"`, up to the next
 * space: a quote in it would end the attribute. Spaces are those of ASCII, because browsers disagree about the others.
 */
function inertText(text: string): string {
  return text.replaceAll(/https?:\/\/[^ \t\n\v\f\r]*/gi, (url) => url.replaceAll('"', '%22'))
}

/**
 * [node_chat] its server allowed nicks of `[\w_\-^!]` only, and its client relies on that: it makes links of URLs in them, and a regular expression
 * of its own nick. Only ASCII has a meaning there. So all other characters stay, and of ASCII what its server allowed, spaces and dots.
 */
function inertNick(nick: string): string {
  return nick.replaceAll(/[^\w\-^!. \u0080-\u{10ffff}]|\p{Bidi_Control}/gu, '_')
}

const rss = (): number => process.memoryUsage.rss()

function answer(res: Response, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  answerJson(res, status, JSON.stringify(body), headers)
}

function answerJson(res: Response, status: number, json: string, headers: Readonly<Record<string, string>> = {}): void {
  send(res, status, 'text/json; charset=utf-8', json, headers)
}

/** [node_chat] errors that it knew are 400 with its text; the others have our status and text. */
function refuse(res: Response, thrown: unknown, texts: Readonly<Record<string, string>>): void {
  if (!(thrown instanceof RoomfileError)) throw thrown
  const { code, status, message, headers } = thrown
  const text = texts[code]
  answer(res, text === undefined ? status : 400, { error: text ?? message }, headers)
}
