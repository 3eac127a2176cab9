/**
 * One room's file, as the store asks for it: looked at when it changed, replaced by each commit. Other programs may change it at any moment.
 * Knows who asks and in which order, and how long to wait for another process or for the end of an edit. Commits are made in committer.ts.
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

/** How many times a post waits for an edit to become quiet, before it takes the file as it is, unless a program has it open. */
const MAX_QUIET_WAITS = 3

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

export class RoomFile {
  readonly #options: RoomFileOptions
  readonly #known = new Known()
  readonly #lock: RoomLock
  readonly #versions: Versions
  readonly #sightings: Sightings
  readonly #writing: Writing
  readonly #reader: Reader
  readonly #committer: Committer
  /** The end of the queue in which the looks and commits of this process stand. Nobody waits for another process in it. */
  #queue: Promise<unknown> = Promise.resolve()
  /** What the next commit adds. */
  readonly #drafts: Draft[] = []
  /** What is under way and may come to the queue again. */
  readonly #underWay = new Set<Promise<void>>()
  /** Since when another process holds the room, when that was found last (both monotonic), and what the file was then. */
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
        const appended = await this.#locked(() => this.#committer.commit(drafts, waits > 0), times.lock)
        if (appended) return appended
        await delay(times.quiet)
      }
    } catch (error) {
      throw fromSystem(error, 'not_kept')
    }
  })

  async #look(): Promise<Backlog> {
    const { times } = this.#options
    const sameAsBefore = await this.#inTurn(async () => this.#knownIfUnchanged())
    if (sameAsBefore) return sameAsBefore
    const wait = this.#busySince === undefined ? times.readLock : 0
    for (let waits = MAX_QUIET_WAITS; ; waits--) {
      const taken = await this.#locked(() => this.#committer.commit([], this.#known.backlog !== undefined || waits > 0), wait)
      const backlog = taken?.backlog ?? this.#known.backlog
      if (backlog) return backlog
      await delay(times.quiet) // what was known is let go: nothing can be said until the edit is quiet
    }
  }

  /** What is known, if the file is still as it was then. */
  #knownIfUnchanged(): Backlog | undefined {
    const { backlog, signature, isLetGo } = this.#known
    const isUnchanged = backlog && !this.#writing.isUnderWay && !this.#versions.mayBeAdopted
    if (isUnchanged && this.#signatureNow() === signature && !this.#isRemovalNoted()) return backlog
    if (!backlog && !isLetGo && !this.#everWas()) return this.#known.beginEmpty() // to ask for a room makes nothing, not even its lock
    return undefined
  }

  /** Whether another process has taken in that the file is gone, where we never saw it there. */
  #isRemovalNoted(): boolean {
    if (this.#known.signature !== MISSING) return false
    return this.#lock.read().edited > (this.#known.backlog?.edited ?? 0)
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
    const signature = this.#signatureNow()
    const isSame = signature === this.#busy?.signature
    this.#busy = { since, foundAt: now, signature }
    return (isSame && this.#known.backlog) || this.#asItStands(error)
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
   * Whether another process has put this version in place, and has not written down yet where the room stands: to us, who see the room for the
   * first time, messages that nobody dropped would be missing.
   */
  #isInMidCommit({ mtime }: Snapshot): boolean {
    const { standing } = this.#lock.read()
    return !this.#known.standing && standing.timestamp !== 0 && standing.timestamp !== mtime
  }

  /** The bytes of the file where they are known already: one copy for all who ask, however slowly they take it. */
  content(): RoomContent | undefined {
    const stats = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false })
    const bytes = this.#known.bytesAnywhere
    if (!bytes || !stats || signatureOf(stats) !== this.#known.signature) return undefined
    return { bytes, timestamp: timestampOf(stats.mtimeNs) }
  }

  /** Somebody was shown the file as it was at this timestamp. */
  shown(timestamp: Timestamp): void {
    this.#sightings.saw(timestamp)
  }

  /** Whether the file is still what it was at this timestamp, and nothing waits to be taken in. */
  isAt(timestamp: Timestamp): boolean {
    const { standing, signature } = this.#known
    return standing?.timestamp === timestamp && !this.#writing.isUnderWay && this.#signatureNow() === signature
  }

  /** Lets go of what the room holds, which is in the file. */
  letGo(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#writing.isUnderWay) this.#known.letGo()
    })
  }

  /** How many bytes have to be read to know again what was let go. */
  get unread(): number {
    return this.#known.unread
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
    return this.#inTurn(() => this.#closeFiles())
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
        await this.#closeFiles()
      }
    })
  }

  async #closeFiles(): Promise<void> {
    this.#lock.close()
    await this.#known.close()
  }

  /** Runs work in its turn, and under the lock. To wait for another process blocks nobody else here. @throws RoomfileError `room_busy` */
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

  #signatureNow(): Signature {
    const stats = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false })
    return stats ? signatureOf(stats) : MISSING
  }

  /** Whether there is a file, or was one. */
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
    // A timer may fire a moment early, and the file would have to be quiet for as long again.
    this.#lookTimer ??= setTimeout(() => {
      this.#lookTimer = undefined
      this.#options.lookAgain()
    }, this.#writing.nextLook + 5)
  }
}
