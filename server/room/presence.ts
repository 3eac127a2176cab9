/**
 * Who is in a room, and who is typing: leases, not sockets. A poll or a post renews a lease, a parked poll holds it.
 * Lives in memory and knows no messages: that somebody joined or left is told by the room.
 */
import { randomInt, randomUUID } from 'node:crypto'
import { BUDGETS } from '../budgets.ts'
import { RoomfileError } from '../errors.ts'
import type { TakePlace } from '../http/rate-limit.ts'
import { own } from './message.ts'
import { Waiters, type Deadlines } from './waiters.ts'

export type SessionId = string

export interface Session {
  /** Unguessable: whoever knows it speaks under the nick. */
  readonly id: SessionId
  readonly nick: string
}

/** A moment of who is there. */
export interface Attendance {
  /** Another number each time that anything here changes; only to be compared. */
  readonly version: number
  readonly who: readonly string[]
  /** Some of those who are typing: it may be many. */
  readonly typing: readonly string[]
}

/** The same, for whoever knows an earlier moment. */
export interface AttendanceChanges {
  readonly version: number
  /** The version that these are the changes of: those who left have to be taken away first, then those who came go to the end. */
  readonly since: number
  readonly came: readonly string[]
  readonly left: readonly string[]
  readonly typing: readonly string[]
}

/** Somebody came or left. */
interface Change {
  readonly version: number
  readonly nick: string
  readonly hasCome: boolean
}

/** 1 to 50 characters of any script; no control characters, nor those that turn the direction of writing; no separators of lines, no blanks at the ends. */
const NICK = /^(?!\s)[^\p{Cc}\p{Bidi_Control}\u2028\u2029]{1,50}(?<!\s)$/u

/**
 * The number of the newest change in any room. It begins anywhere, so that one from before a restart is not taken for one of now. No two
 * changes have the same, so that a room that was let go and comes back does not repeat one; and all that nobody came to yet have the first.
 */
const NOBODY_CAME = Date.now() * 1000 + randomInt(1000)
let newest = NOBODY_CAME

interface Lease extends Session {
  /** The client's own id for it, which nobody else knows. */
  readonly cid: string | undefined
  /** Gives the place back that it has among the sessions of its address. */
  readonly giveBack: () => void
  /** When it ends (monotonic), unless a poll is parked. */
  until: number
  parked: number
  /** Until when the nick is typing (monotonic). */
  typingUntil: number
}

export interface PresenceOptions {
  readonly leaseMs: number
  readonly typingMs: number
  /** People that there may be. */
  readonly most: number
  readonly deadlines: Deadlines
  /** Called when somebody's lease has run out; the session is gone then. */
  readonly expired: (session: Session) => void
}

export class Presence {
  /** Those who wait for a change of who is there. */
  readonly waiters = new Waiters()
  readonly #options: PresenceOptions
  readonly #leases = new Map<SessionId, Lease>()
  readonly #byNick = new Map<string, Lease>()
  #version = NOBODY_CAME
  #attendance: Attendance | undefined
  /** Who came and left since `#known`, oldest first. */
  #changes: Change[] = []
  /** The newest change when this object was made. What happened in the room before, it does not know. */
  readonly #made = newest
  /** The oldest version of which it is known what has changed since. */
  #known = this.#made
  /** What is told to those who know a version. */
  readonly #told = new Map<number, AttendanceChanges>()

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#leases.size
  }

  get version(): number {
    return this.#version
  }

  /** One object for all who ask, until something changes. */
  get attendance(): Attendance {
    this.#attendance ??= this.#attend()
    return this.#attendance
  }

  #attend(): Attendance {
    const now = performance.now()
    const leases = [...this.#leases.values()]
    const typing = leases.filter(({ typingUntil }) => typingUntil > now).slice(0, BUDGETS.namedTyping)
    return { version: this.#version, who: leases.map(({ nick }) => nick), typing: typing.map(({ nick }) => nick) }
  }

  /** What somebody is told who knows a version: what has changed since, or all where that is not known. One object for all who know the same. */
  since(version: number): Attendance | AttendanceChanges {
    const from = version === NOBODY_CAME ? this.#made : version // nobody was there when it was made either
    if (from < this.#known || version > this.#version) return this.attendance
    const told = this.#told.get(version) ?? this.#changesSince(version)
    if (this.#told.size >= BUDGETS.presenceAnswers) this.#told.clear()
    this.#told.set(version, told)
    return told
  }

  #changesSince(version: number): AttendanceChanges {
    const came = new Set<string>()
    const left = new Set<string>()
    for (const { nick, hasCome } of this.#changes.slice(this.#changes.findLastIndex((change) => change.version <= version) + 1)) {
      if (hasCome) came.add(nick)
      else if (!came.delete(nick)) left.add(nick) // who came and left meanwhile was never there
    }
    return { version: this.#version, since: version, came: [...came], left: [...left], typing: this.attendance.typing }
  }

  get sessions(): readonly Session[] {
    return [...this.#leases.values()]
  }

  has(id: SessionId): boolean {
    return this.#leases.has(id)
  }

  /**
   * Takes a nick for a new session. It is taken from this moment on: of two who ask at once, one gets it.
   * @param takePlace its place among the sessions of its address; without it they are not counted
   * @throws RoomfileError `bad_nick`, `nick_taken`, `room_full`, and what `takePlace` throws
   */
  join(nick: string, cid?: string, takePlace?: TakePlace): Session {
    const name = checkedNick(nick)
    this.checkFree(name)
    if (this.#leases.size >= this.#options.most) throw new RoomfileError('room_full')
    const giveBack = takePlace?.() ?? ((): void => undefined)
    const lease = { id: randomUUID(), nick: name, cid, giveBack, until: 0, parked: 0, typingUntil: 0 }
    this.#leases.set(lease.id, lease)
    this.#byNick.set(keyOf(name), lease)
    this.#renew(lease)
    this.#watch(lease)
    this.#changed(nick, true)
    return lease
  }

  /** The session that a client began under this nick and cid, its lease renewed; undefined when there is none. */
  again(nick: string, cid: string): Session | undefined {
    const lease = this.#byNick.get(keyOf(nick))
    if (lease?.nick !== nick || lease.cid !== cid) return undefined
    this.#renew(lease)
    return lease
  }

  /** Ends a session; undefined when there is none. */
  leave(id: SessionId): Session | undefined {
    const lease = this.#leases.get(id)
    if (!lease) return undefined
    this.#leases.delete(id)
    this.#byNick.delete(keyOf(lease.nick))
    lease.giveBack()
    this.#changed(lease.nick, false)
    return lease
  }

  /**
   * The session, its lease renewed.
   * @throws RoomfileError `no_session`
   */
  renew(id: SessionId): Session {
    const lease = this.#lease(id)
    this.#renew(lease)
    return lease
  }

  /**
   * Holds a session's lease for as long as a poll of it takes.
   * @throws RoomfileError `no_session`, and what the poll throws
   */
  async attend<T>(id: SessionId, poll: () => Promise<T>): Promise<T> {
    const lease = this.#lease(id)
    lease.parked += 1
    try {
      return await poll()
    } finally {
      lease.parked -= 1
      this.#renew(lease)
    }
  }

  /**
   * Says that somebody is typing; true for some seconds.
   * @throws RoomfileError `no_session`
   */
  type(id: SessionId): void {
    const lease = this.#lease(id)
    this.#renew(lease)
    const wasTyping = lease.typingUntil > performance.now()
    lease.typingUntil = performance.now() + this.#options.typingMs
    if (wasTyping) return
    this.#changed()
    this.#endTyping(lease)
  }

  /** Ends "is typing" at once: what was typed is said. */
  said(id: SessionId): void {
    const lease = this.#lease(id)
    if (lease.typingUntil <= performance.now()) return
    lease.typingUntil = 0
    this.#changed()
  }

  /** @throws RoomfileError `nick_taken` when the nick belongs to a session, however it is spelled */
  checkFree(nick: string): void {
    if (this.#byNick.has(keyOf(nick))) throw new RoomfileError('nick_taken', `${JSON.stringify(nick)} is taken`)
  }

  #lease(id: SessionId): Lease {
    const lease = this.#leases.get(id)
    if (!lease) throw new RoomfileError('no_session')
    return lease
  }

  #renew(lease: Lease): void {
    lease.until = performance.now() + this.#options.leaseMs
  }

  /** One deadline a session, set again as long as the lease was renewed meanwhile. */
  #watch(lease: Lease): void {
    this.#options.deadlines.after(Math.max(0, lease.until - performance.now()), () => {
      if (!this.#leases.has(lease.id)) return
      if (lease.parked > 0) this.#renew(lease)
      if (lease.until > performance.now()) return this.#watch(lease)
      this.leave(lease.id)
      this.#options.expired(lease)
    })
  }

  #endTyping(lease: Lease): void {
    this.#options.deadlines.after(Math.max(0, lease.typingUntil - performance.now()), () => {
      if (lease.typingUntil === 0 || !this.#leases.has(lease.id)) return
      if (lease.typingUntil > performance.now()) return this.#endTyping(lease)
      lease.typingUntil = 0
      this.#changed()
    })
  }

  /** @param nick who came or left; nobody where only typing changed */
  #changed(nick?: string, hasCome = false): void {
    this.#version = newest += 1
    this.#attendance = undefined
    this.#told.clear()
    if (nick !== undefined) this.#changes.push({ version: this.#version, nick, hasCome })
    if (this.#changes.length > BUDGETS.presenceChanges) this.#known = this.#changes.shift()?.version ?? this.#version
    this.waiters.wake()
  }
}

/**
 * A nick that may be used.
 * @throws RoomfileError `bad_nick`
 */
export function checkedNick(nick: unknown): string {
  if (typeof nick !== 'string' || !NICK.test(nick)) throw new RoomfileError('bad_nick')
  return own(nick)
}

/** Two nicks with one key are the same to the eye, or to whoever reads them aloud: composed alike, and folded (ß is ss, ς is σ). */
function keyOf(nick: string): string {
  return nick.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}
