/**
 * All rooms in service, and waiting in one or many of them.
 * Knows when to look, to park and to let go of a room; does not know what is asked for by whom, or in which protocol.
 */
import { Presence } from './presence.ts'
import { Room, type Surroundings } from './room.ts'
import type { RoomName } from './room-name.ts'
import { BUDGETS } from '../budgets.ts'
import type { Memory } from './memory.ts'
import { sharing } from '../sharing.ts'
import type { BrokenRoom, RoomSummary, Store } from '../stores/store.ts'
import type { Times } from '../times.ts'
import { Deadlines, park, type Answering, type Waiters } from './waiters.ts'
import type { Warn } from '../warn.ts'

/** So many rooms are looked at side by side: posts come between. */
const LOOKS_AT_ONCE = 4

/** The part of a wait that may fall away, so that a thousand clients do not return together. */
const JITTER = 0.05

/** A poll: what it asks about, and what it is told. */
export interface Poll<T> {
  /** A new message in any of them wakes it. */
  readonly rooms: readonly Room[]
  /** Milliseconds that it waits at most; 0 does not wait. */
  readonly ms: number
  /**
   * What there is to tell; undefined when there is nothing yet, a promise where it has to be read first. Called when the rooms are up to date, and
   * after each wake-up.
   */
  tell(): T | undefined | Promise<T | undefined>
  /**
   * Whether there may be something to tell, as far as is known. A poll that has nothing to be told parks without a look at its rooms: it is as
   * one that parked a moment earlier, and the store tells of what happens to them. @default the rooms are looked at first
   */
  hasNews?(): boolean
  /** What else wakes it. */
  readonly more?: readonly Waiters[]
  /** Brings a room up to date, where `room.look()` alone will not do. */
  readonly look?: (room: Room) => Promise<void>
  /** Runs `wait`, with something done before and after it. */
  readonly around?: ((wait: () => Promise<T | undefined>) => Promise<T | undefined>) | undefined
}

export interface RoomsOptions {
  readonly store: Store
  readonly memory: Memory
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

const NO_ROOMS: readonly Room[] = []

const lookAt = (room: Room): Promise<void> => room.look()

export class Rooms {
  readonly #store: Store
  readonly #times: Times
  readonly #warn: Warn
  readonly #around: Surroundings
  /** Those in use, and those that are kept for convenience. */
  readonly #rooms = new Map<RoomName, Room>()
  /** The pages that were made of what the store lists. */
  readonly #pages = new WeakMap<readonly (RoomSummary | BrokenRoom)[], RoomsPage>()
  /** The rooms that each request has asked for, until its answer is taken. */
  readonly #used = new Map<Answering, readonly Room[]>()
  readonly #deadlines = new Deadlines()
  /** Looks at the rooms that somebody waits in, in case the store missed a change; undefined while nobody waits. */
  #safety: NodeJS.Timeout | undefined
  /** Where the next safety look goes on. */
  #lookedAt = 0
  #closing = false

  constructor({ store, memory, leaseMs, maxPeople, times, warn }: RoomsOptions) {
    this.#store = store
    this.#times = times
    this.#warn = warn
    this.#around = { store, memory, openPresence: (room) => this.#openPresence(room, leaseMs, maxPeople), drop: (room) => this.#drop(room) }
    store.watch({
      holds: (name, backlog) => this.#rooms.get(name)?.adopt(backlog),
      anyChanged: () => this.#lookWhereOneWaits(),
      isAwaited: () => this.#safety !== undefined,
    })
  }

  /** How many rooms are in memory. */
  get size(): number {
    return this.#rooms.size
  }

  /**
   * A room for one who answers a request. It is in use until the request's work is done and its answer taken: until then everybody who asks
   * gets the same object. Only within `during`.
   */
  get(name: RoomName, answering: Answering): Room {
    const used = this.#used.get(answering)
    if (!used) throw new Error(`room ${name} was asked for outside of a request`)
    const room = this.#rooms.get(name) ?? new Room(name, this.#around)
    this.#rooms.set(name, room)
    if (used.includes(room)) return room
    this.#used.set(answering, [...used, room])
    room.hold()
    return room
  }

  /** A page of the rooms there are, each with how many people are in it. The same object as long as nothing on it changed. */
  async list(after: string, limit: number): Promise<RoomsPage> {
    const found = await this.#store.list({ after, limit: limit + 1 })
    const people = found.map(({ name }) => this.#rooms.get(name)?.people ?? 0)
    const made = this.#pages.get(found)
    if (made?.rooms.every((room, i) => room.people === people[i])) return made
    const rooms = found.slice(0, limit).map((room, i) => ({ room, people: people[i] ?? 0 }))
    const page = { rooms, ...(found.length > limit ? { next: rooms.at(-1)?.room.name } : {}) }
    this.#pages.set(found, page)
    return page
  }

  /** Runs the work of a request. The rooms that it gets are in use until it is done, and its answer was taken or its client has gone away. */
  during<T>(answering: Answering, work: () => T | Promise<T>): T | Promise<T> {
    this.#used.set(answering, NO_ROOMS)
    const release = (): void => {
      for (const room of this.#used.get(answering) ?? NO_ROOMS) room.release()
      this.#used.delete(answering)
    }
    const end = (): void => {
      if (answering.closed) release()
      else answering.on('close', release)
    }
    let isUnderWay = false
    try {
      const result = work()
      isUnderWay = result instanceof Promise
      if (result instanceof Promise) result.then(end, end) // the caller hears of an error
      return result
    } finally {
      if (!isUnderWay) end()
    }
  }

  /** Whether a post to this room would make it. */
  async isNew(room: Room): Promise<boolean> {
    return room.isEmpty && !(await this.#store.has(room.name))
  }

  /**
   * The long poll: brings the rooms up to date, and waits until there is something to tell.
   * @param answering its answer: the wait ends when the client has gone away
   * @returns undefined when the wait ended with nothing, or the client went away
   */
  until<T>(poll: Poll<T>, answering: Answering): Promise<T | undefined> {
    return poll.around ? poll.around(() => this.#wait(poll, answering)) : this.#wait(poll, answering)
  }

  async #wait<T>(poll: Poll<T>, answering: Answering): Promise<T | undefined> {
    const { rooms, ms, look = lookAt } = poll
    const parksAtOnce = ms > 0 && poll.hasNews?.() === false && rooms.every((room) => room.isKnown)
    if (!parksAtOnce) await Promise.all(rooms.map(look))
    return this.#untilTold(poll, performance.now() + ms * (1 - JITTER * Math.random()), answering)
  }

  /** @param end when the wait ends (monotonic) */
  #untilTold<T>(poll: Poll<T>, end: number, answering: Answering): Promise<T | undefined> {
    const { rooms, more } = poll
    const inRooms = rooms.map((room) => room.waiters)
    const waiters = more && more.length > 0 ? [...inRooms, ...more] : inRooms
    return new Promise((resolve, reject) => {
      // From the question to parking nothing else runs: what changes later wakes the wait.
      const ask = (): void => {
        try {
          const told = poll.tell()
          if (told instanceof Promise) return void told.then((read) => (read === undefined ? ask() : resolve(read)), reject)
          const left = end - performance.now()
          if (told !== undefined || left <= 0 || answering.closed || this.#closing) resolve(told)
          else {
            this.#attend()
            park(waiters, this.#deadlines, left, answering, ask)
          }
        } catch (error) {
          reject(error)
        }
      }
      ask()
    })
  }

  /** Somebody waits. When nobody does any more, nothing is looked at. */
  #attend(): void {
    if (this.#safety) return
    this.#safety = setInterval(() => {
      if (this.#isAwaited()) this.#lookWhereOneWaits()
      else this.#rest()
    }, this.#times.safetyLook)
    this.#safety.unref()
    this.#store.attend()
  }

  #rest(): void {
    clearInterval(this.#safety)
    this.#safety = undefined
  }

  #isAwaited(): boolean {
    return this.#rooms.values().some((room) => room.waiters.size > 0)
  }

  /** Ends all waits, now and from now on: every parked poll is answered at once. */
  endWaits(): void {
    this.#closing = true
    this.#rest()
    for (const room of this.#rooms.values()) room.wake()
  }

  /** Ends all sessions, and tells their rooms. */
  async endSessions(): Promise<void> {
    const rooms = [...this.#rooms.values()]
    await Promise.all(rooms.flatMap((room) => room.sessions.map(({ id }) => room.leave(id))))
    this.#deadlines.stop()
  }

  #openPresence(room: Room, leaseMs: number, most: number): Presence {
    return new Presence({
      leaseMs,
      typingMs: this.#times.typing,
      most,
      deadlines: this.#deadlines,
      expired: (session) => {
        room.tellPart(session).catch((error: unknown) => this.#warn('could not tell that somebody left', { room: room.name, error }))
      },
    })
  }

  /** Looks at the rooms that somebody waits in: not at all of them in a row when they are many, but in turn. */
  readonly #lookInTurn = sharing(async () => {
    const waiting = [...this.#rooms.values()].filter((room) => room.waiters.size > 0)
    const from = this.#lookedAt < waiting.length ? this.#lookedAt : 0
    const turn = waiting.slice(from, from + BUDGETS.safetyLooks)
    this.#lookedAt = from + turn.length
    while (turn.length > 0) await Promise.all(turn.splice(0, LOOKS_AT_ONCE).map((room) => this.#lookAt(room)))
  })

  #lookWhereOneWaits(): void {
    void this.#lookInTurn()
  }

  async #lookAt(room: Room): Promise<void> {
    if (this.#closing) return // nobody waits any more, and the store is about to close
    await room.look().catch((error: unknown) => this.#warn('could not look at a room', { room: room.name, error }))
  }

  #drop(room: Room): void {
    if (this.#rooms.get(room.name) !== room) return
    this.#rooms.delete(room.name)
    this.#around.memory.forget(room)
    this.#store.release(room.name).catch((error: unknown) => this.#warn('could not release a room', { room: room.name, error }))
  }
}
