/**
 * One room's file: read when it changed, replaced by each commit. Other programs may change it at any moment.
 * Knows the file, its lock and its versions. What the room holds is decided in backlog.ts; nobody waits here.
 */
import { isUtf8 } from 'node:buffer'
import { fstatSync } from 'node:fs'
import { appendFile, stat, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { commit, EMPTY, standingOf, takeIn, type Backlog, type Found, type Limits, type TakenIn } from '../../room/backlog.ts'
import { fromSystem, RoomfileError } from '../../errors.ts'
import { lineOf, placed, type Draft, type Message, type Timestamp } from '../../room/message.ts'
import type { Appended, RoomContent } from '../store.ts'
import { sharing } from '../../sharing.ts'
import type { Times } from '../../times.ts'
import type { Warn } from '../../warn.ts'
import type { Aside } from './aside.ts'
import {
  beginsWith,
  digestOf,
  isWholeMs,
  readExactly,
  signatureOf,
  syncDirectory,
  timestampOf,
  unlessMissing,
  type Digest,
  type Signature,
} from './durable.ts'
import { Dropped } from './dropped.ts'
import type { Holders } from './holders.ts'
import { placeOf, type Place } from './place.ts'
import { stateOfBytes } from './replaced.ts'
import { RoomLock, untilHeld } from './room-lock.ts'
import { Sightings } from './sightings.ts'
import { committedPart, foundIn, linesIn, MISSING, snapshotOf, type Snapshot } from './snapshot.ts'
import { Versions } from './versions.ts'
import { Writing } from './writing.ts'

/** How many times a post waits for an edit to become quiet, before it takes the file as it is, unless a program has it open. */
const MAX_QUIET_WAITS = 3

/** How many times a post starts anew because somebody put another file in place while it was being written. */
const MOST_TRIES = 50

export interface RoomFileOptions {
  /** Whether it is known that nobody wrote to the room until now. */
  readonly wasEmpty: boolean
  /** Called when the lock was opened or used. */
  readonly lockOpened: () => void
  readonly path: string
  readonly aside: Aside
  readonly holders: Holders
  readonly limits: Limits
  readonly times: Times
  /** Called when the file should be looked at again though nothing happens to it. */
  readonly lookAgain: () => void
  /** Called when no version that was replaced is watched any more. */
  readonly nothingReplaced: () => void
  readonly warn: Warn
}

/** What stays of a file's content when it is let go: enough to know it again. */
interface LetGo {
  readonly backlog: Omit<Backlog, 'messages'>
  readonly digest: Digest
  /** Where an answer is still being sent, the bytes are there. */
  readonly bytes: WeakRef<Buffer>
}

/** What a snapshot says. */
type Seen = TakenIn & {
  /** The bytes behind its last newline that are not taken as a line yet. */
  readonly tail: Buffer
  /** Whether a person changed the file, and no other process has seen to it before. */
  readonly byHand: boolean
  /** Whether another process wrote the file as well since it was known here: then it watches what was replaced. */
  readonly isPeersToo: boolean
}

export class RoomFile {
  readonly #options: RoomFileOptions
  readonly #lock: RoomLock
  readonly #versions: Versions
  readonly #sightings: Sightings
  readonly #dropped = new Dropped()
  /** The end of the queue in which the looks and commits of this process stand. Nobody waits for another process in it. */
  #queue: Promise<unknown> = Promise.resolve()
  /** What the next commit adds. */
  readonly #drafts: Draft[] = []
  /** What is under way and may come to the queue again. */
  readonly #underWay = new Set<Promise<void>>()
  /** Since when another process holds the room, when that was found last (both monotonic), and what the file was then. */
  #busy: { readonly since: number; readonly foundAt: number; readonly signature: Signature } | undefined
  #known: Backlog | undefined
  /** In place of `#known` and its bytes, when they were let go. */
  #letGo: LetGo | undefined
  /** The state of the file that `#known` tells of, its bytes, and that version itself, open. */
  #signature: Signature | undefined
  #bytes: Buffer = Buffer.alloc(0)
  #handle: FileHandle | undefined
  /** The edit that this process wrote down last. */
  #wroteEdited: Timestamp = 0
  /** Messages that an edit removed, and that are kept aside. */
  readonly #keptAside = new WeakSet<Message>()
  /** The state in which the file was kept aside as it was found. */
  #keptWhole: string | undefined
  readonly #writing: Writing
  #lookTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: RoomFileOptions) {
    const { times, lookAgain } = options
    this.#options = options
    this.#lock = new RoomLock(() => this.#place.lock, times.lock, options.lockOpened)
    this.#sightings = new Sightings(times)
    this.#writing = new Writing(options.holders, times)
    this.#versions = new Versions({
      ...options,
      room: this.#name,
      place: () => this.#place,
      locked: (work) => this.#locked(work, times.lock),
      newIn: (lines) => this.#newIn(lines),
      carried: lookAgain,
    })
    if (options.wasEmpty) this.#beginEmpty()
  }

  /**
   * What the room holds. The file is read only if it changed. What cannot be taken in now does not end reading, nor does another process
   * that holds the room: the room is as it was known last, or as its file stands. Calls that come meanwhile share the next look.
   */
  read(): Promise<Backlog> {
    return this.#during(this.#read)
  }

  readonly #read = sharing(() =>
    this.#look()
      .catch((error: unknown) => this.#inTurn(() => this.#readInSpiteOf(error)))
      .catch((error: unknown) => {
        throw fromSystem(error, 'not_readable')
      }),
  )

  async #look(): Promise<Backlog> {
    const { times } = this.#options
    const sameAsBefore = await this.#inTurn(() => this.#knownIfUnchanged())
    if (sameAsBefore) return sameAsBefore
    const wait = this.#busySince === undefined ? times.readLock : 0
    for (let waits = MAX_QUIET_WAITS; ; waits--) {
      const appended = await this.#locked(() => this.#takeInAndCommit([], this.#known !== undefined || waits > 0), wait)
      const backlog = appended?.backlog ?? this.#known
      if (backlog) return backlog
      await delay(times.quiet) // what was known is let go: nothing can be said until the edit is quiet
    }
  }

  /** What is known, if the file is still as it was then. */
  async #knownIfUnchanged(): Promise<Backlog | undefined> {
    const isUnchanged = this.#known && !this.#writing.isUnderWay && !this.#versions.mayBeAdopted
    if (isUnchanged && (await this.#signatureNow()) === this.#signature && !(await this.#isRemovalNoted())) return this.#known
    if (!this.#known && !this.#letGo && !(await this.#everWas())) return this.#beginEmpty() // to ask for a room makes nothing, not even its lock
    return undefined
  }

  /** Whether another process has taken in that the file is gone, where we never saw it there. */
  async #isRemovalNoted(): Promise<boolean> {
    if (this.#signature !== MISSING) return false
    return (await this.#lock.read()).edited > (this.#known?.edited ?? 0)
  }

  /** What is told where a look has failed. */
  async #readInSpiteOf(error: unknown): Promise<Backlog> {
    const { warn, times } = this.#options
    const isBusy = error instanceof RoomfileError && error.code === 'room_busy'
    const now = performance.now()
    const since = this.#busySince ?? now
    if (!isBusy || now - since > times.lock) warn('could not take in what was written to a room', { room: this.#name, error })
    if (!isBusy) return this.#asItStands(error)
    this.#lookAgainSoon()
    const signature = await this.#signatureNow()
    const isSame = signature === this.#busy?.signature
    this.#busy = { since, foundAt: now, signature }
    return (isSame && this.#known) || this.#asItStands(error)
  }

  /** Since when another process holds the room, as far as was found just now. */
  get #busySince(): number | undefined {
    const { since, foundAt = -Infinity } = this.#busy ?? {}
    return performance.now() - foundAt < this.#options.times.readLock ? since : undefined
  }

  /**
   * A room where nothing can be locked or written: its file says all, as far as a commit left it so; else the room is what it was known as.
   * What was added behind that has no place in the room until it can be locked.
   * @param error what was wrong, where nothing was known
   */
  async #asItStands(error: unknown): Promise<Backlog> {
    try {
      const snapshot = committedPart(await this.#snapshot(), this.#options.limits)
      try {
        const seen = snapshot.handle && (await this.#see(snapshot, true))
        if (!seen || seen.rewrite || seen.edit) throw error
        if (snapshot.signature !== this.#signature) await this.#adopt(snapshot, seen)
        return seen.backlog
      } finally {
        await this.#closeUnlessKept(snapshot.handle)
      }
    } catch (thrown) {
      if (this.#known) return this.#known
      throw thrown
    }
  }

  /** The bytes of the file where they are known already: one copy for all who ask, however slowly they take it. */
  async content(): Promise<RoomContent | undefined> {
    const stats = await stat(this.#options.path, { bigint: true }).catch(unlessMissing)
    const bytes = this.#letGo ? this.#letGo.bytes.deref() : this.#bytes
    if (!bytes || !stats || signatureOf(stats) !== this.#signature) return undefined
    return { bytes, timestamp: timestampOf(stats.mtimeNs) }
  }

  /** Somebody was shown the file as it was at this timestamp. */
  shown(timestamp: Timestamp): void {
    this.#sightings.saw(timestamp)
  }

  /** Adds messages behind whatever others have written until then. Calls that come while a commit is being written share the next one. */
  async append(drafts: readonly Draft[]): Promise<Appended> {
    const first = this.#drafts.push(...drafts) - drafts.length
    const { backlog, posted } = await this.#during(this.#commit)
    return { backlog, posted: posted.slice(first, first + drafts.length) }
  }

  readonly #commit = sharing(async () => {
    const { times } = this.#options
    const drafts = this.#drafts.splice(0)
    try {
      for (let waits = MAX_QUIET_WAITS; ; waits--) {
        const appended = await this.#locked(() => this.#takeInAndCommit(drafts, waits > 0), times.lock)
        if (appended) return appended
        await delay(times.quiet)
      }
    } catch (error) {
      throw fromSystem(error, 'not_kept')
    }
  })

  /** Whether the file is still what it was at this timestamp, and nothing waits to be taken in. */
  async isAt(timestamp: Timestamp): Promise<boolean> {
    const known = this.#known ?? this.#letGo?.backlog
    return known?.timestamp === timestamp && !this.#writing.isUnderWay && (await this.#signatureNow()) === this.#signature
  }

  /** Lets go of what the room holds, which is in the file. */
  letGo(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#known || this.#writing.isUnderWay || this.#signature === MISSING) return
      const { timestamp, edited, dropped } = this.#known
      this.#letGo = { backlog: { timestamp, edited, dropped }, digest: digestOf(this.#bytes), bytes: new WeakRef(this.#bytes) }
      this.#known = undefined
      this.#bytes = Buffer.alloc(0)
      this.#dropped.forget()
    })
  }

  /** How many bytes have to be read to know again what was let go. */
  get unread(): number {
    return this.#letGo?.digest.length ?? 0
  }

  /** Whether versions that were replaced are still watched. */
  get isWatching(): boolean {
    return this.#versions.areWatched
  }

  /** Looks for versions of the file that a process left which was killed, and watches them. */
  adopt(): Promise<void> {
    return this.#locked(() => this.#versions.adopt(), this.#options.times.lock)
  }

  /** Closes the lock's file, and the room's own, until they are needed again. */
  closeLock(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#forgetHandle()
      await this.#lock.close()
    })
  }

  /** Whether programs hold versions that were replaced. */
  isHeld(): Promise<boolean> {
    return this.#versions.areHeld()
  }

  async close(): Promise<void> {
    this.#isClosed = true // whatever is still before it sets no timer any more
    clearTimeout(this.#lookTimer)
    this.#versions.stop()
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    return this.#inTurn(async () => {
      try {
        await this.#versions.close((work) => this.#lock.hold(work))
      } finally {
        await this.#forgetHandle()
        await this.#lock.close()
      }
    })
  }

  /** Runs work in its turn, while no other process may. Who waits for another process holds up nobody here. @throws RoomfileError `room_busy` */
  #locked<T>(work: () => Promise<T>, wait: number): Promise<T> {
    const held = async (): Promise<T> => {
      this.#busy = undefined
      return work()
    }
    return this.#during(() => untilHeld(() => this.#inTurn(() => this.#lock.attempt(held)), wait))
  }

  /** Work of several turns, which `close` waits for. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#underWay.add(promise)
    try {
      return await work()
    } finally {
      this.#underWay.delete(promise)
      resolve()
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined) // whoever waits for `turn` hears of it
    return turn
  }

  /**
   * Takes in what others wrote, adds the drafts, and replaces the file if it then says something else. Only under the lock.
   * @returns undefined while somebody is still writing an edit, and `mayWait` says to wait for its end
   */
  async #takeInAndCommit(drafts: readonly Draft[], mayWait: boolean): Promise<Appended | undefined> {
    if (this.#versions.mayBeAdopted) await this.#versions.adopt()
    for (let tries = MOST_TRIES; tries > 0; tries--) {
      const snapshot = await this.#snapshot()
      try {
        if (snapshot.place.lock !== this.#lock.path) break // a link that leads elsewhere now
        const seen = await this.#see(snapshot, mayWait)
        if (!seen) return undefined
        const appended = commit(seen.backlog, drafts, this.#options.limits, Date.now())
        if (seen.edit) await this.#noteEdit(seen)
        if (appended.backlog !== seen.backlog || seen.rewrite) {
          if (!(await this.#write(snapshot, seen, appended.backlog))) continue
        } else if (snapshot.signature !== this.#signature) {
          await this.#adopt(snapshot, seen)
        } else {
          this.#handle ??= snapshot.handle
          return appended
        }
        this.#noteStanding(appended.backlog)
        return appended
      } finally {
        await this.#closeUnlessKept(snapshot.handle)
      }
    }
    throw new RoomfileError('room_busy', 'the file of this room is being changed all the time')
  }

  /** What a snapshot says, or undefined while it is an edit that is still being written. */
  async #see(snapshot: Snapshot, mayWait: boolean): Promise<Seen | undefined> {
    await this.#recall(snapshot)
    const known = this.#known
    const isSame = known && !this.#writing.isUnderWay && snapshot.signature === this.#signature
    if (isSame && snapshot.handle) return unchanged(known)
    const noted = await this.#lock.read()
    const { edited } = noted
    const standing = this.#letGo && this.#letGo.backlog.timestamp > noted.standing.timestamp ? this.#letGo.backlog : noted.standing
    if (isSame && edited <= known.edited) return unchanged(known)
    if (!known && standing.timestamp === 0 && !snapshot.handle)
      return unchanged({ ...EMPTY, timestamp: Math.max(EMPTY.timestamp, edited), edited })

    const end = snapshot.bytes.lastIndexOf('\n') + 1
    const isQuiet = onceAsked(() => this.#writing.isQuiet(snapshot, known ? undefined : snapshot.mtime)) // it may become so between two questions
    const waits = end < snapshot.bytes.length && !isQuiet()
    const found = foundIn(snapshot, waits ? end : snapshot.bytes.length, { edited, standing }, this.#options.limits)
    // A line that is still being written explains an mtime that no message has.
    const read = waits && known ? { ...found, mtime: known.timestamp } : found
    const plain = this.#takeIn(known, read)
    const isNoted = known !== undefined && edited > known.edited && edited !== this.#wroteEdited
    const isPeers = isNoted && (!snapshot.handle || snapshot.mtime === edited || !plain.rewrite) // as the other process left it
    // What that process knew, it has put back or kept aside.
    const seenTo = isPeers ? (noted.before > known.edited ? 0 : noted.known) : 0
    const backTo = isPeers && isOurs(snapshot) ? seenTo : 0
    const isMissing = plain.removed.some(({ timestamp }) => timestamp > backTo)
    const taken = known && isMissing ? await this.#withUnseen(snapshot, read, plain, known, backTo) : plain
    const isFirst = known === undefined && this.#letGo === undefined
    const rewrite = taken.rewrite && snapshot.handle !== undefined
    const needsNoQuiet = isFirst || (isPeers && !rewrite)
    const early = taken.edit && !needsNoQuiet && ((mayWait && !isQuiet()) || (await this.#writing.isHeld(snapshot)))
    if (waits || early) this.#lookAgainSoon()
    else this.#writing.end()
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

  /** Takes a file in that lacks messages: those that its author had not seen are put back, but for those up to `backTo`. */
  async #withUnseen(snapshot: Snapshot, found: Found, plain: TakenIn, known: Backlog, backTo: Timestamp): Promise<TakenIn> {
    this.#sightings.saw(this.#versions.readUpTo)
    const seen = Math.max(backTo, await this.#sightings.by(snapshot, found, known, this.#handle))
    return seen === Infinity ? plain : this.#takeIn(known, { ...this.#dropped.without(found), seen })
  }

  #takeIn(known: Backlog | undefined, found: Found): TakenIn {
    return takeIn(known, found, this.#options.limits, Date.now())
  }

  /** Knows again what was let go, if the file still begins with it, or the version is still there that did. */
  async #recall({ bytes }: Snapshot): Promise<void> {
    if (!this.#letGo || this.#known) return
    const { backlog, digest, bytes: before } = this.#letGo
    const known = before.deref() ?? (beginsWith(bytes, digest) ? Buffer.from(bytes.subarray(0, digest.length)) : await this.#versionBytes())
    if (!known || !beginsWith(known, digest)) return
    const lines = linesIn(known.toString('utf8', 0, digest.length), this.#options.limits)
    const messages = lines.flatMap(({ saying, stamp }) => (stamp ? [placed(saying, stamp)] : []))
    if (messages.length < lines.length || (messages.at(-1)?.timestamp ?? 0) > backlog.timestamp) return
    this.#known = { ...backlog, messages }
    this.#bytes = known
    this.#letGo = undefined
  }

  async #versionBytes(): Promise<Buffer | undefined> {
    const handle = this.#handle
    return handle && readExactly(handle, 0, Math.min(fstatSync(handle.fd).size, this.#letGo?.digest.length ?? 0))
  }

  #snapshot(): Promise<Snapshot> {
    const known = this.#letGo ? undefined : { handle: this.#handle, signature: this.#signature, bytes: this.#bytes }
    return snapshotOf(this.#place, known, this.#options.limits)
  }

  /** Writes down that the room was edited by hand, and keeps aside what that took away. */
  async #noteEdit({ backlog, removed }: Seen): Promise<void> {
    const { aside, warn } = this.#options
    const lost = removed.filter((message) => !this.#keptAside.has(message))
    const copy = await aside.keepRemoved(this.#name, backlog.timestamp, lost.map(lineOf)).catch(unlessMissing) // the directory is gone
    for (const message of lost) this.#keptAside.add(message)
    if (copy !== undefined)
      warn('an edit removed messages from a room: they are kept aside', { room: this.#name, messages: lost.length, copy })
    const { edited: before } = await this.#lock.read()
    const { edited } = backlog
    if (edited !== before) await this.#lock.writeEdit({ edited, known: this.#known?.timestamp ?? 0, before })
    this.#wroteEdited = edited
  }

  /** Writes down where the room stands. The file says it already: should that fail, less is known of a change that nobody sees. */
  #noteStanding(backlog: Backlog): void {
    try {
      this.#lock.writeStanding(standingOf(backlog))
    } catch (error) {
      this.#options.warn('could not write down where a room stands', { room: this.#name, error })
    }
  }

  /**
   * Replaces the file by what the backlog says, and keeps an eye on the version that it replaces.
   * @returns whether it did: not when somebody has changed the file meanwhile, or put another one there
   */
  async #write(snapshot: Snapshot, seen: Seen, backlog: Backlog): Promise<boolean> {
    const { place: at, handle, stats } = snapshot
    const state = stats && `${stats.ino}:${stateOfBytes(stats)}`
    if (seen.loses && state !== this.#keptWhole) {
      const why = 'not all of a room could stay in its file: it was kept as it was found'
      await this.#options.aside.keepAndTell(this.#name, at.file, why, backlog.timestamp)
      this.#keptWhole = state
    }
    const bytes = Buffer.concat([Buffer.from(backlog.messages.map((message) => `${lineOf(message)}\n`).join('')), seen.tail])
    const written = await this.#versions.replace(snapshot, bytes, backlog.timestamp)
    if (!written) return false
    if (this.#handle) this.#sightings.look(this.#handle)
    await this.#leave(snapshot, seen)
    this.#handle = written
    const there = fstatSync(written.fd, { bigint: true })
    this.#sightings.begin(there, backlog.timestamp, seen.byHand ? 0 : seen.backlog.timestamp)
    await this.#sync(at.directory)
    const isUntouched = Number(there.size) === bytes.length && timestampOf(there.mtimeNs) === backlog.timestamp
    this.#signature = isUntouched ? signatureOf(there) : undefined
    this.#dropped.note(seen.backlog, backlog)
    this.#bytes = bytes
    this.#known = backlog
    this.#letGo = undefined
    if (handle) await this.#versions.lookAtNewest()
    return true
  }

  /** Makes a new version last under its name. It is in place by then: whatever fails, the post may be kept. */
  async #sync(directory: string): Promise<void> {
    await syncDirectory(directory).catch((error: unknown) => {
      throw new RoomfileError('not_kept', 'the message was written, but the disk does not say that it will last', { cause: error })
    })
  }

  /**
   * Lets go of the version that stood there before the snapshot. One that a person replaced is watched, because nobody else does; lines that were
   * added to it just before, and that the new file lacks, are kept aside.
   */
  async #leave({ handle, stats, bytes }: Snapshot, { byHand, isPeersToo }: Seen): Promise<void> {
    const left = this.#handle
    this.#handle = undefined
    if (!left || left === handle) return
    const leftStats = fstatSync(left.fd, { bigint: true })
    if (!byHand || isPeersToo || leftStats.ino === stats?.ino || this.#letGo) return left.close()
    const there = await readExactly(left, 0, Number(leftStats.size))
    const isAddedTo = beginsWith(there, digestOf(this.#bytes))
    if (isAddedTo && there.length > this.#bytes.length) {
      const now = new Set(bytes.toString().split('\n'))
      const more = there.subarray(this.#bytes.length).toString().split('\n')
      const lost = more.filter((line) => line.trim() !== '' && !now.has(line)).map((line) => `${line}\n`)
      // What was written after the new file had come, its author cannot have removed.
      const isLate = !stats || leftStats.mtimeNs > stats.ctimeNs
      if (lost.length > 0) await (isLate ? this.#carryOver(lost) : this.#keepLost(lost))
    }
    this.#versions.leave(left, isAddedTo ? there : this.#bytes)
  }

  async #carryOver(lines: readonly string[]): Promise<void> {
    await appendFile(this.#place.file, lines.join(''))
    this.#options.lookAgain()
  }

  #keepLost(lines: readonly string[]): Promise<void> {
    const why = 'lines were added to a room just before another file took its place: they are kept aside'
    return this.#options.aside.keepAndTell(this.#name, Buffer.from(lines.join('')), why)
  }

  /** Takes the file as it stands. It is made to last first: no poll shows what a power cut could take back (PROTOCOL.md, What holds, 4). */
  async #adopt(snapshot: Snapshot, seen: Seen): Promise<void> {
    const { handle, signature, bytes, stats, place: at } = snapshot
    await handle?.sync()
    if (handle || this.#known) await syncDirectory(at.directory)
    if (this.#handle) this.#sightings.look(this.#handle)
    await this.#leave(snapshot, seen)
    this.#handle = handle
    if (stats) this.#sightings.begin(stats, seen.backlog.timestamp, seen.byHand ? 0 : newestBefore(seen.backlog))
    if (!seen.edit) this.#dropped.note(this.#known, seen.backlog)
    this.#signature = signature
    this.#bytes = bytes
    this.#known = seen.backlog
    this.#letGo = undefined
  }

  #newIn(lines: Buffer): Buffer {
    if (!this.#known || !lines.includes('{"id":"') || !isUtf8(lines)) return lines
    const there = new Set(this.#known.messages.map(lineOf))
    const all = lines.toString().split(/(?<=\n)/)
    return Buffer.from(all.filter((line) => !there.has(line.trimEnd())).join(''))
  }

  async #closeUnlessKept(handle: FileHandle | undefined): Promise<void> {
    if (handle && handle !== this.#handle && !this.#versions.has(handle)) await handle.close()
  }

  async #forgetHandle(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #signatureNow(): Promise<Signature> {
    const stats = await stat(this.#options.path, { bigint: true }).catch(unlessMissing)
    return stats ? signatureOf(stats) : MISSING
  }

  #beginEmpty(): Backlog {
    this.#signature = MISSING
    this.#known = EMPTY
    return this.#known
  }

  /** Whether there is a file, or was one. */
  async #everWas(): Promise<boolean> {
    return (await this.#signatureNow()) !== MISSING || this.#lock.exists()
  }

  get #name(): string {
    return basename(this.#options.path, '.jsonl')
  }

  get #place(): Place {
    return placeOf(this.#options.path)
  }

  #lookAgainSoon(): void {
    if (this.#isClosed) return
    // A timer may fire a moment early, and the file would have to be quiet for as long again.
    this.#lookTimer ??= setTimeout(() => {
      this.#lookTimer = undefined
      this.#options.lookAgain()
    }, this.#options.times.quiet + 5)
  }
}

function unchanged(backlog: Backlog): Seen {
  return { backlog, rewrite: false, loses: false, edit: false, removed: [], tail: Buffer.alloc(0), byHand: false, isPeersToo: false }
}

/** Whether a version has an mtime as this server gives it. */
function isOurs({ stats }: Snapshot): boolean {
  return !stats || isWholeMs(stats.mtimeNs)
}

function onceAsked(question: () => boolean): () => boolean {
  let answer: boolean | undefined
  return () => (answer ??= question())
}

/** The newest timestamp of the room before its last commit. */
function newestBefore({ timestamp, messages }: Backlog): Timestamp {
  return messages.findLast((message) => message.timestamp < timestamp)?.timestamp ?? 0
}
