/**
 * All rooms in service, and waiting in one or many of them.
 * Knows when to look, to park and to let go of a room; does not know what is asked for by whom, or in which protocol.
 */
import type { News } from './backlog.ts'
import type { Timestamp } from './message.ts'
import { Room } from './room.ts'
import type { RoomName } from './room-name.ts'
import type { RoomSummary, Store } from './store.ts'
import { Deadlines, park } from './waiters.ts'
import type { Warn } from './warn.ts'

/** How often a room that somebody waits in is looked at without any event: should one ever be missed, this is how late we are. */
const SAFETY_LOOK_MS = 2000

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

export class Rooms {
  readonly #store: Store
  readonly #warn: Warn
  /** In the order of their last use. */
  readonly #rooms = new Map<RoomName, Room>()
  readonly #deadlines = new Deadlines()
  readonly #safety: NodeJS.Timeout
  #closing = false

  constructor(store: Store, warn: Warn) {
    this.#store = store
    this.#warn = warn
    store.watch((name) => this.#lookAt(this.#rooms.get(name)))
    this.#safety = setInterval(() => {
      for (const room of this.#rooms.values()) if (room.waiters.size > 0) this.#lookAt(room)
    }, SAFETY_LOOK_MS)
    this.#safety.unref()
  }

  get(name: RoomName): Room {
    const room = this.#rooms.get(name) ?? new Room(name, this.#store)
    this.#rooms.delete(name)
    this.#rooms.set(name, room)
    if (this.#rooms.size > MOST_IDLE) this.#releaseOneIdle()
    return room
  }

  list(): Promise<RoomSummary[]> {
    return this.#store.list()
  }

  /**
   * The long poll: what is newer than each room's timestamp, as soon as any room has something.
   * @returns the rooms with news, none when the wait ended with nothing or the client went away
   */
  async poll(wanted: ReadonlyMap<Room, Timestamp>, { ms, signal }: Wait): Promise<Map<Room, News>> {
    const rooms = [...wanted.keys()]
    await Promise.all(rooms.map((room) => room.look()))
    const end = performance.now() + ms * (1 - JITTER * Math.random())
    // From here to parking nothing else runs: what changes later than this look wakes the wait (rule 4).
    for (;;) {
      const news = newsOf(wanted)
      const left = end - performance.now()
      if (news.size > 0 || left <= 0 || signal.aborted || this.#closing) return news
      await park(
        rooms.map((room) => room.waiters),
        this.#deadlines,
        left,
        signal,
      )
    }
  }

  /** Ends all waits, now and from now on: every parked poll is answered at once. */
  endWaits(): void {
    this.#closing = true
    clearInterval(this.#safety)
    for (const room of this.#rooms.values()) room.waiters.wake()
  }

  #lookAt(room: Room | undefined): void {
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

function newsOf(wanted: ReadonlyMap<Room, Timestamp>): Map<Room, News> {
  const found = new Map<Room, News>()
  for (const [room, timestamp] of wanted) {
    const news = room.news(timestamp)
    if (news) found.set(room, news)
  }
  return found
}
