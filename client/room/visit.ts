/**
 * One visit to one room, from opening it to leaving it: its messages and people, the messages to be sent, the connection, and what is unread.
 * Knows no DOM; calls `onChange` when something has changed.
 */
import { connect, type Connection, type Message, type MessagesEvent, type RoomEvent } from '../api/client.ts'
import { LinkState } from './link-state.ts'
import { outbox, type Outbox, type OutboxEntry } from '../api/outbox.ts'
import { Reading } from './log/reading.ts'
import { recall, remember, storage } from '../remembered.ts'
import type { Entry } from './log/rows.ts'
import { sharedHub } from '../api/shared.ts'

/** How many entries are kept: a room that is open for weeks must not fill the memory. */
const MAX_ENTRIES = 2000

export interface VisitOptions {
  /** The absolute address of the server. */
  readonly src: string
  readonly room: string
  /** The nick to join under at once; `''` for none. */
  readonly nick: string
  /** Whether the reader sees the end of the room at this moment. */
  readonly isLooking: () => boolean
  readonly onChange: () => void
  /** Called for messages that came during the visit. */
  readonly onMessages: (messages: readonly Message[]) => void
  /** Called after a reset: somebody edited the room. */
  readonly onReset: () => void
}

export class Visit {
  entries: readonly Entry[] = []
  /** Whether the first answer has come. */
  isLoaded = false
  who: readonly string[] = []
  typing: readonly string[] = []
  /** The nick of our session; `''` for none. */
  nick = ''
  /** Why we could not join under the nick, or lost it. */
  nickError: Error | undefined
  /** Why the server refuses that we follow the room. */
  stopped: Error | undefined
  /** The messages that were sent here and that the room does not show yet, oldest first. */
  pending: readonly OutboxEntry[] = []
  readonly link = new LinkState(Date.now())
  readonly reading: Reading
  private readonly options: VisitOptions
  private readonly controller = new AbortController()
  private readonly connection: Connection
  private readonly outbox: Outbox
  /** The cids of the messages that the room shows. */
  private shown: ReadonlySet<string> = new Set()
  /** The cids of the messages that were sent here. */
  private readonly own = new Set<string>()
  private hasEnded = false
  /** The nick of the latest join. */
  private wanted = ''
  /** The timestamp in the browser's storage up to which the room was read. */
  private storedRead: number

  /** Begins at once. @throws TypeError if `src` is invalid */
  constructor(options: VisitOptions) {
    this.options = options
    this.storedRead = Number(recall(this.readKey))
    this.reading = new Reading(this.storedRead)
    this.connection = connect(options.src, {
      room: options.room,
      presence: true,
      hub: sharedHub(options.src),
      signal: this.controller.signal,
    })
    if (options.nick !== '') void this.join(options.nick)
    const key = `roomfile.outbox ${this.key}`
    this.outbox = outbox({ connection: this.connection, storage, key, changed: (entries) => this.onOutbox(entries) })
    void this.follow()
  }

  /** The key of this room in the browser's storage. Rooms of other servers have other keys. */
  get key(): string {
    return keyOf(this.options.src, this.options.room)
  }

  private get readKey(): string {
    return lastReadKey(this.options.src, this.options.room)
  }

  /** Leaves the room, once all messages are sent. There are no more calls of `onChange`. */
  end(): void {
    this.hasEnded = true
    this.closeWhenSent()
  }

  private closeWhenSent(): void {
    if (!this.hasEnded || this.outbox.entries.some(({ state }) => state === 'sending')) return
    this.outbox.close()
    this.controller.abort()
  }

  private changed(): void {
    if (!this.hasEnded) this.options.onChange()
  }

  send(msg: string, nick: string): void {
    this.outbox.add(msg, nick)
  }

  sendAgain(cid: string): void {
    this.outbox.retry(cid)
  }

  /** Removes a message that was not sent. */
  discard(cid: string): void {
    this.outbox.cancel(cid)
  }

  type(): void {
    this.connection.typing()
  }

  retry(): void {
    this.connection.retry()
  }

  /** Joins under another nick; `''` leaves. */
  async join(nick: string): Promise<void> {
    this.wanted = nick
    this.nickError = undefined
    try {
      if (nick !== '') this.nick = (await this.connection.join(nick)).nick
      else if (this.nick !== '') await this.connection.leave()
      if (nick === '') this.nick = ''
    } catch (error) {
      if (!this.controller.signal.aborted && this.wanted === nick) this.nickError = error as Error
    }
    this.changed()
  }

  /** The reader has seen the end of the room. @returns whether anything was unread */
  read(): boolean {
    const { reading } = this
    const wasUnread = reading.count > 0 || !reading.isRead
    reading.read(this.entries.filter((entry) => entry.type !== 'gap'))
    if (reading.lastRead !== this.storedRead) remember(this.readKey, String(reading.lastRead))
    this.storedRead = reading.lastRead
    return wasUnread
  }

  private async follow(): Promise<void> {
    try {
      for await (const event of this.connection) this.onEvent(event)
    } catch (error) {
      if (this.controller.signal.aborted) return
      this.stopped = error as Error
      this.changed()
    }
  }

  private onEvent(event: RoomEvent): void {
    if (event.type === 'messages') this.onMessages(event)
    if (event.type === 'state') this.link.take(event, Date.now())
    if (event.type === 'presence') {
      this.isLoaded = true // presence comes after the messages, and is all that comes from an empty room
      this.who = event.who
      this.typing = event.typing
    }
    if (event.type === 'session') {
      this.nick = event.nick ?? ''
      if (event.error) this.nickError = event.error
    }
    this.changed()
  }

  private onMessages({ messages, reset, gap, timestamp }: MessagesEvent): void {
    const isFirst = this.entries.length === 0
    const divider: Entry[] = gap && !isFirst ? [{ type: 'gap', id: `gap-${timestamp}` }] : []
    this.entries = [...(reset ? [] : this.entries), ...divider, ...messages].slice(-MAX_ENTRIES)
    const all = reset || !this.isLoaded
    this.isLoaded = true
    this.shown = new Set(this.entries.flatMap((entry) => ('cid' in entry && entry.cid ? [entry.cid] : [])))
    this.onOutbox(this.pending)
    if (this.hasEnded) return
    this.reading.take(messages, !isFirst && this.options.isLooking(), (message) => this.isOwn(message), all)
    if (reset && !isFirst) this.options.onReset()
    if (!all) this.options.onMessages(messages)
  }

  isOwn(message: Message): boolean {
    return (message.nick !== '' && message.nick === this.nick) || (message.cid !== undefined && this.own.has(message.cid))
  }

  private onOutbox(entries: readonly OutboxEntry[]): void {
    for (const { cid } of entries) this.own.add(cid)
    this.pending = entries.filter(({ cid }) => !this.shown.has(cid))
    this.closeWhenSent()
    this.changed()
  }
}

const keyOf = (src: string, room: string): string => `${src} ${room}`

/** The key in the browser's storage for the timestamp up to which a room was read. */
export function lastReadKey(src: string, room: string): string {
  return `roomfile.read ${keyOf(src, room)}`
}
