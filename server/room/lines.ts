/**
 * The messages of a room as JSON, in bytes that all answers share. A room that goes on keeps the blocks that it has: a post makes one small
 * block anew, and so the answers of many moments share nearly all of their bytes. Knows messages; knows no HTTP and no rooms.
 */
import type { Backlog } from './backlog.ts'
import { lineOf, type Message, type MessageId, type Timestamp } from './message.ts'

/** A block ends with the message that reaches this many bytes. It is what one post makes anew at most, besides itself. */
const BLOCK = 32 * 1024

interface Block {
  readonly ids: readonly MessageId[]
  /** Where each message begins, with the comma before it. */
  readonly starts: readonly number[]
  readonly bytes: Buffer
}

export class Lines {
  readonly #edited: Timestamp
  readonly #blocks: readonly Block[]

  /** @param earlier those of an earlier moment of the room */
  constructor({ edited, messages }: Backlog, earlier?: Lines) {
    this.#edited = edited
    // Until somebody edits the file, a message of the same id says the same.
    const shared = earlier && earlier.#edited === edited ? earlier.#sharedWith(messages) : []
    const last = shared.at(-1)
    const begin = last ? messages.findLastIndex(({ id }) => id === last.ids.at(-1)) + 1 : 0
    this.#blocks = [...shared, ...blocksOf(messages.slice(begin))]
  }

  /** The bytes of all blocks. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** The newest messages as JSON, with commas between. */
  newest(count: number): Buffer[] {
    const pieces: Buffer[] = []
    let left = count
    for (const { ids, starts, bytes } of this.#blocks.toReversed()) {
      if (left <= 0) break
      const from = left < ids.length ? (starts[ids.length - left] ?? 0) : 0
      pieces.push(from === 0 ? bytes : bytes.subarray(from))
      left -= ids.length
    }
    const first = pieces.pop()
    return first ? [first.subarray(1), ...pieces.toReversed()] : []
  }

  /** The blocks that are still right. The last one is made anew when it is small and something comes behind it. */
  #sharedWith(messages: readonly Message[]): readonly Block[] {
    const first = messages[0]?.id
    const start = first === undefined ? -1 : this.#blocks.findIndex(({ ids }) => ids.includes(first))
    if (start < 0 || first === undefined) return []
    const blocks: Block[] = []
    let at = 0
    for (const block of this.#blocks.slice(start)) {
      const skipped = at === 0 ? block.ids.indexOf(first) : 0
      const end = at + block.ids.length - skipped
      const isSame = messages[at]?.id === block.ids[skipped] && messages[end - 1]?.id === block.ids.at(-1)
      const isWhole = block !== this.#blocks.at(-1) || block.bytes.length >= BLOCK || end === messages.length
      if (!isSame || !isWhole) break
      blocks.push(skipped === 0 ? block : without(block, skipped))
      at = end
    }
    return blocks
  }
}

/** A block that begins later, in the same bytes. */
function without({ ids, starts, bytes }: Block, skipped: number): Block {
  const from = starts[skipped] ?? 0
  return { ids: ids.slice(skipped), starts: starts.slice(skipped).map((start) => start - from), bytes: bytes.subarray(from) }
}

function blocksOf(messages: readonly Message[]): Block[] {
  const blocks: Block[] = []
  let lines: Buffer[] = []
  let ids: MessageId[] = []
  let starts: number[] = []
  let length = 0
  const end = (): void => {
    if (ids.length > 0) blocks.push({ ids, starts, bytes: Buffer.concat(lines, length) })
    lines = []
    ids = []
    starts = []
    length = 0
  }
  for (const message of messages) {
    const line = Buffer.from(`,${lineOf(message)}`)
    lines.push(line)
    ids.push(message.id)
    starts.push(length)
    length += line.length
    if (length >= BLOCK) end()
  }
  end()
  return blocks
}
