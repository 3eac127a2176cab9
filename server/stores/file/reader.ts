/**
 * Compares a version of a room's file with the known version: it has new lines, or it was edited, or the edit is still being written.
 * Does not change the room's file. take-in.ts decides what the lines mean, committer.ts what to do about it.
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
  /** Called when the file has to be looked at again soon, also if no event comes for it. */
  readonly lookAgainSoon: () => void
}

/** What a version says. */
export type Seen = TakenIn & {
  /** The bytes after its last newline, as long as they are not taken as a line. */
  readonly tail: Buffer
  /** Whether a person changed the file, and no other process has handled this change before. */
  readonly byHand: boolean
  /** Whether another process also wrote the file since the known version. Then that process watches the version that was replaced. */
  readonly isPeersToo: boolean
}

export class Reader {
  readonly #options: ReaderOptions
  /** The timestamp of the edit that this process recorded last. */
  #wroteEdited: Timestamp = 0

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  /** This process has recorded an edit: `see` does not take it for another process's edit. */
  wrote(edited: Timestamp): void {
    this.#wroteEdited = edited
  }

  /**
   * What a snapshot says.
   * @param mayWait whether to wait until an edit is complete: until the file does not change for a moment. If a program has the file open
   * and can overwrite it, an edit waits in any case, for a limited time
   * @returns undefined while an edit is not complete
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
    const isOver = onceAsked(() => this.#isOver(snapshot)) // asked once only: the answer may change in the meantime
    const waits = end < snapshot.bytes.length && !(await isOver())
    const found = foundIn(snapshot, waits ? end : snapshot.bytes.length, { edited, standing }, limits)
    // An unfinished last line changes the mtime, although no message has that timestamp. This is not an edit.
    const read = waits && known ? { ...found, mtime: known.timestamp } : found
    const plain = this.#takeIn(known, read)
    const isNoted = known !== undefined && edited > known.edited && edited !== this.#wroteEdited
    const isPeers = isNoted && (snapshot.fd === undefined || snapshot.mtime === edited || !plain.rewrite) // unchanged since that process
    // Messages that the other process knew are handled: it has put them back or kept them aside.
    const knownByPeer = isPeers ? (noted.before > known.edited ? 0 : noted.known) : 0
    const handledUpTo = isPeers && isOurs(snapshot) ? knownByPeer : 0
    const isMissing = plain.removed.some(({ timestamp }) => timestamp > handledUpTo)
    const taken = known && isMissing ? this.#withUnseen(snapshot, read, plain, known, handledUpTo) : plain
    const isFirst = known === undefined && !state.isLetGo
    const rewrite = taken.rewrite && snapshot.fd !== undefined
    const needsNoQuiet = isFirst || (isPeers && !rewrite)
    const early = taken.edit && !needsNoQuiet && ((mayWait && !(await isOver())) || (await writing.isHeld(snapshot)))
    if (waits || early) lookAgainSoon()
    else writing.end()
    if (early) return undefined
    return {
      ...taken,
      removed: taken.removed.filter(({ timestamp }) => timestamp > knownByPeer),
      rewrite,
      tail: snapshot.bytes.subarray(waits ? end : snapshot.bytes.length),
      byHand: (taken.edit && !isPeers) || rewrite,
      isPeersToo: isNoted || (known !== undefined && found.lines.some(({ stamp }) => stamp && stamp.timestamp > known.timestamp)),
    }
  }

  /** Whether a change is complete: the file has not changed for a moment, or its writer is known to be done. */
  async #isOver(snapshot: Snapshot): Promise<boolean> {
    const { known, writing } = this.#options
    if (writing.isQuiet(snapshot, known.backlog ? undefined : snapshot.mtime)) return true
    const tookPlace = known.fd !== undefined && fstatSync(known.fd, { bigint: true }).ino !== snapshot.stats?.ino
    return writing.isDone(snapshot, tookPlace)
  }

  /** Takes in a file that lacks known messages. Those that its author had not seen are put back, except those up to `handledUpTo`. */
  #withUnseen(snapshot: Snapshot, found: Found, plain: TakenIn, known: Backlog, handledUpTo: Timestamp): TakenIn {
    const { known: state, sightings, versions } = this.#options
    sightings.saw(versions.readUpTo)
    const seen = Math.max(handledUpTo, sightings.by(snapshot, found, known, state.fd))
    return seen === Infinity ? plain : this.#takeIn(known, { ...state.dropped.without(found), seen })
  }

  #takeIn(known: Backlog | undefined, found: Found): TakenIn {
    return takeIn(known, found, this.#options.limits, Date.now())
  }
}

function unchanged(backlog: Backlog): Seen {
  return { backlog, rewrite: false, loses: false, edit: false, removed: [], tail: Buffer.alloc(0), byHand: false, isPeersToo: false }
}

/** Whether a version has an mtime as this server sets it. */
function isOurs({ stats }: Snapshot): boolean {
  return !stats || isWholeMs(stats.mtimeNs)
}

function onceAsked(question: () => Promise<boolean>): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined
  return () => (answer ??= question())
}
