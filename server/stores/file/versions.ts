/**
 * The versions of a room's file: puts a new one in the place of the one that was read, watches those that were replaced, and finds those
 * that a killed process left. Knows files and their names; committer.ts decides what a version contains.
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
import type { ReplacedVersion } from './replaced-version.ts'
import { Replaced } from './replaced.ts'
import type { Snapshot } from './snapshot.ts'
import { firstVersionName, versionName } from './version-name.ts'

/** How often to look for versions that other processes left, as a multiple of `grace` (times.ts). */
const ADOPT_EVERY = 2

export interface VersionsOptions {
  readonly room: string
  readonly place: () => Place
  readonly aside: Aside
  readonly holders: Holders
  readonly times: Times
  /** Runs work in the room's queue and under its lock. */
  readonly locked: <T>(work: () => Promise<T>) => Promise<T>
  /** Of lines that were added to a version, those that the room does not have. */
  readonly newIn: (lines: Buffer) => Buffer
  /** Called when lines were carried over. */
  readonly carried: () => void
  /** Called when no replaced version is watched any more. */
  readonly nothingReplaced: () => void
  readonly warn: Warn
}

/** A version that was put in place. */
export interface Replacement {
  /** Open for reading. */
  readonly fd: Descriptor
  readonly stats: FileStats
  /** Why a power cut could undo the replacement: the fsync of the directory failed. */
  readonly error: Error | undefined
}

export class Versions {
  readonly #options: VersionsOptions
  readonly #replaced: Replaced
  #timer: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined
  /** The version that the last commit replaced, until it is looked at. */
  #newest: ReplacedVersion | undefined
  /** When this process last looked for versions that others left (monotonic), and the state of their directory then. */
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
        warn(`more than ${most} programs keep old versions of a room open: what is written to the oldest is not read any more`, { room }),
      failed: (error) => warn('could not look for late lines', { room, error }),
    })
  }

  /** Whether replaced versions are still watched. */
  get areWatched(): boolean {
    return !this.#replaced.isEmpty
  }

  /** The newest timestamp of the replaced versions that another program has read since. */
  get readUpTo(): Timestamp {
    return this.#replaced.readUpTo
  }

  /** Whether this descriptor belongs to a watched version: then it is closed here. */
  has(fd: Descriptor): boolean {
    return this.#replaced.has(fd)
  }

  /**
   * Puts a new version in the place of the one that was read, and watches the old one: takes over the snapshot's descriptor. Only under the
   * lock.
   * @returns undefined if another program has changed or replaced the file in the meantime: then the file is as that program left it
   * @throws the system's error when the version could not be put in place
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

  /**
   * Watches a version that a person replaced, because no other process does. Takes over the descriptor.
   * @param taken the bytes of it that are in the room, or kept aside
   */
  leave(fd: Descriptor, taken: Buffer): void {
    this.#replaced.add(fd, '', partOf(taken, 0), taken)
    this.#lookSoon()
  }

  /** Writes a version and puts it in place. If the disk is full, lets go of replaced versions that no program holds, and tries again. */
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

  /** Keeps aside a file that a person put in the room's place, and that is not in that place any more. */
  async #keepForeign(path: string): Promise<void> {
    const { room, aside } = this.#options
    await aside.keepAndTell(room, path, 'another program replaced the file of a room during a commit: that file is kept aside')
    rmSync(path, { force: true })
  }

  /** Whether to look for versions that a killed process left. */
  get mayBeAdopted(): boolean {
    return performance.now() - this.#adoptedAt > this.#adoptAge && this.#directoryState !== this.#adoptedState
  }

  /** The directory's mtime: it changes when a name is added or removed. */
  get #directoryState(): string {
    return String(statSync(this.#options.place().versions, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? '')
  }

  /**
   * Finds the versions that a killed process left: the first time all of them, later those that were replaced more than `#adoptAge` ago,
   * because running processes watch the younger ones. Only under the lock. An error is logged, and does not stop the read or the post that
   * called this.
   */
  async adopt(): Promise<void> {
    const { room, place: placeNow, warn } = this.#options
    const before = this.#adoptedAt === -Infinity ? Infinity : Date.now() - this.#adoptAge
    this.#adoptedAt = performance.now()
    try {
      const { foreign, isAll } = await this.#replaced.adopt(placeNow().versions, before)
      for (const path of foreign) await this.#keepForeign(path)
      this.#adoptedState = isAll && this.#replaced.isEmpty ? this.#directoryState : '' // '': look again later, for those that are too young now
    } catch (error) {
      warn('could not look for what a killed process left', { room, error })
    }
    this.#lookSoon()
  }

  get #adoptAge(): number {
    return ADOPT_EVERY * this.#options.times.grace
  }

  /** Carries over lines that were already added to the version that the last commit replaced. Only under the lock. */
  async lookAtNewest(): Promise<void> {
    const newest = this.#newest
    this.#newest = undefined
    if (newest) await this.#carryOver(() => this.#replaced.lookAt(newest))
  }

  /** Carries late lines over. An error is logged, and the next look tries again. It does not undo the commit before it. */
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

  /** Looks for late lines after `ms` milliseconds, unless an earlier look is set. */
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
    await this.#carryOver(() => locked(async () => !this.#isClosed && this.#replaced.look(due, held))) // `stop` may come first
    if (this.#isClosed) return
    if (this.#replaced.isEmpty) nothingReplaced()
    else this.#lookSoon()
  }

  /** From now on only `close` looks at versions. */
  stop(): void {
    this.#isClosed = true
    clearTimeout(this.#timer?.timer)
  }

  /** Whether programs have replaced versions open for writing. */
  async areHeld(): Promise<boolean> {
    const { all } = this.#replaced
    return (await this.#options.holders.heldAmong(all)).size > 0
  }

  /** A last look. A version that a program still holds keeps its name: the next process that opens the room watches it. */
  async close(hold: (work: () => Promise<void>) => Promise<void>): Promise<void> {
    const { room, holders, place: placeNow, warn } = this.#options
    try {
      if (this.#replaced.isEmpty) return
      // Under the lock: another process that lets go of the same versions has them open for writing, and would be taken for a program that
      // holds them.
      await hold(async () => this.#replaced.close(await holders.heldAmong(this.#replaced.all)))
    } catch (error) {
      warn('could not look for late lines', { room, error }) // the next start finds the versions that have a name
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
    // it is not empty, or it does not exist
  }
}
