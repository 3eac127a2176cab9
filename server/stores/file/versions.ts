/**
 * The versions of a room's file: the new one that takes the place of what was read, those that it replaced, and those that a killed process
 * left. Knows files and their names. What a version contains is decided in committer.ts.
 */
import { rmdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isOutOfSpace } from '../../errors.ts'
import type { Timestamp } from '../../room/message.ts'
import type { Times } from '../../times.ts'
import type { Warn } from '../../warn.ts'
import type { Aside } from './aside.ts'
import { disk, errorOf } from './disk.ts'
import type { NewVersion, Put } from './disk-runs.ts'
import { partOf, stateOfBytes, type Descriptor, type FileStats } from './durable.ts'
import type { Holders } from './holders.ts'
import type { Place } from './place.ts'
import { firstVersionName, Replaced, versionName, type Version } from './replaced.ts'
import type { Snapshot } from './snapshot.ts'

/** How often versions that others left are looked for, as a multiple of the time that each is watched without asking. */
const ADOPT_EVERY = 2

export interface VersionsOptions {
  readonly room: string
  readonly place: () => Place
  readonly aside: Aside
  readonly holders: Holders
  readonly times: Times
  /** Runs work in the room's turn, while no other process has the room. */
  readonly locked: <T>(work: () => Promise<T>) => Promise<T>
  /** Of lines that were added to a version, those that the room does not have. */
  readonly newIn: (lines: Buffer) => Buffer
  /** Called when lines were carried over. */
  readonly carried: () => void
  /** Called when no version that was replaced is watched any more. */
  readonly nothingReplaced: () => void
  readonly warn: Warn
}

/** A version that has been put in place. */
export interface Replacement {
  /** Open to read. */
  readonly fd: Descriptor
  readonly stats: FileStats
  /** Why its place may not last. */
  readonly error: Error | undefined
}

export class Versions {
  readonly #options: VersionsOptions
  readonly #replaced: Replaced
  #timer: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined
  /** The one that was replaced last. */
  #newest: Version | undefined
  /** When versions that another process left were looked for last (monotonic), and the state of their directory then. */
  #adoptedAt = -Infinity
  #adoptedState = ''
  #isClosed = false

  constructor(options: VersionsOptions) {
    const { room, place: placeNow, aside, newIn, holders, times, warn } = options
    this.#options = options
    this.#replaced = new Replaced({
      file: () => placeNow().file,
      newIn,
      holders,
      times,
      written: (ms) => this.#lookIn(ms),
      rescue: (what) =>
        aside.keepAndTell(room, what, 'a room was written over while a post replaced its file: what was written is kept aside'),
      tooMany: (most) =>
        warn(`more than ${most} programs keep old versions of a room open: those of the oldest are not heard any more`, { room }),
      failed: (error) => warn('could not look for late lines', { room, error }),
    })
  }

  /** Whether versions that were replaced are still watched. */
  get areWatched(): boolean {
    return !this.#replaced.isEmpty
  }

  /** The newest timestamp of those that were replaced and that others have read since. */
  get readUpTo(): Timestamp {
    return this.#replaced.readUpTo
  }

  /** Whether this open file is watched here. */
  has(fd: Descriptor): boolean {
    return this.#replaced.has(fd)
  }

  /**
   * Puts new bytes in the place of what was read, and keeps an eye on the version that stood there: takes over the snapshot's open file.
   * Only under the lock.
   * @returns undefined when somebody has changed the file meanwhile, or put another one there: then nothing has changed
   */
  async replace(
    { place: at, fd, stats, bytes: before, from }: Snapshot,
    bytes: Buffer,
    mtime: Timestamp,
  ): Promise<Replacement | undefined> {
    const taken = partOf(before, from)
    const path = join(at.versions, stats ? versionName(mtime, stats.ino, taken) : firstVersionName(mtime))
    const { became, written, isForeign, failure } = await this.#put({ file: at.file, path, bytes, mtime, read: stats, taken })
    if (isForeign) await this.#keepForeign(path)
    const error = failure && errorOf(failure)
    if (!written) {
      if (error) throw error
      return undefined
    }
    if (fd !== undefined && stats) {
      this.#newest = this.#replaced.add(fd, stateOfBytes(stats), taken, before, became === 'exchanged' ? path : undefined)
      this.#lookSoon()
    }
    return { ...written, error }
  }

  /** Keeps an eye on a version that a person replaced: nobody else does. Takes over the open file. @param taken what of it is in the room, or kept */
  leave(fd: Descriptor, taken: Buffer): void {
    this.#replaced.add(fd, '', partOf(taken, 0), taken)
    this.#lookSoon()
  }

  /** Writes a version and puts it in place. On a full disk those that nobody holds go first. */
  async #put(version: NewVersion): Promise<Put> {
    try {
      return await disk.putVersion(version)
    } catch (error) {
      if (!isOutOfSpace(error) || this.#replaced.isEmpty) throw error
      const { all } = this.#replaced
      const held = await this.#options.holders.heldAmong(all)
      if (await this.#replaced.look(all, held)) this.#options.carried()
      return disk.putVersion(version)
    }
  }

  /** Keeps a file aside that a person put in the place of the room, and that is not there any more. */
  async #keepForeign(path: string): Promise<void> {
    const { room, aside } = this.#options
    await aside.keepAndTell(room, path, 'a file that was put in the place of a room came between others: it is kept aside')
    rmSync(path, { force: true })
  }

  /** Whether there may be versions that a killed process left. */
  get mayBeAdopted(): boolean {
    return performance.now() - this.#adoptedAt > this.#adoptAge && this.#directoryState !== this.#adoptedState
  }

  /** Its mtime changes with each name in it. */
  get #directoryState(): string {
    return String(statSync(this.#options.place().versions, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? '')
  }

  /**
   * Looks for versions that a killed process left: at first for all, then for those that no living one watches any more. Only under the lock.
   * An error is logged, and does not stop the read or the post that asked.
   */
  async adopt(): Promise<void> {
    const { room, place: placeNow, warn } = this.#options
    const before = this.#adoptedAt === -Infinity ? Infinity : Date.now() - this.#adoptAge
    this.#adoptedAt = performance.now()
    try {
      for (const foreign of await this.#replaced.adopt(placeNow().versions, before)) await this.#keepForeign(foreign)
      this.#adoptedState = this.#replaced.isEmpty ? this.#directoryState : '' // what is young now is older then
    } catch (error) {
      warn('could not look for what a process left that was killed', { room, error })
    }
    this.#lookSoon()
  }

  get #adoptAge(): number {
    return ADOPT_EVERY * this.#options.times.grace
  }

  /** Carries over what came to the newest of them already. Only under the lock. */
  async lookAtNewest(): Promise<void> {
    const newest = this.#newest
    this.#newest = undefined
    if (newest) await this.#carryOver(() => this.#replaced.lookAt(newest))
  }

  /** Carries late lines over. What fails is tried again soon, and does not undo the commit before it. */
  async #carryOver(look: () => Promise<boolean>): Promise<void> {
    const { room, carried, warn } = this.#options
    try {
      if (await look()) carried()
    } catch (error) {
      warn('could not look for late lines', { room, error })
    }
  }

  #lookSoon(): void {
    if (!this.#replaced.isEmpty) this.#lookIn(this.#replaced.nextLook)
  }

  /** Looks for late lines after so many milliseconds, if nothing comes first. */
  #lookIn(ms: number): void {
    const at = performance.now() + ms
    if (this.#isClosed || (this.#timer && this.#timer.at <= at)) return
    clearTimeout(this.#timer?.timer)
    const timer = setTimeout(() => {
      this.#timer = undefined
      void this.#look()
    }, ms)
    this.#timer = { timer, at }
  }

  async #look(): Promise<void> {
    const { holders, locked, nothingReplaced } = this.#options
    const { due } = this.#replaced
    const held = await holders.heldAmong(due)
    if (this.#isClosed) return
    await this.#carryOver(() => locked(async () => !this.#isClosed && this.#replaced.look(due, held))) // its end may have come first
    if (this.#isClosed) return
    if (this.#replaced.isEmpty) nothingReplaced()
    else this.#lookSoon()
  }

  /** From now on nothing is looked at any more but by `close`. */
  stop(): void {
    this.#isClosed = true
    clearTimeout(this.#timer?.timer)
  }

  /** Whether programs hold versions that have no name, so that only this process can go on to watch them. */
  async areHeld(): Promise<boolean> {
    const { all } = this.#replaced
    return (await this.#options.holders.heldAmong(all)).size > 0
  }

  /** A last look. What programs still hold keeps its name: whoever opens the room next goes on to watch it. */
  async close(hold: (work: () => Promise<void>) => Promise<void>): Promise<void> {
    const { room, holders, place: placeNow, warn } = this.#options
    try {
      if (this.#replaced.isEmpty) return
      // Under the lock, or another process that lets go of the same ones would look like a program that holds them.
      await hold(async () => this.#replaced.close(await holders.heldAmong(this.#replaced.all)))
    } catch (error) {
      warn('could not look for late lines', { room, error }) // the next start finds those that have a name
    } finally {
      await this.#replaced.forget()
      removeIfEmpty(() => placeNow().versions)
    }
  }
}

function removeIfEmpty(directory: () => string): void {
  try {
    rmdirSync(directory())
  } catch {
    // there is something in it, or nothing at all
  }
}
