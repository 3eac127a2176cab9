/**
 * The rooms there are, the liveliest first, and how much is unread in those that the reader was in before.
 * Follows such rooms by the poll that the page has anyway. Knows no DOM; whoever shows it is told when something changed.
 */
import { connect, type Hub, type Message } from '../api/client.ts'
import { Reading } from '../room/log/reading.ts'
import { recall } from '../remembered.ts'
import { lastReadKey } from '../room/visit.ts'

/** A list is no directory. */
const MOST_ROOMS = 50
/** Pages of the server's list that are read, of 1,000 rooms each: as many rooms as a server has, unless its owner wants more. */
const MOST_PAGES = 10
/** As many rooms are followed beside the one that is shown. */
const MOST_FOLLOWED = 20

export interface ListedRoom {
  readonly name: string
  /** Of its newest message; 0 for a room that nobody wrote to. */
  readonly timestamp: number
  readonly unread: number
}

/** A page of the server's list: each room's newest timestamp, or none where it cannot be read. */
interface ListPage {
  readonly rooms: Record<string, { readonly timestamp?: number }>
  /** Where to go on, if more follow. */
  readonly next?: string
}

export interface RoomListOptions {
  /** Where roomfile is: an absolute address. */
  readonly src: string
  readonly hub: Hub
  readonly changed: () => void
  /** Messages came in a room that is not shown. */
  readonly onMessages: (room: string, messages: readonly Message[]) => void
  /** The reader's own name, whose words are not unread. */
  readonly nick: () => string
}

/** A room that is followed without being shown. */
interface Followed {
  readonly reading: Reading
  readonly ends: AbortController
}

export class RoomList {
  private readonly options: RoomListOptions
  private timestamps = new Map<string, number>()
  private readonly followed = new Map<string, Followed>()
  /** Rooms that were shown here: they stay in the list, although nobody may have written to them. */
  private readonly visited = new Set<string>()
  private current = ''
  private currentUnread = 0

  constructor(options: RoomListOptions) {
    this.options = options
  }

  get rooms(): readonly ListedRoom[] {
    const names = new Set([...this.timestamps.keys(), ...this.visited])
    const rooms = [...names].map((name) => ({ name, timestamp: this.timestamps.get(name) ?? 0, unread: this.unreadIn(name) }))
    return rooms.toSorted((a, b) => b.timestamp - a.timestamp).slice(0, MOST_ROOMS)
  }

  /** Messages that wait in all rooms together. */
  get unread(): number {
    return [...this.followed.values()].reduce((sum, { reading }) => sum + reading.count, this.currentUnread)
  }

  /** This room is shown from now on; the one before is followed from here. */
  show(room: string): void {
    this.followed.get(room)?.ends.abort()
    this.followed.delete(room)
    this.current = room
    this.visited.add(room)
    this.currentUnread = 0
    this.followOthers()
    this.options.changed()
  }

  /** What is unread in the room that is shown: it counts by itself. */
  count(room: string, unread: number): void {
    if (room !== this.current) return
    this.currentUnread = unread
    this.options.changed()
  }

  /** Something came in the room that is shown. */
  stir(timestamp: number): void {
    this.timestamps.set(this.current, timestamp)
    this.options.changed()
  }

  /** Asks which rooms there are. A page without the list is a page all the same, so a failure leaves it as it was. */
  async refresh(): Promise<void> {
    try {
      const timestamps = new Map<string, number>()
      for (let page = 0, after: string | undefined = ''; page < MOST_PAGES && after !== undefined; page++) {
        const response: Response = await fetch(new URL(`rooms?after=${encodeURIComponent(after)}`, this.options.src), { cache: 'no-store' })
        if (!response.ok) return
        const { rooms, next } = (await response.json()) as ListPage
        for (const [name, { timestamp = 0 }] of Object.entries(rooms)) timestamps.set(name, timestamp)
        after = next
      }
      this.timestamps = timestamps
      this.followOthers()
      this.options.changed()
    } catch (error) {
      console.info('roomfile: no list of rooms', error)
    }
  }

  private unreadIn(room: string): number {
    return room === this.current ? this.currentUnread : (this.followed.get(room)?.reading.count ?? 0)
  }

  /** Only rooms that the reader was in before: nobody has unread words where they never were. */
  private followOthers(): void {
    for (const { name } of this.rooms) {
      const lastRead = Number(recall(lastReadKey(this.options.src, name)))
      if (name === this.current || this.followed.has(name) || lastRead === 0 || this.followed.size >= MOST_FOLLOWED) continue
      const followed = { reading: new Reading(lastRead), ends: new AbortController() }
      this.followed.set(name, followed)
      void this.follow(name, followed)
    }
  }

  private async follow(room: string, { reading, ends }: Followed): Promise<void> {
    const { src, hub, nick, onMessages, changed } = this.options
    const known = Math.max(reading.lastRead, this.timestamps.get(room) ?? 0)
    try {
      for await (const event of connect(src, { room, hub, timestamp: reading.lastRead, signal: ends.signal })) {
        if (event.type !== 'messages') continue
        reading.take(event.messages, false, (message) => message.nick !== '' && message.nick === nick(), event.reset)
        this.timestamps.set(room, event.timestamp)
        if (!event.reset)
          onMessages(
            room,
            event.messages.filter(({ timestamp }) => timestamp > known),
          ) // and not what had been said before
        changed()
      }
    } catch (error) {
      if (!ends.signal.aborted) console.info(`roomfile: ${room} cannot be followed`, error)
    }
  }
}
