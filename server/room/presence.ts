/**
 * Who is in a room, and who is typing. A session is a lease: polls and posts renew it, and it does not end while a poll of it is parked.
 * Is in memory only. Does not know messages: the room adds those that somebody joined or left.
 */
import { randomInt, randomUUID } from 'node:crypto'
import { BUDGETS } from '../budgets.ts'
import { RoomfileError } from '../errors.ts'
import type { TakePlace } from '../http/rate-limit.ts'
import { own } from './message.ts'
import { Waiters, type Deadlines } from './waiters.ts'

export type SessionId = string

export interface Session {
  /** A secret: who knows it can post under the nick. */
  readonly id: SessionId
  readonly nick: string
}

/** Who is in the room, at one moment. */
export interface Attendance {
  /** Changes with each change of the attendance; only to be compared. */
  readonly version: number
  readonly who: readonly string[]
  /** Those who are typing, up to a budget. */
  readonly typing: readonly string[]
}

/** The changes since an earlier version. */
export interface AttendanceChanges {
  readonly version: number
  /** The version that these changes apply to: first remove those who left, then append those who came. */
  readonly since: number
  readonly came: readonly string[]
  readonly left: readonly string[]
  readonly typing: readonly string[]
}

/** One person who came or left. */
interface Change {
  readonly version: number
  readonly nick: string
  readonly hasCome: boolean
}

/** 1 to 50 characters of any script, without control characters, characters that change the text direction, line separators, and spaces at its ends. */
const NICK = /^(?!\s)[^\p{Cc}\p{Bidi_Control}\u2028\u2029]{1,50}(?<!\s)$/u

/**
 * The number of the newest change in any room. It starts at a random number, so that a version from before a restart is not valid. All rooms share it, so
 * that a room that was dropped from memory and comes back does not repeat a version. A room in which nothing changed yet has the first one.
 */
const FIRST_VERSION = Date.now() * 1000 + randomInt(1000)
let newest = FIRST_VERSION

interface Lease extends Session {
  /** The client's own id for it, which is a secret. */
  readonly cid: string | undefined
  /** Gives back its place among the sessions of its address. */
  readonly giveBack: () => void
  /** When it ends (monotonic clock), unless a poll is parked. */
  until: number
  parked: number
  /** Until when the nick is typing (monotonic clock). */
  typingUntil: number
}

export interface PresenceOptions {
  readonly leaseMs: number
  readonly typingMs: number
  /** The most people in the room. */
  readonly most: number
  readonly deadlines: Deadlines
  /** Called when a lease has ended and its session has been removed. */
  readonly expired: (session: Session) => void
}

export class Presence {
  /** Those who wait for a change of who is there. */
  readonly waiters = new Waiters()
  readonly #options: PresenceOptions
  readonly #leases = new Map<SessionId, Lease>()
  readonly #byNick = new Map<string, Lease>()
  #version = FIRST_VERSION
  #attendance: Attendance | undefined
  /** Who came and left since version `#known`, oldest first. */
  #changes: Change[] = []
  /** The newest change when this object was made. Earlier changes of the room are not known. */
  readonly #made = newest
  /** The oldest version since which all changes are known. */
  #known = this.#made
  /** The changes since a version, by that version. */
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

  /** The same object for all callers, until something changes. */
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

  /** The changes since a version, or all of the attendance where they are not known. The same object for all callers with the same version. */
  since(version: number): Attendance | AttendanceChanges {
    const from = version === FIRST_VERSION ? this.#made : version // nobody was in the room when this object was made
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
      else if (!came.delete(nick)) left.add(nick) // who came and left since is in neither list
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
   * Begins a session under a nick, which is taken from now on: of two calls at the same time, one gets it.
   * @param takePlace takes its place among the sessions of its address; without it they are not counted
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

  /** Renews the session with this nick and cid, and returns it; undefined when there is none. */
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
   * Renews a session, and returns it.
   * @throws RoomfileError `no_session`
   */
  renew(id: SessionId): Session {
    const lease = this.#lease(id)
    this.#renew(lease)
    return lease
  }

  /**
   * Runs a poll of a session. Meanwhile its lease does not end.
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
   * Notes that somebody is typing, for some seconds.
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

  /** Ends "is typing" at once, because the message was posted. */
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

  /** Ends a session when its lease ends. It has one deadline, which is set again when the lease was renewed. */
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

  /** @param nick who came or left; undefined when only typing changed */
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
 * Checks a nick.
 * @throws RoomfileError `bad_nick`
 */
export function checkedNick(nick: unknown): string {
  if (typeof nick !== 'string' || !NICK.test(nick)) throw new RoomfileError('bad_nick')
  return own(nick)
}

/** Nicks with the same key count as one nick: normalized, and without case (ß is ss, ς is σ). */
function keyOf(nick: string): string {
  return nick.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}
