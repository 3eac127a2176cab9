/**
 * One room's file. The store asks for it to be read after a change, and to be replaced by a commit. Other programs may change it at any
 * time.
 * Knows the order of reads and commits, and how long to wait for another process or for the end of an edit. committer.ts makes the commits.
 */
import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Backlog, Limits } from '../../room/backlog.ts'
import { fromSystem, RoomfileError } from '../../errors.ts'
import type { Draft, Timestamp } from '../../room/message.ts'
import { sharing } from '../../sharing.ts'
import type { Appended, RoomContent } from '../store.ts'
import type { Times } from '../../times.ts'
import type { Warn } from '../../warn.ts'
import type { Aside } from './aside.ts'
import { Committer, newIn } from './committer.ts'
import { signatureOf, timestampOf, type Signature } from './durable.ts'
import type { Holders } from './holders.ts'
import { Known } from './known.ts'
import { placeOf, type Place } from './place.ts'
import { Reader } from './reader.ts'
import { RoomLock, untilHeld } from './room-lock.ts'
import { Sightings } from './sightings.ts'
import { committedPart, MISSING, type Snapshot } from './snapshot.ts'
import { Versions } from './versions.ts'
import { Writing } from './writing.ts'

/**
 * How many times a post waits for an edit to become quiet. After that it takes the file as it is, unless a program can still overwrite it.
 */
const MAX_QUIET_WAITS = 3

export interface RoomFileOptions {
  /** Whether the store knows that nobody has written to the room yet. */
  readonly wasEmpty: boolean
  /** Called each time the lock's file is used, which stays open from then on. */
  readonly lockOpened: () => void
  readonly path: string
  readonly aside: Aside
  readonly holders: Holders
  readonly limits: Limits
  readonly times: Times
  /** Called when the file has to be looked at again, also if no event comes for it. */
  readonly lookAgain: () => void
  /** Called when no replaced version is watched any more. */
  readonly nothingReplaced: () => void
  readonly warn: Warn
}

export class RoomFile {
  readonly #options: RoomFileOptions
  readonly #known = new Known()
  readonly #lock: RoomLock
  readonly #versions: Versions
  readonly #sightings: Sightings
  readonly #writing: Writing
  readonly #reader: Reader
  readonly #committer: Committer
  /** The end of the queue of looks and commits of this process. No operation in the queue waits for another process. */
  #queue: Promise<unknown> = Promise.resolve()
  /** The messages of the next commit. */
  readonly #drafts: Draft[] = []
  /** Operations that have begun. `close` waits for them, because each may enter the queue again. */
  readonly #underWay = new Set<Promise<void>>()
  /** Since when another process holds the lock, when that was last seen (both monotonic), and the file's signature then. */
  #busy: { readonly since: number; readonly foundAt: number; readonly signature: Signature } | undefined
  #lookTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: RoomFileOptions) {
    const { times, lookAgain } = options
    const common = {
      ...options,
      room: basename(options.path, '.jsonl'),
      known: this.#known,
      place: () => this.#place,
    }
    this.#options = options
    this.#lock = new RoomLock(() => this.#place.lock, times.lock, options.lockOpened)
    this.#sightings = new Sightings(times)
    this.#writing = new Writing(options.holders, times)
    this.#versions = new Versions({
      ...common,
      locked: (work) => this.#locked(work, times.lock),
      newIn: (lines) => newIn(lines, this.#known.backlog),
      carried: lookAgain,
    })
    const parts = { ...common, lock: this.#lock, versions: this.#versions, sightings: this.#sightings, writing: this.#writing }
    this.#reader = new Reader({ ...parts, lookAgainSoon: () => this.#lookAgainSoon() })
    this.#committer = new Committer({ ...parts, reader: this.#reader, carried: lookAgain })
    if (options.wasEmpty) this.#known.beginEmpty()
  }

  /**
   * What the room holds. The file is read only if it changed. If another process holds the lock, or if a change cannot be taken in, the
   * read does not fail: it returns what is known, or what the file says. If neither says anything yet, it waits for the lock as a post does.
   * Calls that come during a look share the next one.
   */
  read(): Promise<Backlog> {
    return this.#during(this.#read)
  }

  readonly #read = sharing(() =>
    this.#look()
      .catch((error: unknown) => this.#inTurn(() => this.#readInSpiteOf(error)))
      .catch((error: unknown) => {
        if (!isBusy(error)) throw error
        return this.#look(this.#options.times.lock)
      })
      .catch((error: unknown) => {
        throw fromSystem(error, 'not_readable')
      }),
  )

  /** Adds messages after everything that others have written. Calls that come while a commit is being written share the next one. */
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
        const appended = await this.#locked(() => this.#committer.commit(drafts, waits > 0), times.lock)
        if (appended) return appended
        await delay(times.quiet)
      }
    } catch (error) {
      throw fromSystem(error, 'not_kept')
    }
  })

  /** @param lockMs milliseconds to wait for the lock */
  async #look(lockMs?: number): Promise<Backlog> {
    const { times } = this.#options
    const sameAsBefore = await this.#inTurn(async () => this.#knownIfUnchanged())
    if (sameAsBefore) return sameAsBefore
    const wait = lockMs ?? (this.#busySince === undefined ? times.readLock : 0)
    for (let waits = MAX_QUIET_WAITS; ; waits--) {
      const taken = await this.#locked(() => this.#committer.commit([], this.#known.backlog !== undefined || waits > 0), wait)
      const backlog = taken?.backlog ?? this.#known.backlog
      if (backlog) return backlog
      await delay(times.quiet) // the backlog was let go, so there is nothing to return until the edit is quiet
    }
  }

  /** The known backlog, if the file has not changed since. */
  #knownIfUnchanged(): Backlog | undefined {
    const { backlog, signature, isLetGo } = this.#known
    const isUnchanged = backlog && !this.#writing.isUnderWay && !this.#versions.mayBeAdopted
    if (isUnchanged && this.#signatureNow() === signature && !this.#isRemovalNoted()) return backlog
    if (!backlog && !isLetGo && !this.#everWas()) return this.#known.beginEmpty() // a read creates nothing, not even a lock
    return undefined
  }

  /** Whether another process has recorded that the file was removed, while this process never saw that file. */
  #isRemovalNoted(): boolean {
    if (this.#known.signature !== MISSING) return false
    return this.#lock.read().edited > (this.#known.backlog?.edited ?? 0)
  }

  /** What a read returns when the look failed. */
  async #readInSpiteOf(error: unknown): Promise<Backlog> {
    const { warn, times } = this.#options
    const now = performance.now()
    const since = this.#busySince ?? now
    if (!isBusy(error) || now - since > times.lock) warn('could not take in what was written to a room', { room: this.#name, error })
    if (!isBusy(error)) return this.#asItStands(error)
    this.#lookAgainSoon()
    const signature = this.#signatureNow()
    const isSame = signature === this.#busy?.signature
    this.#busy = { since, foundAt: now, signature }
    return (isSame && this.#known.backlog) || this.#asItStands(error)
  }

  /** Since when another process holds the lock; undefined if that was not seen within the last `readLock` milliseconds. */
  get #busySince(): number | undefined {
    const { since, foundAt = -Infinity } = this.#busy ?? {}
    return performance.now() - foundAt < this.#options.times.readLock ? since : undefined
  }

  /**
   * The backlog of a room that cannot be locked or written: what the last commit left in the file. If the file is not as a commit left it,
   * the backlog that is known. Lines that were added after that commit get an id and a timestamp only when the room can be locked.
   * @param error why the look failed; thrown when no backlog is known
   */
  async #asItStands(error: unknown): Promise<Backlog> {
    const committer = this.#committer
    try {
      const snapshot = committedPart(await committer.snapshot(), this.#options.limits)
      try {
        const seen = snapshot.fd === undefined ? undefined : await this.#reader.see(snapshot, true)
        if (!seen || seen.rewrite || seen.edit || this.#isInMidCommit(snapshot)) throw error
        if (snapshot.signature !== this.#known.signature) await committer.adopt(snapshot, seen)
        return seen.backlog
      } finally {
        await committer.closeUnlessKept(snapshot.fd)
      }
    } catch (thrown) {
      if (this.#known.backlog) return this.#known.backlog
      throw thrown
    }
  }

  /**
   * Whether another process has put this version in place, but has not recorded the room's standing yet. A process that sees the room for
   * the first time would then conclude that messages are missing, although nobody removed any.
   */
  #isInMidCommit({ mtime }: Snapshot): boolean {
    const { standing } = this.#lock.read()
    return !this.#known.standing && standing.timestamp !== 0 && standing.timestamp !== mtime
  }

  /** The file's bytes, if they are in memory. All callers share one copy, however slowly their clients read it. */
  content(): RoomContent | undefined {
    const stats = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false })
    const bytes = this.#known.bytesAnywhere
    if (!bytes || !stats || signatureOf(stats) !== this.#known.signature) return undefined
    return { bytes, timestamp: timestampOf(stats.mtimeNs) }
  }

  /** A client was shown the file as it was at this timestamp. */
  shown(timestamp: Timestamp): void {
    this.#sightings.saw(timestamp)
  }

  /** Whether the file is unchanged since this timestamp, and no change waits to be taken in. */
  isAt(timestamp: Timestamp): boolean {
    const { standing, signature } = this.#known
    return standing?.timestamp === timestamp && !this.#writing.isUnderWay && this.#signatureNow() === signature
  }

  /** Lets go of the room's messages. They can be read again from the file. */
  letGo(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#writing.isUnderWay) this.#known.letGo()
    })
  }

  /** How many bytes have to be read to load again what was let go. */
  get unread(): number {
    return this.#known.unread
  }

  /** Whether replaced versions are still watched. */
  get isWatching(): boolean {
    return this.#versions.areWatched
  }

  /** Finds the versions of the file that a killed process left, and watches them. */
  adopt(): Promise<void> {
    return this.#locked(() => this.#versions.adopt(), this.#options.times.lock)
  }

  /** Closes the lock's file and the room's file. Both are opened again when they are needed. */
  closeLock(): Promise<void> {
    return this.#inTurn(() => this.#closeFiles())
  }

  /** Whether programs have replaced versions open for writing. */
  isHeld(): Promise<boolean> {
    return this.#versions.areHeld()
  }

  async close(): Promise<void> {
    this.#isClosed = true // operations that are still in the queue set no timer from now on
    clearTimeout(this.#lookTimer)
    this.#versions.stop()
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    return this.#inTurn(async () => {
      try {
        await this.#versions.close((work) => this.#lock.hold(work))
      } finally {
        await this.#closeFiles()
      }
    })
  }

  async #closeFiles(): Promise<void> {
    this.#lock.close()
    await this.#known.close()
  }

  /**
   * Runs work in the queue and under the lock. While it waits for another process, others can use the queue. @throws RoomfileError
   * `room_busy`
   */
  #locked<T>(work: () => Promise<T>, wait: number): Promise<T> {
    const held = async (): Promise<T> => {
      this.#busy = undefined
      return work()
    }
    return this.#during(() => untilHeld(() => this.#inTurn(() => this.#lock.attempt(held)), wait))
  }

  /** Runs an operation that enters the queue several times. `close` waits for its end. */
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
    this.#queue = turn.catch(() => undefined) // the caller awaits `turn`, and gets the error
    return turn
  }

  #signatureNow(): Signature {
    const stats = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false })
    return stats ? signatureOf(stats) : MISSING
  }

  /** Whether the file exists, or has existed. */
  #everWas(): boolean {
    return this.#signatureNow() !== MISSING || this.#lock.exists()
  }

  get #name(): string {
    return basename(this.#options.path, '.jsonl')
  }

  get #place(): Place {
    return placeOf(this.#options.path)
  }

  #lookAgainSoon(): void {
    if (this.#isClosed) return
    // 5 ms more: a timer may fire early, when the file is not quiet yet. The look would then have to be repeated.
    this.#lookTimer ??= setTimeout(() => {
      this.#lookTimer = undefined
      this.#options.lookAgain()
    }, this.#writing.nextLook + 5)
  }
}

/** Whether another process has the lock. */
function isBusy(error: unknown): boolean {
  return error instanceof RoomfileError && error.code === 'room_busy'
}
