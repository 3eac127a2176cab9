/**
 * The list of rooms, the latest message first, with the number of unread messages in those that the reader has visited.
 * Follows these rooms with the page's own poll. Knows no DOM; calls `onChange` when something has changed.
 */
import { connect, type Hub, type Message } from '../api/client.ts'
import { Reading } from '../room/log/reading.ts'
import { recall } from '../remembered.ts'
import { lastReadKey } from '../room/visit.ts'

/** How many rooms are listed. */
const MAX_ROOMS = 50
/** How many pages of the server's list are read, of 1,000 rooms each. By default a server has no more. */
const MAX_PAGES = 10
/** How many rooms are followed besides the one that is shown. */
const MAX_FOLLOWED = 20

export interface ListedRoom {
  readonly name: string
  /** That of its newest message; 0 for an empty room. */
  readonly timestamp: number
  readonly unread: number
}

/** A page of the server's list (PROTOCOL.md, "GET /rooms?after=NAME&limit=N"). A room that cannot be read has no timestamp. */
interface ListPage {
  readonly rooms: Record<string, { readonly timestamp?: number }>
  /** The value of `after` for the next page, if there is one. */
  readonly next?: string
}

export interface RoomListOptions {
  /** The absolute address of the server. */
  readonly src: string
  readonly hub: Hub
  readonly onChange: () => void
  /** Called for new messages in a room that is not shown. */
  readonly onMessages: (room: string, messages: readonly Message[]) => void
  /** The reader's nick, whose messages are never unread. */
  readonly nick: () => string
}

/** A room that is followed without being shown. */
interface Followed {
  readonly reading: Reading
  readonly controller: AbortController
}

export class RoomList {
  private readonly options: RoomListOptions
  private timestamps = new Map<string, number>()
  private readonly followed = new Map<string, Followed>()
  /** Rooms that were shown: they are listed even if they are empty. */
  private readonly visited = new Set<string>()
  private current = ''
  private currentUnread = 0

  constructor(options: RoomListOptions) {
    this.options = options
  }

  get rooms(): readonly ListedRoom[] {
    const names = new Set([...this.timestamps.keys(), ...this.visited])
    const rooms = [...names].map((name) => ({ name, timestamp: this.timestamps.get(name) ?? 0, unread: this.unreadIn(name) }))
    return rooms.toSorted((a, b) => b.timestamp - a.timestamp).slice(0, MAX_ROOMS)
  }

  /** The number of unread messages in all rooms together. */
  get unread(): number {
    return [...this.followed.values()].reduce((sum, { reading }) => sum + reading.count, this.currentUnread)
  }

  /** From now on this room is shown, and the previous one is followed here. */
  show(room: string): void {
    this.followed.get(room)?.controller.abort()
    this.followed.delete(room)
    this.current = room
    this.visited.add(room)
    this.currentUnread = 0
    this.followOthers()
    this.options.onChange()
  }

  /** The element counts the unread messages of the room that it shows. */
  setUnread(room: string, unread: number): void {
    if (room !== this.current) return
    this.currentUnread = unread
    this.options.onChange()
  }

  /** A message came in the room that is shown. */
  setTimestamp(timestamp: number): void {
    this.timestamps.set(this.current, timestamp)
    this.options.onChange()
  }

  /** Gets the list from the server. After a failure the list stays as it was: the page works without it. */
  async refresh(): Promise<void> {
    try {
      const timestamps = new Map<string, number>()
      for (let page = 0, after: string | undefined = ''; page < MAX_PAGES && after !== undefined; page++) {
        const response: Response = await fetch(new URL(`rooms?after=${encodeURIComponent(after)}`, this.options.src), { cache: 'no-store' })
        if (!response.ok) return
        const { rooms, next } = (await response.json()) as ListPage
        for (const [name, { timestamp = 0 }] of Object.entries(rooms)) timestamps.set(name, timestamp)
        after = next
      }
      this.timestamps = timestamps
      this.followOthers()
      this.options.onChange()
    } catch (error) {
      console.info('roomfile: the list of rooms cannot be loaded', error)
    }
  }

  private unreadIn(room: string): number {
    return room === this.current ? this.currentUnread : (this.followed.get(room)?.reading.count ?? 0)
  }

  /** Only rooms that the reader has visited: in others nothing counts as unread. */
  private followOthers(): void {
    for (const { name } of this.rooms) {
      const lastRead = Number(recall(lastReadKey(this.options.src, name)))
      if (name === this.current || this.followed.has(name) || lastRead === 0 || this.followed.size >= MAX_FOLLOWED) continue
      const followed = { reading: new Reading(lastRead), controller: new AbortController() }
      this.followed.set(name, followed)
      void this.follow(name, followed)
    }
  }

  private async follow(room: string, { reading, controller }: Followed): Promise<void> {
    const { src, hub, nick, onMessages, onChange } = this.options
    const known = Math.max(reading.lastRead, this.timestamps.get(room) ?? 0)
    try {
      for await (const event of connect(src, { room, hub, timestamp: reading.lastRead, signal: controller.signal })) {
        if (event.type !== 'messages') continue
        reading.take(event.messages, false, (message) => message.nick !== '' && message.nick === nick(), event.reset)
        this.timestamps.set(room, event.timestamp)
        const isNew = ({ timestamp }: Message): boolean => timestamp > known // and was not there when we began to follow
        if (!event.reset) onMessages(room, event.messages.filter(isNew))
        onChange()
      }
    } catch (error) {
      if (!controller.signal.aborted) console.info(`roomfile: ${room} cannot be followed`, error)
    }
  }
}
