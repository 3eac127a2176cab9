/** What the reader has read of a room: decides where the line above the unread messages is, and how many there are. Pure: no DOM, no storage. */
import type { Message, Timestamp } from '../../api/client.ts'

export class Reading {
  /** All messages up to here have been read; 0 for a first visit, in which nothing is unread. */
  lastRead: Timestamp
  /** The id of the first unread message, above which there is a line. */
  from: string | undefined
  /** Whether the messages below that line have been read since they came. */
  isRead = false
  /** The number of unread messages of others. */
  count = 0

  constructor(lastRead: Timestamp) {
    this.lastRead = lastRead
  }

  /**
   * Adds new messages.
   * @param looking whether the reader sees the end of the room now
   * @param isOwn whether the reader wrote a message: such messages are never unread
   * @param all whether these are all messages of the room, and replace the earlier ones
   */
  take(messages: readonly Message[], looking: boolean, isOwn: (message: Message) => boolean, all: boolean): void {
    if (all) this.count = 0
    if (all && !messages.some(({ id }) => id === this.from)) this.from = undefined
    if (looking || (all && this.lastRead === 0)) return this.read(messages)
    const unread = messages.filter((message) => message.type === 'msg' && message.timestamp > this.lastRead && !isOwn(message))
    this.count += unread.length
    if (unread[0] && (this.from === undefined || this.isRead)) {
      this.from = unread[0].id
      this.isRead = false
    }
  }

  /** The reader has read all messages up to the last of these. */
  read(messages: readonly { readonly timestamp?: Timestamp }[]): void {
    this.count = 0
    this.isRead = true
    this.lastRead = Math.max(this.lastRead, messages.at(-1)?.timestamp ?? 0)
  }
}
