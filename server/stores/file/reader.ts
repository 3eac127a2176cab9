/**
 * What a version of a room's file says, beside the one that is known: new lines, an edit, or an edit that is still being written.
 * Reads, and changes nothing. What follows from the lines is decided in take-in.ts; what is done about it, in committer.ts.
 */
import { fstatSync } from 'node:fs'
import { EMPTY, type Backlog, type Limits } from '../../room/backlog.ts'
import { takeIn, type Found, type TakenIn } from '../../room/take-in.ts'
import type { Timestamp } from '../../room/message.ts'
import { isWholeMs } from './durable.ts'
import type { Known } from './known.ts'
import type { RoomLock } from './room-lock.ts'
import type { Sightings } from './sightings.ts'
import { foundIn, type Snapshot } from './snapshot.ts'
import type { Versions } from './versions.ts'
import type { Writing } from './writing.ts'

export interface ReaderOptions {
  readonly known: Known
  readonly lock: RoomLock
  readonly versions: Versions
  readonly sightings: Sightings
  readonly writing: Writing
  readonly limits: Limits
  /** Called when the file should be looked at again though nothing happens to it. */
  readonly lookAgainSoon: () => void
}

/** What a version says. */
export type Seen = TakenIn & {
  /** The bytes behind its last newline that are not taken as a line yet. */
  readonly tail: Buffer
  /** Whether a person changed the file, and no other process has seen to it before. */
  readonly byHand: boolean
  /** Whether another process wrote the file as well since it was known here: then it watches what was replaced. */
  readonly isPeersToo: boolean
}

export class Reader {
  readonly #options: ReaderOptions
  /** The edit that this process wrote down last. */
  #wroteEdited: Timestamp = 0

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  /** This process has written an edit down: it is not another's. */
  wrote(edited: Timestamp): void {
    this.#wroteEdited = edited
  }

  /**
   * What a snapshot says.
   * @param mayWait whether to wait for an edit that is not at its end, for as long as the file is not left alone
   * @returns undefined while it is such an edit
   */
  async see(snapshot: Snapshot, mayWait: boolean): Promise<Seen | undefined> {
    const { known: state, lock, limits, writing, lookAgainSoon } = this.#options
    await state.recall(snapshot.bytes, limits)
    const known = state.backlog
    const isSame = known && !writing.isUnderWay && snapshot.signature === state.signature
    if (isSame && snapshot.fd !== undefined) return unchanged(known)
    const noted = lock.read()
    const { edited } = noted
    const standing = !known && state.standing && state.standing.timestamp > noted.standing.timestamp ? state.standing : noted.standing
    if (isSame && edited <= known.edited) return unchanged(known)
    if (!known && standing.timestamp === 0 && snapshot.fd === undefined)
      return unchanged({ ...EMPTY, timestamp: Math.max(EMPTY.timestamp, edited), edited })

    const end = snapshot.bytes.lastIndexOf('\n') + 1
    const isOver = onceAsked(() => this.#isOver(snapshot)) // it may become so between two questions
    const waits = end < snapshot.bytes.length && !(await isOver())
    const found = foundIn(snapshot, waits ? end : snapshot.bytes.length, { edited, standing }, limits)
    // A line that is still being written explains an mtime that no message has.
    const read = waits && known ? { ...found, mtime: known.timestamp } : found
    const plain = this.#takeIn(known, read)
    const isNoted = known !== undefined && edited > known.edited && edited !== this.#wroteEdited
    const isPeers = isNoted && (snapshot.fd === undefined || snapshot.mtime === edited || !plain.rewrite) // as the other process left it
    // What that process knew, it has put back or kept aside.
    const seenTo = isPeers ? (noted.before > known.edited ? 0 : noted.known) : 0
    const backTo = isPeers && isOurs(snapshot) ? seenTo : 0
    const isMissing = plain.removed.some(({ timestamp }) => timestamp > backTo)
    const taken = known && isMissing ? this.#withUnseen(snapshot, read, plain, known, backTo) : plain
    const isFirst = known === undefined && !state.isLetGo
    const rewrite = taken.rewrite && snapshot.fd !== undefined
    const needsNoQuiet = isFirst || (isPeers && !rewrite)
    const early = taken.edit && !needsNoQuiet && ((mayWait && !(await isOver())) || (await writing.isHeld(snapshot)))
    if (waits || early) lookAgainSoon()
    else writing.end()
    if (early) return undefined
    return {
      ...taken,
      removed: taken.removed.filter(({ timestamp }) => timestamp > seenTo),
      rewrite,
      tail: snapshot.bytes.subarray(waits ? end : snapshot.bytes.length),
      byHand: (taken.edit && !isPeers) || rewrite,
      isPeersToo: isNoted || (known !== undefined && found.lines.some(({ stamp }) => stamp && stamp.timestamp > known.timestamp)),
    }
  }

  /** Whether what was written is at its end: the file was left alone for a moment, or its writer is known to be done. */
  async #isOver(snapshot: Snapshot): Promise<boolean> {
    const { known, writing } = this.#options
    if (writing.isQuiet(snapshot, known.backlog ? undefined : snapshot.mtime)) return true
    const tookPlace = known.fd !== undefined && fstatSync(known.fd, { bigint: true }).ino !== snapshot.stats?.ino
    return writing.isDone(snapshot, tookPlace)
  }

  /** Takes a file in that lacks messages: those that its author had not seen are put back, but for those up to `backTo`. */
  #withUnseen(snapshot: Snapshot, found: Found, plain: TakenIn, known: Backlog, backTo: Timestamp): TakenIn {
    const { known: state, sightings, versions } = this.#options
    sightings.saw(versions.readUpTo)
    const seen = Math.max(backTo, sightings.by(snapshot, found, known, state.fd))
    return seen === Infinity ? plain : this.#takeIn(known, { ...state.dropped.without(found), seen })
  }

  #takeIn(known: Backlog | undefined, found: Found): TakenIn {
    return takeIn(known, found, this.#options.limits, Date.now())
  }
}

function unchanged(backlog: Backlog): Seen {
  return { backlog, rewrite: false, loses: false, edit: false, removed: [], tail: Buffer.alloc(0), byHand: false, isPeersToo: false }
}

/** Whether a version has an mtime as this server gives it. */
function isOurs({ stats }: Snapshot): boolean {
  return !stats || isWholeMs(stats.mtimeNs)
}

function onceAsked(question: () => Promise<boolean>): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined
  return () => (answer ??= question())
}
