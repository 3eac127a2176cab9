/**
 * One reader's visit to one room, from opening it to leaving it: what has come, who is here, what is on its way, how the connection is.
 * Knows the client and the rules of reading. Knows no DOM: whoever shows it is told when something changed.
 */
import { connect, type Connection, type Message, type MessagesEvent, type RoomEvent } from '../api/client.ts'
import { LinkState } from './link-state.ts'
import { outbox, type Outbox, type OutboxEntry } from '../api/outbox.ts'
import { Reading } from './log/reading.ts'
import { recall, remember, storage } from '../remembered.ts'
import type { Entry } from './log/rows.ts'
import { sharedHub } from '../api/shared.ts'

/** As many entries as the page keeps; a room that is open for weeks must not fill the memory. */
const MOST_ENTRIES = 2000

export interface VisitOptions {
  /** Where roomfile is: an absolute address. */
  readonly src: string
  readonly room: string
  /** Under which name to be here at once; `''` for none. */
  readonly nick: string
  /** Whether the reader sees the end of the room at this moment. */
  readonly isLooking: () => boolean
  /** Something is different: show it. */
  readonly changed: () => void
  /** Messages came while we were here, as against those that were there before. */
  readonly onMessages: (messages: readonly Message[]) => void
  /** All that was shown was replaced: somebody edited the room. */
  readonly edited: () => void
}

export class Visit {
  entries: readonly Entry[] = []
  /** Whether the first answer is there. */
  isLoaded = false
  who: readonly string[] = []
  typing: readonly string[] = []
  /** Under which name we are here; `''` for none. */
  nick = ''
  /** Why the name that was asked for is not ours. */
  nickError: Error | undefined
  /** Why the room cannot be followed any more. */
  stopped: Error | undefined
  /** What was written here and has not come back from the room yet, oldest first. */
  pending: readonly OutboxEntry[] = []
  readonly link = new LinkState(Date.now())
  readonly reading: Reading
  private readonly options: VisitOptions
  private readonly ends = new AbortController()
  private readonly connection: Connection
  private readonly outbox: Outbox
  /** The cids of what the room shows. */
  private shown: ReadonlySet<string> = new Set()
  /** The cids of what was written here. */
  private readonly own = new Set<string>()
  private isOver = false
  /** The name that was asked for last. */
  private wanted = ''
  /** Up to where the browser remembers that this room was read. */
  private kept: number

  /** Begins at once. @throws TypeError when `src` is no address */
  constructor(options: VisitOptions) {
    this.options = options
    this.kept = Number(recall(this.readKey))
    this.reading = new Reading(this.kept)
    this.connection = connect(options.src, {
      room: options.room,
      presence: true,
      hub: sharedHub(options.src),
      signal: this.ends.signal,
    })
    if (options.nick !== '') void this.join(options.nick)
    const key = `roomfile.outbox ${this.key}`
    this.outbox = outbox({ connection: this.connection, storage, key, changed: (entries) => this.sent(entries) })
    void this.follow()
  }

  /** What this room is remembered by, and no other, of whichever server. */
  get key(): string {
    return keyOf(this.options.src, this.options.room)
  }

  private get readKey(): string {
    return lastReadKey(this.options.src, this.options.room)
  }

  /** Leaves the room. What was said and is on its way still goes; nothing is told any more. */
  end(): void {
    this.isOver = true
    this.closeWhenSent()
  }

  private closeWhenSent(): void {
    if (!this.isOver || this.outbox.entries.some(({ state }) => state === 'sending')) return
    this.outbox.close()
    this.ends.abort()
  }

  private changed(): void {
    if (!this.isOver) this.options.changed()
  }

  say(msg: string, nick: string): void {
    this.outbox.add(msg, nick)
  }

  sayAgain(cid: string): void {
    this.outbox.retry(cid)
  }

  /** Takes back what was not sent. */
  discard(cid: string): void {
    this.outbox.cancel(cid)
  }

  type(): void {
    this.connection.typing()
  }

  retry(): void {
    this.connection.retry()
  }

  /** Is here under another name from now on; `''` leaves. */
  async join(nick: string): Promise<void> {
    this.wanted = nick
    this.nickError = undefined
    try {
      if (nick !== '') this.nick = (await this.connection.join(nick)).nick
      else if (this.nick !== '') await this.connection.leave()
      if (nick === '') this.nick = ''
    } catch (error) {
      if (!this.ends.signal.aborted && this.wanted === nick) this.nickError = error as Error
    }
    this.changed()
  }

  /** The reader has seen the end. @returns whether that was news */
  read(): boolean {
    const { reading } = this
    const wasUnread = reading.count > 0 || !reading.isRead
    reading.read(this.entries.filter((entry) => entry.type !== 'gap'))
    if (reading.lastRead !== this.kept) remember(this.readKey, String(reading.lastRead))
    this.kept = reading.lastRead
    return wasUnread
  }

  private async follow(): Promise<void> {
    try {
      for await (const event of this.connection) this.take(event)
    } catch (error) {
      if (this.ends.signal.aborted) return
      this.stopped = error as Error
      this.changed()
    }
  }

  private take(event: RoomEvent): void {
    if (event.type === 'messages') this.takeMessages(event)
    if (event.type === 'state') this.link.take(event, Date.now())
    if (event.type === 'presence') {
      this.isLoaded = true // who is here is told after what there is: an empty room says nothing else
      this.who = event.who
      this.typing = event.typing
    }
    if (event.type === 'session') {
      this.nick = event.nick ?? ''
      if (event.error) this.nickError = event.error
    }
    this.changed()
  }

  private takeMessages({ messages, reset, gap, timestamp }: MessagesEvent): void {
    const isFirst = this.entries.length === 0
    const divider: Entry[] = gap && !isFirst ? [{ type: 'gap', id: `gap-${timestamp}` }] : []
    this.entries = [...(reset ? [] : this.entries), ...divider, ...messages].slice(-MOST_ENTRIES)
    const all = reset || !this.isLoaded
    this.isLoaded = true
    this.shown = new Set(this.entries.flatMap((entry) => ('cid' in entry && entry.cid ? [entry.cid] : [])))
    this.sent(this.pending)
    if (this.isOver) return
    this.reading.take(messages, !isFirst && this.options.isLooking(), (message) => this.isOwn(message), all)
    if (reset && !isFirst) this.options.edited()
    if (!all) this.options.onMessages(messages)
  }

  isOwn(message: Message): boolean {
    return (message.nick !== '' && message.nick === this.nick) || (message.cid !== undefined && this.own.has(message.cid))
  }

  private sent(entries: readonly OutboxEntry[]): void {
    for (const { cid } of entries) this.own.add(cid)
    this.pending = entries.filter(({ cid }) => !this.shown.has(cid))
    this.closeWhenSent()
    this.changed()
  }
}

const keyOf = (src: string, room: string): string => `${src} ${room}`

/** Where the browser remembers up to where a room was read. */
export function lastReadKey(src: string, room: string): string {
  return `roomfile.read ${keyOf(src, room)}`
}
