/**
 * One room in service: where it stands, what it holds as far as memory allows, and who waits for more.
 * Knows no HTTP and no files. What is told to whom is decided in backlog.ts.
 */
import { bytesOf, EMPTY, newsFrom, type Backlog, type News } from './backlog.ts'
import { Lines } from './lines.ts'
import type { Memory } from './memory.ts'
import type { Draft, Message, Timestamp } from './message.ts'
import { LOBBY, type RoomName } from './room-name.ts'
import type { Presence, Session, SessionId } from './presence.ts'
import type { TakePlace } from '../http/rate-limit.ts'
import type { Store } from '../stores/store.ts'
import { Waiters } from './waiters.ts'

/** How many answers a room has ready: most clients are told the same, and the others' are soon made. */
const MOST_READY = 4

/** What a room weighs in memory, measured: itself, each of its messages (with one that it pushed out), and each byte of its file (as bytes, as texts, as answers). */
const EMPTY_WEIGHT = 2000
const ROOM_WEIGHT = 6000
const MESSAGE_WEIGHT = 310
const BYTE_WEIGHT = 6

/** What a cid weighs that is remembered, besides its characters. */
const CID_WEIGHT = 400

/** What a post became. */
export type Posted = Pick<Message, 'id' | 'timestamp'>

/** News as it is told: one object for all who are told the same. */
export interface Told extends News {
  /** The lines of its messages as JSON, which the answers of one room share. */
  readonly lines: () => Lines
}

/** What all rooms have in common. */
export interface Surroundings {
  readonly store: Store
  readonly memory: Memory
  readonly openPresence: (room: Room) => Presence
  /** Called when nobody uses a room any more and nothing of it is kept. */
  readonly drop: (room: Room) => void
}

const EMPTY_ROOM_ANSWER: News = { timestamp: EMPTY.timestamp, messages: [] }

export class Room {
  readonly name: RoomName
  /** Those who wait for messages. */
  readonly waiters = new Waiters()
  readonly #around: Surroundings
  #timestamp: Timestamp = EMPTY.timestamp
  /** What the room holds; undefined while nobody wrote to it, or when it was let go: it can be read again. */
  #backlog: Backlog | undefined
  #ready: Map<string, Told> | undefined
  /** What was told last, and to whom: of thousands who wait, most ask from the same timestamp. */
  #latest: { readonly asked: Timestamp; readonly told: Told } | undefined
  /** Their bytes live as long as the backlog, or an answer that is being sent. */
  #lines: WeakRef<Lines> | undefined
  #emptyAnswer: News = EMPTY_ROOM_ANSWER
  #presence: Presence | undefined
  #isKnown = false
  #loading: Promise<Backlog> | undefined
  /** How much is under way that needs this very object. */
  #holds = 0

  constructor(name: RoomName, around: Surroundings) {
    this.name = name
    this.#around = around
  }

  /** Says that somebody needs this room, until `release` is called: it is not exchanged for another object. */
  hold(): void {
    this.#holds += 1
    if (this.#isKeptWhole || !this.#backlog) this.#around.memory.forget(this)
  }

  release(): void {
    this.#holds -= 1
    if (!this.isIdle) return
    if (this.#isLetGo) this.#around.drop(this)
    else this.#account()
  }

  /** Whether nobody is in the room or asks for it, and nothing is under way. A poll that waits counts as somebody who asks. */
  get isIdle(): boolean {
    return this.#holds === 0 && this.people === 0
  }

  async #held<T>(work: () => Promise<T>): Promise<T> {
    this.hold()
    try {
      return await work()
    } finally {
      this.release()
    }
  }

  get presence(): Presence {
    return (this.#presence ??= this.#around.openPresence(this))
  }

  /** Whether it holds nothing, as far as is known. */
  get isEmpty(): boolean {
    return !this.#isLetGo && this.messages.length === 0
  }

  /** How many people are in the room. */
  get people(): number {
    return this.#presence?.size ?? 0
  }

  /** Those who are in the room. */
  get sessions(): readonly Session[] {
    return this.#presence?.sessions ?? []
  }

  /** Wakes all who wait for anything here. */
  wake(): void {
    this.waiters.wake()
    this.#presence?.waiters.wake()
  }

  /** Whether it was looked at once: from then on the store tells what happens to it. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Sees to it that we know where the room stands: all that was there when it was called. */
  look(): Promise<void> {
    const { store } = this.#around
    return this.#held(async () => {
      if (!this.#isLetGo || !(await store.isAt(this.name, this.#timestamp))) this.adopt(await store.read(this.name))
      this.#isKnown = true
    })
  }

  /** What the room holds, read again where it was let go. */
  load(): Promise<Backlog> {
    if (this.#backlog) return Promise.resolve(this.#backlog)
    this.#loading ??= this.#held(async () => {
      const read = (): Promise<Backlog> => this.#around.store.read(this.name)
      let backlog = await read()
      if (backlog.timestamp < this.#timestamp) backlog = await read() // it had begun before the newest commit
      this.adopt(backlog)
      return backlog
    }).finally(() => (this.#loading = undefined))
    return this.#loading
  }

  /**
   * Adds what somebody says, and resolves when it is kept. A `cid` that was posted before gets the message that it became then.
   * @param session whose lease it renews and whose nick it carries; without one, a nick that belongs to a session cannot be used
   * @throws RoomfileError `nick_taken`, `no_session`, or what the store says: then nothing was added
   */
  async post(draft: Draft, session?: SessionId): Promise<Posted> {
    if (session === undefined) {
      if (draft.nick) this.#presence?.checkFree(draft.nick)
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

  async #append(draft: Draft): Promise<Posted> {
    const earlier = this.#posted(draft.cid)
    if (earlier) return earlier
    const { backlog, posted } = await this.#held(() => this.#around.store.append(this.name, [draft]))
    this.adopt(backlog)
    const { id, timestamp, cid } = posted[0] as Message
    if (cid !== undefined) this.#remember(cid, { id, timestamp })
    return { id, timestamp }
  }

  /** What a cid was posted as, as far as it is remembered. One whose message the room still holds is found by the store as well. */
  #posted(cid: string | undefined): Posted | undefined {
    return cid === undefined ? undefined : (this.#around.memory.use(this.#keyOf(cid)) as Posted | undefined)
  }

  #remember(cid: string, posted: Posted): void {
    const key = this.#keyOf(cid)
    this.#around.memory.keep(key, posted, CID_WEIGHT + 2 * key.length)
  }

  #keyOf(cid: string): string {
    return `${this.name} ${cid}` // no room has a blank in its name
  }

  /** All that the lobby holds, as far as is known, oldest first. Of other rooms it may have been let go. */
  get messages(): readonly Message[] {
    return this.#backlog?.messages ?? []
  }

  get timestamp(): Timestamp {
    return this.#timestamp
  }

  /**
   * What a client at this timestamp has not seen, as far as is known; undefined when there is nothing. A promise where it has to be read again.
   * One object for all who are told the same, whatever timestamp they asked with.
   */
  news(timestamp: Timestamp): Told | undefined | Promise<Told | undefined> {
    if (timestamp === this.#timestamp) return undefined
    if (this.#latest?.asked === timestamp) return this.#latest.told
    if (this.#isLetGo) return this.load().then((backlog) => this.#told(backlog, timestamp))
    return this.#told(this.#backlog ?? EMPTY, timestamp)
  }

  #told(backlog: Backlog, timestamp: Timestamp): Told | undefined {
    const news = newsFrom(backlog, timestamp)
    if (!news) return undefined
    if (backlog === this.#backlog) this.#around.memory.use(this)
    const key = `${backlog.timestamp} ${news.messages.length} ${news.reset} ${news.gap}`
    const told = this.#ready?.get(key) ?? { ...news, lines: () => this.#linesOf(backlog) }
    if (backlog !== this.#backlog) return told
    this.#keepReady(key, told)
    this.#latest = { asked: timestamp, told }
    return told
  }

  #keepReady(key: string, told: Told): void {
    this.#ready ??= new Map()
    if (this.#ready.has(key)) return
    const [oldest] = this.#ready.keys()
    if (this.#ready.size >= MOST_READY && oldest !== undefined) this.#ready.delete(oldest)
    this.#ready.set(key, told)
  }

  #linesOf(backlog: Backlog): Lines {
    const known = linesOf.get(backlog)
    if (known) return known
    const lines = new Lines(backlog, this.#lines?.deref())
    linesOf.set(backlog, lines)
    this.#lines = new WeakRef(lines)
    return lines
  }

  /** What somebody is told whose wait ended with nothing: where to go on from. */
  get emptyAnswer(): News {
    return this.#emptyAnswer
  }

  /** The tutorials' dialects tell the lobby's messages by other places than timestamps: they need all of it at hand while they wait. */
  get #isKeptWhole(): boolean {
    return this.name === LOBBY
  }

  get #isLetGo(): boolean {
    return !this.#backlog && this.#timestamp !== EMPTY.timestamp
  }

  /** Takes what the store says that the room holds, and wakes who waits if it is news. */
  adopt(backlog: Backlog): void {
    const isNews = backlog.timestamp > this.#timestamp
    if (!isNews && !(this.#isLetGo && backlog.timestamp === this.#timestamp)) return
    this.#backlog = backlog
    this.#ready = undefined
    this.#latest = undefined
    this.#account()
    if (!isNews) return
    this.#timestamp = backlog.timestamp
    this.#emptyAnswer = { timestamp: backlog.timestamp, messages: [] }
    this.waiters.wake()
  }

  /**
   * Counts what the room holds as kept for convenience: it can be read again. Of a room that nobody wrote to it is known that there was
   * nothing: whoever was there is not told of a gap when the first message comes.
   */
  #account(): void {
    if (this.#isKeptWhole && !this.isIdle) return
    this.#around.memory.keep(this, undefined, this.#weight, () => this.#letGo())
  }

  get #weight(): number {
    if (!this.#backlog) return this.#presence ? ROOM_WEIGHT : EMPTY_WEIGHT
    const { messages } = this.#backlog
    return ROOM_WEIGHT + MESSAGE_WEIGHT * messages.length + BYTE_WEIGHT * bytesOf(messages)
  }

  #letGo(): void {
    this.#backlog = undefined
    this.#ready = undefined
    this.#latest = undefined
    if (this.isIdle) return this.#around.drop(this)
    this.#around.store.letGo(this.name)
  }
}

/** Made when the first answer needs them, once for each moment of a room. */
const linesOf = new WeakMap<Backlog, Lines>()
