/**
 * What it means that somebody else wrote a room's file: whether the room goes on, or was edited; which id and timestamp each line gets; and
 * whether the file has to be written anew. Pure, as backlog.ts is: no clock, no file, nobody waiting.
 */
import { EMPTY, isMove, nextTimestamp, sizeOf, trim, type Backlog, type Limits, type Standing } from './backlog.ts'
import { idOf, isAfter, lineOf, placed, sayingIn, stampOf, type FoundLine, type Message, type Stamp, type Timestamp } from './message.ts'

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
  /**
   * Of the messages that were known, what the room does not say any more because of an edit. Another process may have taken that edit in and
   * gone on: then it is not known which of them the edit removed, and which ones left a full room.
   */
  readonly removed: readonly Message[]
}

/**
 * The backlog of a file that somebody else wrote (PROTOCOL.md, What holds, 5): another process, whose commits stand as they are, or a person,
 * whose lines get an id and a timestamp. First each line gets its place, then the messages are compared with those that were known.
 *
 * - **Nothing changed**: the file has the known messages, and its mtime is the room's timestamp.
 * - **The room goes on**: there are new messages, all of them behind what was known, and nothing is gone but what commits leave out of a full
 *   room. At a first look: the file is as a commit left it, and clients were told nothing later.
 * - **An edit** is everything else: clients start anew.
 *
 * The timestamp is the first of these that applies: the next one, if lines at the end are new; the one that another process gave to an edit;
 * the newest message's, if the room goes on; the file's mtime, if it is later than all before and not in the future; the next one.
 *
 * The file is rewritten if a line or its mtime says something else than that, or if it has more than a room keeps.
 * @param known what this process last knew the room to hold; undefined at its first look
 */
export function takeIn(known: Backlog | undefined, asFound: Found, limits: Limits, now: Timestamp): TakenIn {
  const found = known ? withUnseen(known, asFound, now) : asFound
  const { lines, clean, legible, mtime, edited, standing } = found
  const told = known?.timestamp ?? lastTold(found)
  const places = placesOf(lines, Math.max(now, mtime, told) + (known ? 0 : CLOCK_STEP_MS))
  const newest = places.at(-1)?.timestamp ?? 0
  const latest = Math.max(told, newest, edited, standing.timestamp)
  const next = nextTimestamp(latest, now)
  const messages = messagesOf(lines, places, next, known)
  const comparison = compare(known?.messages ?? [], messages, limits)
  const { gone, added } = comparison
  if (known && found === asFound && gone.length === 0 && added.length === 0 && mtime === told)
    return { backlog: known, rewrite: false, loses: false, edit: false, removed: [] }

  const isAsCommitted = isCommit(found, places)
  const goesOn = known ? isContinuation(known, comparison, isAsCommitted) : isAsCommitted && mtime >= told && mtime > EMPTY.timestamp
  const hasNewLines = places.length < lines.length
  const isPeersEdit = edited > told && edited === latest && (mtime === edited || mtime === NO_FILE)
  const isUsable = mtime > latest && mtime <= now
  const timestamp = hasNewLines ? next : isPeersEdit ? edited : goesOn ? newest : isUsable ? mtime : next
  const backlog = {
    timestamp,
    messages,
    edited: goesOn ? Math.max(known?.edited ?? 0, edited) : timestamp,
    dropped: droppedBefore(known, found, comparison),
  }

  const isAsWritten = clean && legible && timestamp === mtime && lines.every(({ text }, i) => text === lineOf(messages[i] as Message))
  // Another process may keep more than we do. But of what a person put here, nothing may fall away with the next post.
  const kept = known && goesOn && isAsWritten ? backlog : trim(backlog, limits)
  const rewrite = !isAsWritten || kept.messages.length < messages.length
  const stays = new Set(kept.messages)
  const drops = (goesOn ? added : messages).some((message) => !stays.has(message))
  const changes = lines.some((line, i) => isChanged(line, messages[i] as Message))
  return {
    backlog: kept,
    rewrite,
    loses: drops || changes || !legible,
    edit: !goesOn,
    removed: known && (!goesOn || edited > known.edited) ? missingOf(gone, added) : [],
  }
}

/** Up to which timestamp clients may have been told of a room that is looked at for the first time. */
function lastTold({ mtime, edited, standing }: Found): Timestamp {
  const isAsEdited = mtime === edited && mtime === standing.timestamp
  return isAsEdited ? 0 : standing.timestamp // what clients were told last was this edit: it keeps its timestamp
}

/**
 * The places of lines. A line that names a place behind those before it keeps that; lines before such a line get the places right behind
 * their predecessors. The lines behind them have no place: they are new in the room, also where they were copied from above.
 * @param ceiling a line that claims a later timestamp than this is not believed
 */
function placesOf(lines: readonly FoundLine[], ceiling: Timestamp): Stamp[] {
  const believed = lines.map(({ stamp }) => (stamp && stamp.timestamp <= ceiling ? stamp : undefined))
  const first = believed.find((stamp) => stamp !== undefined)
  let previous: Stamp = { timestamp: Math.max(1, (first?.timestamp ?? 1) - 1), n: -1 } // there is room before the first
  const places: Stamp[] = []
  for (const [i, stamp] of believed.entries()) {
    if (!stamp || !isAfter(stamp, previous)) continue
    while (places.length < i) places.push((previous = behind(previous)))
    places.push((previous = isAfter(stamp, previous) ? stamp : behind(previous))) // those before it may have taken its place
  }
  return places
}

function behind({ timestamp, n }: Stamp): Stamp {
  return { timestamp, n: n + 1 }
}

/** The messages that lines are: the known one where its line stands unchanged at its place. @param next the timestamp of lines without a place */
function messagesOf(lines: readonly FoundLine[], places: readonly Stamp[], next: Timestamp, known: Backlog | undefined): Message[] {
  const before = new Map(known?.messages.map((message) => [lineOf(message), message]))
  return lines.map((line, i) => {
    const place = places[i]
    const same = keepsPlace(line, place) && before.get(line.text)
    if (same) return same
    const message = placed(line.saying, place ?? { timestamp: next, n: i - places.length })
    if (!line.stamp) byHand.add(message)
    return message
  })
}

/** What is in a file, compared with what was known. */
interface Comparison {
  /** The oldest message of the file. */
  readonly first: Message | undefined
  /** Known messages that are still there. */
  readonly kept: readonly Message[]
  /** Known messages that are not there any more. */
  readonly gone: readonly Message[]
  /** Messages that were not known. */
  readonly added: readonly Message[]
  /** Whether nothing known is left in a full room: then others may have come and gone unseen. */
  readonly isReplaced: boolean
}

function compare(known: readonly Message[], messages: readonly Message[], limits: Limits): Comparison {
  const [before, after] = [new Set(known), new Set(messages)]
  const kept = known.filter((message) => after.has(message))
  return {
    first: messages[0],
    kept,
    gone: known.filter((message) => !after.has(message)),
    added: messages.filter((message) => !before.has(message)),
    isReplaced: kept.length === 0 && isFull(messages, limits),
  }
}

/**
 * Whether a room may have left out what was said: it has as many messages as it keeps, or at least half the bytes. (A long message pushes out
 * many short ones.)
 */
function isFull(messages: readonly Message[], limits: Limits): boolean {
  const { said, moves } = sizeOf(messages)
  return said.count >= limits.backlog || said.bytes + moves.bytes >= limits.maxFile / 2
}

/** Whether a file is as a commit leaves it: all lines keep their places, the last one's timestamp is the mtime, and no edit came later. */
function isCommit({ lines, clean, mtime, edited }: Found, places: readonly Stamp[]): boolean {
  return clean && places.at(-1)?.timestamp === mtime && mtime >= edited && lines.every((line, i) => keepsPlace(line, places[i]))
}

/** Whether a room goes on from what was known (see `takeIn`). Only a commit leaves messages out, and what was said only in a full room. */
function isContinuation(known: Backlog, { kept, gone, added, isReplaced }: Comparison, isAsCommitted: boolean): boolean {
  if (added.length === 0 || added.some(({ timestamp }) => timestamp <= known.timestamp)) return false
  const isComplete = gone.length === 0 && !isReplaced
  return isComplete || (isAsCommitted && areOldest(gone, kept) && (isReplaced || kept.length > 0 || gone.every(isMove)))
}

/** Whether a commit may leave these out: the oldest of what was said, with all that stands before it, and the oldest joins and parts of the rest. */
function areOldest(gone: readonly Message[], kept: readonly Message[]): boolean {
  return precedes(newestSaid(gone), kept[0]) && precedes(gone.findLast(isMove), kept.find(isMove))
}

/** Whether one message stands before another, where there are both. */
function precedes(a: Message | undefined, b: Message | undefined): boolean {
  return !a || !b || isAfter(stampOf(b), stampOf(a))
}

function newestSaid(messages: readonly Message[]): Message | undefined {
  return messages.findLast((message) => !isMove(message))
}

/** The newest message that is not kept any more. Where that is neither written down nor known, there may be one right before the first. */
function droppedBefore(known: Backlog | undefined, { mtime, standing }: Found, { first, gone, isReplaced }: Comparison): Timestamp {
  if (mtime === standing.timestamp) return standing.dropped
  if (!known || isReplaced) return first?.timestamp ?? 0
  return newestSaid(gone)?.timestamp ?? known.dropped
}

/** Whether a line keeps the place that it names: `placesOf` gives it that very stamp then. */
function keepsPlace({ stamp }: FoundLine, place: Stamp | undefined): boolean {
  return stamp !== undefined && stamp === place
}

/** Whether a line says something that its message does not. */
function isChanged({ text, stamp, whole }: FoundLine, message: Message): boolean {
  return text !== lineOf(message) && (!whole || (stamp !== undefined && idOf(stamp) !== message.id))
}

/**
 * A file with the messages that its author had not seen: they keep their places, and stand before the lines that are new. One whose timestamp
 * is ahead of the clock says nothing of when it came. One that was written by hand may stand in the file without its place, as its author wrote
 * it, who has not seen which place it got: such a line is that message.
 */
function withUnseen(known: Backlog, found: Found, now: Timestamp): Found {
  const { seen = Infinity } = found
  if (seen === Infinity) return found
  const there = new Set(found.lines.map(({ stamp }) => stamp && idOf(stamp)))
  const unseen = new Set(known.messages.filter(({ id, timestamp }) => timestamp > seen && timestamp <= now && !there.has(id)))
  if (unseen.size === 0) return found
  const lines = found.lines.map((line) => {
    const isIt = (message: Message): boolean => byHand.has(message) && whatIsSaid(message) === JSON.stringify(line.saying)
    const same = line.stamp ? undefined : unseen.values().find(isIt)
    if (!same) return line
    unseen.delete(same)
    return asLine(same)
  })
  for (const message of unseen) {
    const next = lines.findIndex(({ stamp }) => stamp && isAfter(stamp, stampOf(message)))
    const firstNew = lines.findLastIndex(({ stamp }) => stamp) + 1
    lines.splice(next === -1 ? firstNew : next, 0, asLine(message))
  }
  return { ...found, lines, clean: false }
}

/** A message as its line would be read. */
function asLine(message: Message): FoundLine {
  return { text: lineOf(message), saying: sayingIn(message), stamp: stampOf(message), whole: true }
}

/** Those of the messages that say what none of the others says. */
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
