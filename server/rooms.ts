/**
 * All rooms in service, and waiting in one or many of them.
 * Knows when to look, to park and to let go of a room; does not know what is asked for by whom, or in which protocol.
 */
import { Presence } from './presence.ts'
import { Room } from './room.ts'
import type { RoomName } from './room-name.ts'
import type { BrokenRoom, RoomSummary, Store } from './store.ts'
import type { Times } from './times.ts'
import { Deadlines, park, type Waiters } from './waiters.ts'
import type { Warn } from './warn.ts'

/** How many idle rooms are kept ready. */
const MOST_IDLE = 500

/** The part of a wait that may fall away, so that a thousand clients do not return together. */
const JITTER = 0.05

export interface Wait {
  /** Milliseconds that a poll may take when there is nothing new; 0 answers at once. */
  readonly ms: number
  /** Aborted when the client has gone away. */
  readonly signal: AbortSignal
}

export interface RoomsOptions {
  readonly store: Store
  /** How long a session lasts without a poll or a post. */
  readonly leaseMs: number
  /** People that may be in one room. */
  readonly maxPeople: number
  readonly times: Times
  readonly warn: Warn
}

export interface RoomsPage {
  readonly rooms: readonly { readonly room: RoomSummary | BrokenRoom; readonly people: number }[]
  /** The last room of the page, where more follow. */
  readonly next?: RoomName | undefined
}

export class Rooms {
  readonly #store: Store
  readonly #leaseMs: number
  readonly #maxPeople: number
  readonly #times: Times
  readonly #warn: Warn
  /** In the order of their last use. */
  readonly #rooms = new Map<RoomName, Room>()
  /** The pages that were made of what the store lists. */
  readonly #pages = new WeakMap<readonly (RoomSummary | BrokenRoom)[], RoomsPage>()
  readonly #deadlines = new Deadlines()
  readonly #safety: NodeJS.Timeout
  #closing = false

  constructor({ store, leaseMs, maxPeople, times, warn }: RoomsOptions) {
    this.#store = store
    this.#leaseMs = leaseMs
    this.#maxPeople = maxPeople
    this.#times = times
    this.#warn = warn
    store.watch((name) => (name === undefined ? this.#lookWhereOneWaits() : this.#lookAt(this.#rooms.get(name))))
    this.#safety = setInterval(() => this.#lookWhereOneWaits(), times.safetyLook)
    this.#safety.unref()
  }

  get(name: RoomName): Room {
    const room = this.#rooms.get(name) ?? this.#open(name)
    this.#rooms.delete(name)
    this.#rooms.set(name, room)
    if (this.#rooms.size > MOST_IDLE) this.#releaseOneIdle()
    return room
  }

  /** A page of the rooms there are, each with how many people are in it. The same object as long as nothing on it changed. */
  async list(after: string, limit: number): Promise<RoomsPage> {
    const found = await this.#store.list({ after, limit: limit + 1 })
    const people = found.map(({ name }) => this.#rooms.get(name)?.presence.size ?? 0)
    const made = this.#pages.get(found)
    if (made?.rooms.every((room, i) => room.people === people[i])) return made
    const rooms = found.slice(0, limit).map((room, i) => ({ room, people: people[i] ?? 0 }))
    const page = { rooms, ...(found.length > limit ? { next: rooms.at(-1)?.room.name } : {}) }
    this.#pages.set(found, page)
    return page
  }

  /** Whether a post to this room would make it. */
  async isNew(room: Room): Promise<boolean> {
    return room.messages.length === 0 && !(await this.#store.has(room.name))
  }

  /**
   * The long poll: looks at the rooms, and waits until there is something to tell.
   * @param tell what there is to tell, asked after each change; undefined when there is nothing
   * @param more what else to wait for, besides messages in the rooms
   * @returns undefined when the wait ended with nothing, or the client went away
   */
  async until<T>(rooms: readonly Room[], tell: () => T | undefined, wait: Wait, more: readonly Waiters[] = []): Promise<T | undefined> {
    await Promise.all(rooms.map((room) => room.look()))
    return this.parked([...rooms.map((room) => room.waiters), ...more], tell, wait)
  }

  /** The same, for rooms that have been looked at already. */
  async parked<T>(waiters: readonly Waiters[], tell: () => T | undefined, { ms, signal }: Wait): Promise<T | undefined> {
    const end = performance.now() + ms * (1 - JITTER * Math.random())
    // From here to parking nothing else runs: what changes later than this look wakes the wait (rule 4).
    for (;;) {
      const told = tell()
      const left = end - performance.now()
      if (told !== undefined || left <= 0 || signal.aborted || this.#closing) return told
      await park(waiters, this.#deadlines, left, signal)
    }
  }

  /** Ends all waits, now and from now on: every parked poll is answered at once. */
  endWaits(): void {
    this.#closing = true
    clearInterval(this.#safety)
    for (const room of this.#rooms.values()) {
      room.waiters.wake()
      room.presence.waiters.wake()
    }
  }

  /** Ends all sessions, tells their rooms, and lets commits finish: whoever asked for one may have gone, and nobody waits for it. */
  async endSessions(): Promise<void> {
    const rooms = [...this.#rooms.values()]
    await Promise.all(rooms.flatMap((room) => room.presence.sessions.map(({ id }) => room.leave(id))))
    this.#deadlines.stop()
    await Promise.all(rooms.map((room) => room.settled()))
  }

  #open(name: RoomName): Room {
    const presence = new Presence({
      leaseMs: this.#leaseMs,
      typingMs: this.#times.typing,
      most: this.#maxPeople,
      deadlines: this.#deadlines,
      expired: (session) => {
        room.tellPart(session).catch((error: unknown) => this.#warn('could not tell that somebody left', { room: name, error }))
      },
    })
    const room = new Room(name, this.#store, presence)
    return room
  }

  #lookWhereOneWaits(): void {
    for (const room of this.#rooms.values()) if (room.waiters.size > 0) this.#lookAt(room)
  }

  #lookAt(room: Room | undefined): void {
    if (this.#closing) return // nobody waits any more, and the store is about to close
    room?.look().catch((error: unknown) => this.#warn('could not look at a room', { room: room.name, error }))
  }

  #releaseOneIdle(): void {
    for (const room of this.#rooms.values()) {
      if (!room.isIdle) continue
      this.#rooms.delete(room.name)
      this.#store.release(room.name).catch((error: unknown) => this.#warn('could not release a room', { room: room.name, error }))
      return
    }
  }
}
