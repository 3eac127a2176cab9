/**
 * What the reader of a room has read: the rules of the unread line and of the unread count.
 * Knows timestamps and whether somebody is looking; knows no DOM and no storage.
 */
import type { Message, Timestamp } from '../../api/client.ts'

export class Reading {
  /** All messages up to here have been read; 0 for somebody who was never here, and for whom nothing is unread. */
  lastRead: Timestamp
  /** The first message that had not been read when it came: the line stands before it until it is read. */
  from: string | undefined
  /** Whether what stands below that line has been read meanwhile. */
  isRead = false
  /** Messages of others that have not been read. */
  count = 0

  constructor(lastRead: Timestamp) {
    this.lastRead = lastRead
  }

  /**
   * Takes in what came.
   * @param looking whether the reader sees the end of the room at this moment
   * @param isOwn whether the reader wrote a message: nobody has unread words of their own
   * @param all whether these are all there are, so that what was counted before counts no more
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

  /** The reader has seen everything up to the last of these. */
  read(messages: readonly { readonly timestamp?: Timestamp }[]): void {
    this.count = 0
    this.isRead = true
    this.lastRead = Math.max(this.lastRead, messages.at(-1)?.timestamp ?? 0)
  }
}
