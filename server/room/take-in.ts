/**
 * What it means that somebody else wrote a room's file: whether the room goes on, or was edited; which id and timestamp each line gets; and
 * whether the file has to be written anew. Pure, as backlog.ts is: no clock, no file, nobody waiting.
 */
import { isMove, nextTimestamp, sizeOf, trim, type Backlog, type Limits, type Standing } from './backlog.ts'
import {
  bytesIn,
  idOf,
  isAfter,
  lineOf,
  placed,
  sayingIn,
  stampOf,
  type FoundLine,
  type Message,
  type Stamp,
  type Timestamp,
} from './message.ts'

/** The mtime of a file that is not there. */
export const NO_FILE: Timestamp = 0

/** How far the clock may have been set back before a first look, with what was written until then still believed: a day. */
const CLOCK_STEP_MS = 86_400_000

/** A room's file as somebody left it. */
export interface Found {
  readonly lines: readonly FoundLine[]
  /** Whether these lines, each with its newline, are the file to the byte. */
  readonly clean: boolean
  /** Whether all of the file could be read: it was not too long, and it was UTF-8. */
  readonly legible: boolean
  /** The file's mtime in whole milliseconds; `NO_FILE` where there is none. */
  readonly mtime: Timestamp
  /** When an edit was last written down, by whichever process. */
  readonly edited: Timestamp
  /** What is known of the room without its file: at a first look, how far clients have been told of it. */
  readonly standing: Standing
  /** Of the messages that are known, whoever wrote the file had seen those up to here: later ones that it lacks are put back. @default Infinity */
  readonly seen?: Timestamp
}

export interface TakenIn {
  readonly backlog: Backlog
  /** Whether the file must be written anew, for its lines or its mtime to say what the backlog says. */
  readonly rewrite: boolean
  /** Whether writing it anew drops something that a person wrote. */
  readonly loses: boolean
  /** Whether clients must start anew, because it is more than lines at the end that changed. */
  readonly edit: boolean
  /** Of the messages that were known, what the room does not say any more. */
  readonly removed: readonly Message[]
}

/**
 * The backlog of a file that somebody else wrote: another process, whose commits are taken as they stand, or a person, whose lines
 * get their place in the room (PROTOCOL.md, What holds, 5).
 * @param known what this process last knew the room to hold; undefined at its first look
 */
export function takeIn(known: Backlog | undefined, asFound: Found, limits: Limits, now: Timestamp): TakenIn {
  const found = known ? withUnseen(known, asFound, now) : asFound
  const last = known?.timestamp ?? lastTold(found)
  const committed = isCommit(found)
  const shared = known ? sharedWith(known, found, committed, limits) : undefined
  const kept = shared?.kept ?? []
  const ceiling = Math.max(now, found.mtime, last) + (known ? 0 : CLOCK_STEP_MS)
  const places = place(kept.at(-1), found.lines.slice(kept.length), ceiling, shared !== undefined)
  const fresh = found.lines.length - kept.length - places.length
  if (known && shared && fresh === 0 && places.length === 0 && found.mtime === last)
    return { backlog: known, rewrite: false, loses: false, edit: false, removed: [] }

  const newest = places.at(-1)?.timestamp ?? kept.at(-1)?.timestamp ?? 0
  const past = Math.max(last, newest)
  const isContinuation = shared ? (places[0] ? places[0].timestamp > last : fresh > 0) : !known && committed && found.mtime >= last
  const edit = !isContinuation
  const byPeer = found.mtime === found.edited && found.mtime > past
  const timestamp =
    fresh > 0 ? nextTimestamp(Math.max(past, found.edited), now) : isContinuation && !byPeer ? newest : timestampOfEdit(found, past, now)
  const added = found.lines.slice(kept.length).map((line, i) => placed(line.saying, places[i] ?? { timestamp, n: i - places.length }))
  for (const [i, { stamp }] of found.lines.slice(kept.length).entries()) if (!stamp) byHand.add(added[i] as Message)
  const messages = [...kept, ...added]
  const edited = edit ? timestamp : Math.max(known?.edited ?? 0, found.edited)
  const backlog = { timestamp, messages, edited, dropped: droppedBefore(messages, found, shared) }

  const removed = known && edit ? missingOf(known.messages, messages) : []
  const changed = found.lines.filter((line, i) => lineOf(messages[i] as Message) !== line.text)
  // Another process may keep more than we do; but of what a person put here nothing may fall away with the next post.
  const { said, moves } = sizeOf(messages)
  const fits = (known !== undefined && isContinuation) || Math.max(said.count, moves.count) <= limits.backlog
  if (found.clean && changed.length === 0 && timestamp === found.mtime && fits)
    return { backlog, rewrite: false, loses: false, edit, removed }
  const trimmed = trim(backlog, limits)
  const stays = new Set(trimmed.messages)
  const drops = added.some((message) => !stays.has(message))
  const misplaces = added.some((message, i) => isChanged(found.lines[kept.length + i] as FoundLine, message))
  return { backlog: trimmed, rewrite: true, loses: drops || misplaces || !found.legible, edit, removed }
}

/**
 * A file with the messages that its author had not seen: they keep their places, and stand before the lines that are new. One whose timestamp
 * is ahead of the clock says nothing of when it came. One that was written by hand may stand in the file without its place, as its author wrote
 * it, who has not seen which place it got: such a line is that message.
 */
function withUnseen(known: Backlog, found: Found, now: Timestamp): Found {
  const { seen = Infinity } = found
  if (seen === Infinity) return found
  const there = new Set(found.lines.flatMap(({ stamp }) => (stamp ? [idOf(stamp)] : [])))
  const missing = known.messages.filter(({ id, timestamp }) => timestamp > seen && timestamp <= now && !there.has(id))
  if (missing.length === 0) return found
  const mine = missing.filter((message) => byHand.has(message))
  const lines = found.lines.map((line) => {
    const at = line.stamp ? -1 : mine.findIndex((message) => whatIsSaid(message) === JSON.stringify(line.saying))
    return at === -1 ? line : asLine(mine.splice(at, 1)[0] as Message)
  })
  const unseen = missing.filter((message) => !byHand.has(message) || mine.includes(message))
  const newLines = lines.length - 1 - lines.findLastIndex(({ stamp }) => stamp)
  const merged: FoundLine[] = []
  for (const line of lines.slice(0, lines.length - newLines)) {
    while (line.stamp && unseen[0] && isAfter(line.stamp, stampOf(unseen[0]))) merged.push(asLine(unseen.shift() as Message))
    merged.push(line)
  }
  return { ...found, lines: [...merged, ...unseen.map(asLine), ...lines.slice(lines.length - newLines)], clean: false }
}

/** A message as its line would be read. */
function asLine(message: Message): FoundLine {
  return { text: lineOf(message), saying: sayingIn(message), stamp: stampOf(message), whole: true }
}

/** Those of the messages that say what none of the others says, wherever it stands now. */
function missingOf(messages: readonly Message[], others: readonly Message[]): Message[] {
  const times = new Map<string, number>()
  for (const message of others) times.set(whatIsSaid(message), (times.get(whatIsSaid(message)) ?? 0) + 1)
  return messages.filter((message) => {
    const left = times.get(whatIsSaid(message)) ?? 0
    times.set(whatIsSaid(message), left - 1)
    return left <= 0
  })
}

/** Messages that came without a place of their own. */
const byHand = new WeakSet<Message>()

function whatIsSaid(message: Message): string {
  return JSON.stringify(sayingIn(message))
}

/** Whether a file is as a commit leaves it: stamps rising from line to line, the last of them the mtime (PROTOCOL.md, What holds, 2). */
function isCommit({ lines, clean, mtime, edited }: Found): boolean {
  const rising = lines.every(({ stamp }, i) => stamp && (i === 0 || isAfter(stamp, lines[i - 1]?.stamp ?? stamp)))
  return clean && rising && lines.at(-1)?.stamp?.timestamp === mtime && mtime >= edited
}

interface Shared {
  readonly kept: readonly Message[]
  readonly dropped: Timestamp
}

/**
 * The known messages that a file still starts with, or undefined when it does not go on from what is known. Another process may have left
 * out the oldest of what was said, with all that stands before it, and the oldest joins and parts among the rest.
 */
function sharedWith(known: Backlog, { lines }: Found, committed: boolean, limits: Limits): Shared | undefined {
  const { messages } = known
  const [kept, out]: [Message[], Message[]] = [[], []]
  for (const message of messages) (lineOf(message) === lines[kept.length]?.text ? kept : out).push(message)
  const isFull = lines.filter(({ saying }) => !isMove(saying)).length >= limits.backlog
  if (out.length === 0 && !(messages.length === 0 && isFull)) return { kept, dropped: known.dropped }
  // Only a commit leaves old messages out: then others must have come, behind those that are known, and the room must be full of them.
  const next = lines[kept.length]?.stamp
  if (!committed || !next) return undefined
  if (kept.length === 0 && !isFull && out.some((message) => !isMove(message)) && bytesOfLines(lines) < limits.maxFile / 2) return undefined
  const said = out.findLast((message) => !isMove(message))
  if (!precedes(said, kept[0]) || !precedes(out.findLast(isMove), kept.find(isMove))) return undefined
  if (kept.at(-1) !== messages.at(-1) || messages.length === 0) {
    if (next.timestamp <= known.timestamp) return undefined
  }
  const isAllGone = kept.length === 0 && (said !== undefined || isFull)
  return { kept, dropped: isAllGone ? next.timestamp : (said?.timestamp ?? known.dropped) }
}

function bytesOfLines(lines: readonly FoundLine[]): number {
  return lines.reduce((bytes, { text }) => bytes + bytesIn(text) + 1, 0)
}

/** Whether one message stands before another, where there are both. */
function precedes(a: Message | undefined, b: Message | undefined): boolean {
  return !a || !b || isAfter(stampOf(b), stampOf(a))
}

/**
 * The places of lines behind `previous`: a line keeps the one it names where that is in order, and gets one right behind its predecessor
 * where a later line has a place. The lines that are left over at the end are new in the room.
 * @param ceiling a line that claims a later timestamp than this is not believed
 * @param isContinuation whether the room goes on from what is known: then a line out of order is one that was copied here, and so is new
 */
function place(previousMessage: Message | undefined, lines: readonly FoundLine[], ceiling: Timestamp, isContinuation: boolean): Stamp[] {
  const believed = lines.map(({ stamp }) => (stamp && stamp.timestamp <= ceiling ? stamp : undefined))
  const first = believed.find((stamp) => stamp !== undefined)
  const places: Stamp[] = []
  let previous = previousMessage ? stampOf(previousMessage) : { timestamp: Math.max(1, (first?.timestamp ?? 1) - 1), n: -1 }
  const behind = (): Stamp => ({ timestamp: previous.timestamp, n: previous.n + 1 })
  for (const [i, stamp] of believed.entries()) {
    if (!stamp || (isContinuation && !isAfter(stamp, previous))) continue
    while (places.length < i) places.push((previous = behind()))
    places.push((previous = isAfter(stamp, previous) ? stamp : behind()))
  }
  return places
}

/**
 * The timestamp of an edit: the file's own mtime where that is later than all before it, or where another process has settled on it; and what
 * that has settled on where there is no file.
 */
function timestampOfEdit({ mtime, edited }: Found, past: Timestamp, now: Timestamp): Timestamp {
  if (mtime === NO_FILE && edited > past) return edited
  const usable = mtime > past && (mtime === edited || (mtime > edited && mtime <= now))
  return usable ? mtime : nextTimestamp(Math.max(past, edited), now)
}

/** Up to which timestamp clients may have been told of a room that is looked at for the first time. */
function lastTold({ mtime, edited, standing }: Found): Timestamp {
  const isAsEdited = mtime !== NO_FILE && mtime === edited && mtime === standing.timestamp
  return isAsEdited ? 0 : standing.timestamp // how `timestampOfEdit` knows the timestamp that another process gave to an edit
}

/** The newest message that is not kept any more; where nobody wrote it down for this version of the file, there may be one right before the first. */
function droppedBefore([first]: readonly Message[], { mtime, standing }: Found, shared: Shared | undefined): Timestamp {
  return mtime === standing.timestamp ? standing.dropped : (shared?.dropped ?? first?.timestamp ?? 0)
}

/** Whether a line says something that the message it became does not. */
function isChanged({ whole, stamp }: FoundLine, message: Message): boolean {
  return !whole || (stamp !== undefined && message.id !== idOf(stamp))
}
