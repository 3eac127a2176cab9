/**
 * A commit: takes in what others wrote, adds what is posted, and puts a version in place that has both.
 * Knows the file and what was written to it. room-file.ts decides when to commit, and when to wait.
 */
import { isUtf8 } from 'node:buffer'
import { fstatSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { commit, standingOf, type Backlog, type Limits } from '../../room/backlog.ts'
import { RoomfileError } from '../../errors.ts'
import { lineOf, type Draft, type Message, type Timestamp } from '../../room/message.ts'
import type { Warn } from '../../warn.ts'
import type { Appended } from '../store.ts'
import type { Aside } from './aside.ts'
import { disk } from './disk.ts'
import { beginsWith, closeFile, digestOf, signatureOf, stateOfBytes, timestampOf, unlessMissing, type Descriptor } from './durable.ts'
import type { Known } from './known.ts'
import type { Place } from './place.ts'
import type { Reader, Seen } from './reader.ts'
import type { RoomLock } from './room-lock.ts'
import type { Sightings } from './sightings.ts'
import { snapshotOf, type Snapshot } from './snapshot.ts'
import { isVersion } from './version-name.ts'
import type { Versions } from './versions.ts'

/** How many times a commit is tried. It starts again when another program changed or replaced the file during the write. */
const MOST_TRIES = 50

export interface CommitterOptions {
  readonly room: string
  readonly place: () => Place
  readonly known: Known
  readonly reader: Reader
  readonly lock: RoomLock
  readonly versions: Versions
  readonly sightings: Sightings
  readonly aside: Aside
  readonly limits: Limits
  /** Called when lines were carried over into the file. */
  readonly carried: () => void
  readonly warn: Warn
}

export class Committer {
  readonly #options: CommitterOptions
  /** Messages that an edit removed and that are already kept aside, so that a second try does not keep them again. */
  readonly #keptAside = new WeakSet<Message>()
  /** The state of the file (inode, size, mtime) that was last kept aside as a whole. */
  #keptWhole: string | undefined

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /**
   * Takes in what others wrote, adds the drafts, and replaces the file if its content has to change. Only under the lock.
   * @param mayWait as for `Reader.see`
   * @returns undefined while an edit is not complete
   * @throws RoomfileError `room_busy` when the file changes all the time; `not_kept`; the system's error
   */
  async commit(drafts: readonly Draft[], mayWait: boolean): Promise<Appended | undefined> {
    const { known, reader, lock, versions, limits } = this.#options
    if (versions.mayBeAdopted) await versions.adopt()
    for (let tries = MOST_TRIES; tries > 0; tries--) {
      const snapshot = await this.snapshot()
      try {
        if (snapshot.place.lock !== lock.path) break // the room is a link, and it now leads to another file
        const seen = await reader.see(snapshot, mayWait)
        if (!seen) return undefined
        const appended = commit(seen.backlog, drafts, limits, Date.now())
        if (seen.removed.length > 0) await this.#keepRemoved(seen)
        if (seen.edit) await this.#noteEdit(seen)
        if (appended.backlog !== seen.backlog || seen.rewrite) {
          if (!(await this.#write(snapshot, seen, appended.backlog))) continue
        } else if (snapshot.signature !== known.signature || seen.backlog !== known.backlog) {
          await this.adopt(snapshot, seen)
        } else {
          if (known.fd === undefined) known.hold(snapshot.fd)
          return appended
        }
        this.#noteStanding(appended.backlog)
        return appended
      } finally {
        await this.closeUnlessKept(snapshot.fd)
      }
    }
    throw new RoomfileError('room_busy', 'the file of this room is being changed all the time')
  }

  /** The file as it is now. The caller closes it with `closeUnlessKept`. */
  snapshot(): Promise<Snapshot> {
    const { place, known, limits } = this.#options
    return snapshotOf(place(), known.version, limits)
  }

  async closeUnlessKept(fd: Descriptor | undefined): Promise<void> {
    const { known, versions } = this.#options
    if (fd !== undefined && fd !== known.fd && !versions.has(fd)) await closeFile(fd)
  }

  /**
   * Makes a snapshot the known version, without a write. It is fsynced first: no poll shows what a power cut could take back (PROTOCOL.md,
   * What holds, 4).
   */
  async adopt(snapshot: Snapshot, seen: Seen): Promise<void> {
    const { known, sightings } = this.#options
    const { fd, signature, bytes, stats, place } = snapshot
    if (fd !== undefined || known.backlog) await disk.makeLast(fd, place.directory)
    if (known.fd !== undefined) sightings.look(known.fd)
    await this.#leave(snapshot, seen)
    known.hold(fd)
    if (stats) sightings.begin(stats, seen.backlog.timestamp, seen.byHand ? 0 : newestBefore(seen.backlog))
    if (!seen.edit) known.dropped.note(known.backlog, seen.backlog)
    known.become(seen.backlog, bytes, signature)
  }

  /**
   * Replaces the file by a version with this backlog, and watches the version that was replaced.
   * @returns false if another program has changed or replaced the file in the meantime: then the file was not replaced
   */
  async #write(snapshot: Snapshot, seen: Seen, backlog: Backlog): Promise<boolean> {
    const { known, versions, sightings } = this.#options
    if (seen.loses) await this.#keepWhole(snapshot, backlog.timestamp)
    const bytes = Buffer.concat([Buffer.from(backlog.messages.map((message) => `${lineOf(message)}\n`).join('')), seen.tail])
    const written = await versions.replace(snapshot, bytes, backlog.timestamp)
    if (!written) return false
    const { fd, stats, error } = written
    if (known.fd !== undefined) sightings.look(known.fd)
    await this.#leave(snapshot, seen)
    known.hold(fd)
    sightings.begin(stats, backlog.timestamp, seen.byHand ? 0 : seen.backlog.timestamp)
    if (error) throw new RoomfileError('not_kept', 'the message was written, but the disk does not say that it will last', { cause: error })
    const isUntouched = Number(stats.size) === bytes.length && timestampOf(stats.mtimeNs) === backlog.timestamp
    known.dropped.note(seen.backlog, backlog)
    known.become(backlog, bytes, isUntouched ? signatureOf(stats) : undefined)
    if (snapshot.fd !== undefined) await versions.lookAtNewest()
    return true
  }

  /** Keeps the file aside unchanged, once for each state of the file. */
  async #keepWhole({ place, stats }: Snapshot, timestamp: Timestamp): Promise<void> {
    const { room, aside } = this.#options
    const state = stats && `${stats.ino}:${stateOfBytes(stats)}`
    if (state === this.#keptWhole) return
    await aside.keepAndTell(room, place.file, 'not all of a room could stay in its file: it was kept as it was found', timestamp)
    this.#keptWhole = state
  }

  /** Keeps aside what an edit removed, once. */
  async #keepRemoved({ backlog, removed }: Seen): Promise<void> {
    const { room, aside, warn } = this.#options
    const lost = removed.filter((message) => !this.#keptAside.has(message))
    const copy = await aside.keepRemoved(room, backlog.timestamp, lost.map(lineOf)).catch(unlessMissing) // no data directory
    for (const message of lost) this.#keptAside.add(message)
    if (copy !== undefined) warn('an edit removed messages from a room: they are kept aside', { room, messages: lost.length, copy })
  }

  /** Records that the room was edited by hand. */
  async #noteEdit({ backlog: { edited } }: Seen): Promise<void> {
    const { lock, known, reader } = this.#options
    const { edited: before } = lock.read()
    if (edited !== before) await lock.writeEdit({ edited, known: known.backlog?.timestamp ?? 0, before })
    reader.wrote(edited)
  }

  /**
   * Records the room's standing. An error is only logged, because the file says the same. But after it, a change that is made while no
   * server runs may not be noticed.
   */
  #noteStanding(backlog: Backlog): void {
    const { room, lock, warn } = this.#options
    try {
      lock.writeStanding(standingOf(backlog))
    } catch (error) {
      warn('could not write down where a room stands', { room, error })
    }
  }

  /**
   * Gives up the version that was known before the snapshot. If a person replaced it, this process watches it, because no other process
   * does.
   * Lines that were added to it just before, and that the new file lacks, are not lost: they are carried over or kept aside.
   */
  async #leave({ place, fd, stats, bytes }: Snapshot, { byHand, isPeersToo }: Seen): Promise<void> {
    const { known, versions } = this.#options
    const left = known.giveUp()
    if (left === undefined || left === fd) return
    const leftStats = fstatSync(left, { bigint: true })
    if (!byHand || isPeersToo || leftStats.ino === stats?.ino || known.isLetGo) return closeFile(left)
    if (isVersion(leftStats.ino, place.versions)) return closeFile(left) // another process has replaced it, and watches it
    const there = await disk.readExactly(left, 0, Number(leftStats.size))
    const isAddedTo = beginsWith(there, digestOf(known.bytes))
    if (isAddedTo && there.length > known.bytes.length) {
      const now = new Set(bytes.toString().split('\n'))
      const more = there.subarray(known.bytes.length).toString().split('\n')
      const lost = more.filter((line) => line.trim() !== '' && !now.has(line)).map((line) => `${line}\n`)
      // The author of the new file cannot have removed lines that were written after that file was in place.
      const isLate = !stats || leftStats.mtimeNs > stats.ctimeNs
      if (lost.length > 0) await (isLate ? this.#carryOver(lost) : this.#keepLost(lost))
    }
    versions.leave(left, isAddedTo ? there : known.bytes)
  }

  async #carryOver(lines: readonly string[]): Promise<void> {
    const { place, carried } = this.#options
    await appendFile(place().file, lines.join(''))
    carried()
  }

  #keepLost(lines: readonly string[]): Promise<void> {
    const { room, aside } = this.#options
    const why = 'lines were added to a room just before another file took its place: they are kept aside'
    return aside.keepAndTell(room, Buffer.from(lines.join('')), why)
  }
}

/** Of lines that were added to a version, those that the room does not have. */
export function newIn(lines: Buffer, known: Backlog | undefined): Buffer {
  if (!known || !lines.includes('{"id":"') || !isUtf8(lines)) return lines
  const there = new Set(known.messages.map(lineOf))
  const all = lines.toString().split(/(?<=\n)/)
  return Buffer.from(all.filter((line) => !there.has(line.trimEnd())).join(''))
}

/** The room's newest timestamp before its last commit. */
function newestBefore({ timestamp, messages }: Backlog): Timestamp {
  return messages.findLast((message) => message.timestamp < timestamp)?.timestamp ?? 0
}
