/**
 * What a room holds at one moment, what a client is told of it, and how a commit adds to it: timestamps and trimming.
 * Pure: no clock, no file, nobody waiting. A backlog is never changed, only replaced. What others write into the file: take-in.ts.
 */
import { bytesIn, lineOf, placed, sayingOf, type Draft, type Message, type Timestamp } from './message.ts'

export interface Backlog {
  /** The room's cursor: what its file's mtime says, and what a poll returns. */
  readonly timestamp: Timestamp
  /** The newest messages of the room, oldest first. */
  readonly messages: readonly Message[]
  /** When old lines were last changed by hand: a client from before must start anew (a reset). */
  readonly edited: Timestamp
  /** The newest message that is not kept any more, joins and parts apart: a client from before has missed some (a gap). */
  readonly dropped: Timestamp
}

export interface Limits {
  /** How many messages a room keeps of what people said; and as many joins and parts besides. */
  readonly backlog: number
  /** Bytes of UTF-8 that one `msg` may have. */
  readonly maxMessage: number
  /** Bytes that a room's file may have. */
  readonly maxFile: number
}

/** A room that nobody ever wrote to. It stands at 1, so that timestamp 0 always means "everything, at once" and a loop from here parks. */
export const EMPTY: Backlog = { timestamp: 1, messages: [], edited: 0, dropped: 0 }

/** Where a room stood after its last change, as it was written down beside its file. */
export interface Standing {
  /** The room's timestamp; 0 if there was nothing in the room, or if nobody wrote it down. */
  readonly timestamp: Timestamp
  readonly dropped: Timestamp
}

/** What is to be written down of a room. */
export function standingOf({ timestamp, messages, dropped }: Backlog): Standing {
  return messages.length > 0 ? { timestamp, dropped } : { timestamp: 0, dropped: 0 }
}

/** What a client at one timestamp is told. One object serves everyone who waits there. */
export interface News {
  readonly timestamp: Timestamp
  readonly messages: readonly Message[]
  /** Forget what you have: these are all the messages there are. */
  readonly reset?: true
  /** You were away so long that messages between yours and these are gone. */
  readonly gap?: true
}

/** What a client at `timestamp` has not seen, or undefined when there is nothing to tell (PROTOCOL.md, What holds, 3). */
export function newsFrom(backlog: Backlog, timestamp: Timestamp): News | undefined {
  const all = { timestamp: backlog.timestamp, messages: backlog.messages }
  if (timestamp === backlog.timestamp) return undefined
  if (timestamp === 0) return all
  if (timestamp > backlog.timestamp || timestamp < backlog.edited) return { ...all, reset: true }
  if (timestamp < backlog.dropped) return { ...all, gap: true }
  return { ...all, messages: backlog.messages.slice(backlog.messages.findLastIndex((message) => message.timestamp <= timestamp) + 1) }
}

/** The timestamp of a commit made at `now`: it always grows, whatever the clock does (PROTOCOL.md, What holds, 2). */
export function nextTimestamp(last: Timestamp, now: Timestamp): Timestamp {
  return Math.max(now, last + 1)
}

/**
 * The backlog after a commit of these drafts, and the message that each draft became: for a `cid` that is kept already, the earlier message.
 * @param now the wall clock, in milliseconds
 */
export function commit(
  backlog: Backlog,
  drafts: readonly Draft[],
  limits: Limits,
  now: Timestamp,
): { backlog: Backlog; posted: Message[] } {
  const timestamp = nextTimestamp(backlog.timestamp, now)
  const byCid = new Map<string, Message>()
  for (const message of backlog.messages) if (message.cid !== undefined) byCid.set(message.cid, message)
  const added: Message[] = []
  const posted = drafts.map((draft) => {
    const earlier = draft.cid === undefined ? undefined : byCid.get(draft.cid)
    if (earlier) return earlier
    const message = placed(sayingOf(draft), { timestamp, n: added.length })
    if (draft.cid !== undefined) byCid.set(draft.cid, message)
    added.push(message)
    return message
  })
  if (added.length === 0) return { backlog, posted }
  const [before, fresh] = [sizeOf(backlog.messages), sizeOf(added)]
  const size = { said: sum(before.said, fresh.said), moves: sum(before.moves, fresh.moves) }
  return { backlog: trim({ ...backlog, timestamp, messages: [...backlog.messages, ...added] }, limits, size), posted }
}

/** Room in a file for a join or a part, whatever the nick: those who come and go need no byte of what was said. */
const MOVE_BYTES = 512

/** Whether somebody came or went. Joins and parts have a count of their own: whoever comes and goes pushes out nothing that was said. */
export function isMove({ type }: Pick<Message, 'type'>): boolean {
  return type !== 'msg'
}

/**
 * Keeps the newest messages that the limits allow: of what was said, and of the joins and parts among it. The newest of all is kept whatever
 * its size.
 */
export function trim(backlog: Backlog, limits: Limits, { said, moves }: Size = sizeOf(backlog.messages)): Backlog {
  const { messages } = backlog
  const newest = messages.length - 1
  let [first, dropped] = [0, backlog.dropped]
  while (first < newest && (said.count > limits.backlog || said.bytes > limits.maxFile - MOVE_BYTES)) {
    const message = messages[first] as Message
    if (isMove(message)) moves = less(moves, message)
    else [said, dropped] = [less(said, message), message.timestamp]
    first += 1
  }
  let kept = first > 0 ? messages.slice(first) : messages
  const isOver = (): boolean => moves.count > limits.backlog || said.bytes + moves.bytes > limits.maxFile
  if (isOver()) {
    kept = kept.filter((message, i) => {
      const goes = isMove(message) && first + i < newest && isOver()
      if (goes) moves = less(moves, message)
      return !goes
    })
  }
  counted.set(kept, { said, moves })
  return { ...backlog, messages: kept, dropped }
}

interface Sum {
  readonly count: number
  readonly bytes: number
}

/** What messages come to in the file: what was said, and joins and parts. */
interface Size {
  readonly said: Sum
  readonly moves: Sum
}

const NOTHING: Sum = { count: 0, bytes: 0 }

const sum = (a: Sum, b: Sum): Sum => ({ count: a.count + b.count, bytes: a.bytes + b.bytes })
const more = ({ count, bytes }: Sum, message: Message): Sum => ({ count: count + 1, bytes: bytes + bytesWithNewline(message) })
const less = ({ count, bytes }: Sum, message: Message): Sum => ({ count: count - 1, bytes: bytes - bytesWithNewline(message) })

const counted = new WeakMap<readonly Message[], Size>()

/** Of messages that a commit starts from it is known. */
export function sizeOf(messages: readonly Message[]): Size {
  const known = counted.get(messages)
  if (known) return known
  let [said, moves] = [NOTHING, NOTHING]
  for (const message of messages) {
    if (isMove(message)) moves = more(moves, message)
    else said = more(said, message)
  }
  return { said, moves }
}

/** The bytes that messages take in the file. */
export function bytesOf(messages: readonly Message[]): number {
  const { said, moves } = sizeOf(messages)
  return said.bytes + moves.bytes
}

function bytesWithNewline(message: Message): number {
  return bytesIn(lineOf(message)) + 1
}
