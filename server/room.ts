/**
 * One room in service: what it holds as far as we know, who waits for more, and the posts that share the next commit.
 * Knows no HTTP and no files. What is told to whom is decided in backlog.ts.
 */
import { EMPTY, newsFrom, type Backlog, type News } from './backlog.ts'
import type { Draft, Message, Timestamp } from './message.ts'
import type { RoomName } from './room-name.ts'
import type { Presence, Session, SessionId } from './presence.ts'
import type { TakePlace } from './rate-limit.ts'
import { sharing, type Sharing } from './sharing.ts'
import type { Store } from './store.ts'
import { Waiters } from './waiters.ts'

/** How many client ids a room remembers beyond the messages it keeps: a retry may come late. */
const MOST_CIDS = 10_000

/** How many timestamps an answer is kept ready for. */
const MOST_NEWS = 1000

interface Post {
  readonly draft: Draft
  message?: Message
}

export class Room {
  readonly name: RoomName
  /** Those who wait for messages. */
  readonly waiters = new Waiters()
  readonly presence: Presence
  readonly #store: Store
  #backlog: Backlog = EMPTY
  #news = new Map<Timestamp, News>()
  #quiet: News = { timestamp: EMPTY.timestamp, messages: [] }
  #cids = new Map<string, Message>()
  #posts: Post[] = []

  constructor(name: RoomName, store: Store, presence: Presence) {
    this.name = name
    this.#store = store
    this.presence = presence
  }

  /** Asks the store what the room holds now. Calls that come while it is asked share the next look, so each hears of all that was there when it called. */
  readonly look: Sharing = sharing(async () => this.#adopt(await this.#store.read(this.name)))

  /** Posts that arrive while a commit is being written share the next one. */
  readonly #commit = sharing(async () => {
    const posts = this.#posts
    this.#posts = []
    const { backlog, posted } = await this.#store.append(
      this.name,
      posts.map(({ draft }) => draft),
    )
    for (const [i, post] of posts.entries()) post.message = posted[i] as Message
    this.#adopt(backlog)
  })

  /**
   * Adds what somebody says, and resolves when it is kept. A `cid` that was posted before gets the message that it became then.
   * @param session whose lease it renews and whose nick it carries; without one, a nick that belongs to a session cannot be used
   * @throws RoomfileError `nick_taken`, `no_session`, or what the store says: then nothing was added
   */
  async post(draft: Draft, session?: SessionId): Promise<Message> {
    if (session === undefined) {
      if (draft.nick) this.presence.checkFree(draft.nick)
      return this.#append(draft)
    }
    const { nick } = this.presence.renew(session)
    this.presence.said(session)
    return this.#append({ ...draft, nick })
  }

  /**
   * Begins a session, and tells the room of it.
   * @param cid the client's own id: one that began a session under this nick, which lives, goes on with it, and the room is told nothing
   * @param takePlace its place among the sessions of its address
   * @throws RoomfileError `bad_nick`, `nick_taken`, `room_full`, what `takePlace` throws, or what the store says: then the nick is free again
   */
  async join(nick: string, cid?: string, takePlace?: TakePlace): Promise<Session> {
    const earlier = cid === undefined ? undefined : this.presence.again(nick, cid)
    if (earlier) return earlier
    const session = this.presence.join(nick, cid, takePlace)
    try {
      await this.#append({ type: 'join', nick, msg: '' })
    } catch (error) {
      this.presence.leave(session.id)
      throw error
    }
    return session
  }

  /**
   * Goes on with a session that began before the server was restarted, or with another server on the same rooms. The room is told as of a new
   * one, unless its newest word of this nick is that it joined: a server that was killed told nobody of a part.
   * @throws RoomfileError as `join` does
   */
  async resume(nick: string, cid: string, takePlace?: TakePlace): Promise<Session> {
    await this.look()
    const newest = this.messages.findLast((message) => message.type !== 'msg' && message.nick === nick)
    const live = this.presence.again(nick, cid)
    if (live) return live
    return newest?.type === 'join' ? this.presence.join(nick, cid, takePlace) : this.join(nick, cid, takePlace)
  }

  /** Ends a session, and tells the room of it. Returns undefined when there is none. */
  async leave(id: SessionId): Promise<Session | undefined> {
    const session = this.presence.leave(id)
    if (session) await this.tellPart(session)
    return session
  }

  /** Tells the room that a session has ended. */
  async tellPart({ nick }: Session): Promise<void> {
    await this.#append({ type: 'part', nick, msg: '' })
  }

  async #append(draft: Draft): Promise<Message> {
    const earlier = draft.cid === undefined ? undefined : this.#cids.get(draft.cid)
    if (earlier) return earlier
    const post: Post = { draft }
    this.#posts.push(post)
    await this.#commit()
    const message = post.message as Message
    this.#remember(message)
    return message
  }

  /** All that the room holds, as far as is known, oldest first. */
  get messages(): readonly Message[] {
    return this.#backlog.messages
  }

  get timestamp(): Timestamp {
    return this.#backlog.timestamp
  }

  /** What a client at this timestamp has not seen, as far as is known; undefined when there is nothing. One object for all who ask. */
  news(timestamp: Timestamp): News | undefined {
    const ready = this.#news.get(timestamp)
    if (ready) return ready
    const news = newsFrom(this.#backlog, timestamp)
    if (!news) return undefined
    if (this.#news.size >= MOST_NEWS) this.#news.clear()
    this.#news.set(timestamp, news)
    return news
  }

  /** What somebody is told whose wait ended with nothing: where to go on from. */
  get quiet(): News {
    return this.#quiet
  }

  /** Whether nobody is in the room or waits for it, and nothing is under way. */
  get isIdle(): boolean {
    const isWaitedFor = this.waiters.size > 0 || this.presence.waiters.size > 0
    return !isWaitedFor && this.presence.size === 0 && !this.look.isRunning && !this.#commit.isRunning
  }

  /** Resolves when nothing is under way any more, also for those who have gone meanwhile. */
  async settled(): Promise<void> {
    await Promise.all([this.look.settled(), this.#commit.settled()])
  }

  #adopt(backlog: Backlog): void {
    if (backlog.timestamp <= this.#backlog.timestamp) return
    this.#backlog = backlog
    this.#news.clear()
    this.#quiet = { timestamp: backlog.timestamp, messages: [] }
    this.waiters.wake()
  }

  #remember(message: Message): void {
    if (message.cid === undefined) return
    this.#cids.set(message.cid, message)
    const [oldest] = this.#cids.keys()
    if (this.#cids.size > MOST_CIDS && oldest !== undefined) this.#cids.delete(oldest)
  }
}
