/**
 * One replaced version of a room's file. Knows which part of it is in the room. Carries over the lines that a program adds after that part,
 * and has the version kept aside if a program overwrites it. Does not know which programs hold it: replaced.ts decides how long it is kept.
 */
import { closeSync, existsSync, fstatSync, openSync, renameSync, rmSync, watch, type FSWatcher } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { tryLock, unlock } from 'fs-native-extensions'
import { BUDGETS } from '../../budgets.ts'
import type { Timestamp } from '../../room/message.ts'
import type { Times } from '../../times.ts'
import { disk } from './disk.ts'
import {
  closeFile,
  digestOf,
  openFile,
  partOf,
  stateOfBytes,
  statsOf,
  timestampOf,
  type Descriptor,
  type Digest,
  type FileStats,
  type Part,
} from './durable.ts'
import { fileKeyOf, type FileKey, type Held } from './holders.ts'
import { findName, readName, versionName, type VersionName } from './version-name.ts'

/** The last bytes of the part that was taken. They tell whether a program has added to the version, or has overwritten it. */
const TAIL = 4096

/** Lines that are written within this time are carried over together, in milliseconds. */
const TOGETHER = 50

export interface ReplacedVersionOptions {
  readonly times: Pick<Times, 'grace' | 'quiet' | 'carry'>
  /** The room's present file. */
  readonly file: () => string
  /**
   * Of lines that were added to a version, those that the room does not have. A program that slowly writes a copy of the room goes on
   * writing to a version when a commit replaces the file.
   */
  readonly newIn: (lines: Buffer) => Buffer
  /** A program has written to a version that it holds: look at it after `ms` milliseconds. */
  readonly written: (ms: number) => void
  /** Keeps an overwritten version aside. Gets its bytes, or its path: then everything that is written to it later is kept as well. */
  readonly rescue: (what: Buffer | string) => Promise<void>
}

/** A version at the moment when this process begins to watch it. */
interface Beginning {
  /** Open for reading. It is closed by `close`. */
  readonly fd: Descriptor
  /** Its size and mtime when `base` was read (`stateOfBytes`). Empty if they are not known: then the first look compares its bytes. */
  readonly state: string
  /** The part of it that was in the room when it was replaced. */
  readonly base: Part
  /** Its path in the directory of versions, if it has one. */
  readonly link: string | undefined
}

export class ReplacedVersion implements Held {
  readonly fd: Descriptor
  readonly key: FileKey
  readonly #options: ReplacedVersionOptions
  /** Its stats when it was replaced. If its atime differs from this one, somebody has read it since. */
  readonly #stats: FileStats
  readonly #base: Part
  #link: string | undefined
  /** Up to this byte its lines are in the room; and the digest of the last bytes before it. */
  #end: number
  #tail: Digest
  /** Its size and mtime at the last look, and when this state was first seen (monotonic). */
  #state: string
  #since: number
  /** Whether it no longer begins with the part that was taken: a program has overwritten it. */
  #isOverwritten = false
  /** Whether it was kept aside because of that. */
  #isAside = false
  /** When it is next checked which programs hold it (monotonic). */
  #until: number
  /** Milliseconds from the last look to the next one, and when that is (monotonic). Each look that finds nothing doubles them. */
  #pause: number
  #lookAt = -Infinity
  /** Whether a program held it when that was checked last. */
  #isHeld = false
  /** Reports each write to it, while a program holds it. */
  #watcher: FSWatcher | undefined

  private constructor(options: ReplacedVersionOptions, { fd, state, base, link }: Beginning, end: number, tail: Digest) {
    const stats = statsOf(fd)
    const now = performance.now()
    if (link !== undefined) tryLock(fd, { shared: true }) // no process removes the name while another one watches it
    this.fd = fd
    this.key = fileKeyOf(stats)
    this.#options = options
    this.#stats = stats
    this.#base = base
    this.#link = link
    this.#end = end
    this.#tail = tail
    this.#state = state
    this.#since = now
    this.#until = now + options.times.grace
    this.#pause = options.times.carry
  }

  /** A version that was just replaced. @param bytes those of `base` */
  static justReplaced(options: ReplacedVersionOptions, beginning: Beginning, bytes: Buffer): ReplacedVersion {
    const { from, length } = beginning.base
    return new ReplacedVersion(options, beginning, from + length, digestOf(bytes.subarray(-TAIL)))
  }

  /** A version that another process left. @returns undefined if it is gone */
  static async leftBehind(options: ReplacedVersionOptions, path: string, { base, end }: VersionName): Promise<ReplacedVersion | undefined> {
    const fd = openFile(path)
    if (fd === undefined) return undefined
    try {
      const tail = await tailOf(fd, end)
      return new ReplacedVersion(options, { fd, state: '', base, link: path }, end, tail)
    } catch (error) {
      await closeFile(fd)
      throw error
    }
  }

  /**
   * Its path in the directory of versions. Undefined if a person replaced it or removed the name, or if the file system cannot exchange
   * names.
   */
  get link(): string | undefined {
    return this.#link
  }

  /** How many bytes of it were in the room when it was replaced. */
  get length(): number {
    return this.#base.length
  }

  /** Its timestamp if somebody has read it since it was replaced, otherwise 0. */
  get readUpTo(): Timestamp {
    const { atimeNs, mtimeNs } = this.#stats
    return fstatSync(this.fd, { bigint: true }).atimeNs === atimeNs ? 0 : timestampOf(mtimeNs)
  }

  /** Whether a file watch reports what is written to it. */
  get hasFileWatch(): boolean {
    return this.#watcher !== undefined
  }

  /** Whether it is time to check which programs hold it. */
  get isDue(): boolean {
    return this.#until < performance.now()
  }

  /** Whether it is time for another look. Of the versions of a busy room, most are never written to again: they are looked at ever less often. */
  get isLookDue(): boolean {
    return this.#isHeld || this.#lookAt < performance.now()
  }

  /** Whether it has bytes that still have to be carried over, or kept aside. */
  get hasMore(): boolean {
    return this.#hasMore(fstatSync(this.fd).size)
  }

  #hasMore(size: number): boolean {
    return this.#isOverwritten ? !this.#isAside && size > 0 : size > this.#end
  }

  /** Whether it was overwritten, and its bytes are not kept anywhere else. */
  get isUnsaved(): boolean {
    return this.#isOverwritten && this.hasMore
  }

  /** A program holds it: from now on a file watch reports what it writes. */
  keep(): void {
    const { times, written } = this.#options
    this.#until = performance.now() + times.grace
    this.#isHeld = true
    if (this.#watcher) return
    try {
      const heard = (): void => written(Math.min(TOGETHER, times.carry))
      this.#watcher = watch(`/proc/self/fd/${this.fd}`, { persistent: false }, heard)
      this.#watcher.on('error', () => undefined) // without events, the regular looks find the lines
    } catch {
      // the system has no more file watches: the regular looks find the lines
    }
  }

  /**
   * Carries over what was added to it, or has it kept aside if it was overwritten. Only under the lock.
   * @returns whether lines were carried over
   * @throws the system's error: then the next look tries again
   */
  look(): Promise<boolean> {
    return this.#look(this.#options.times.quiet)
  }

  /**
   * Looks a last time: a last line without a newline is taken as well. Then removes its name, unless another process watches it. Only under
   * the lock.
   * @returns whether lines were carried over
   * @throws the system's error: then it keeps its name
   */
  async lookLast(): Promise<boolean> {
    const carried = await this.#look(0)
    if (this.#link !== undefined && isAlone(this.fd, this.#link)) rmSync(this.#link, { force: true })
    return carried
  }

  /** Closes its descriptor, and ends the file watch. */
  async close(): Promise<void> {
    this.#watcher?.close()
    await closeFile(this.fd)
  }

  /** @param quiet milliseconds without a change after which a last line without a newline is taken as it is */
  async #look(quiet: number): Promise<boolean> {
    const stats = fstatSync(this.fd, { bigint: true })
    const [state, size, now] = [stateOfBytes(stats), Number(stats.size), performance.now()]
    const isChanged = state !== this.#state
    this.#pause = isChanged ? this.#options.times.carry : Math.min(2 * this.#pause, this.#options.times.grace)
    this.#lookAt = now + this.#pause
    if (!isChanged && !this.#hasMore(size)) return false
    if (this.#link !== undefined && !existsSync(this.#link)) await this.#findAgain(dirname(this.#link))
    if (isChanged) {
      this.#since = now
      this.#isOverwritten ||= !(await this.#isAddedTo(size))
      this.#state = state
    }
    const isQuiet = now - this.#since >= quiet
    if (this.#isOverwritten) {
      if (isQuiet) await this.#rescue(size)
      return false
    }
    let carried = false
    while (await this.#carry(size, isQuiet)) carried = true
    return carried
  }

  /**
   * Whether it still has the part that was taken, with or without more after it. For a large version, only the end of the part is
   * compared.
   */
  async #isAddedTo(size: number): Promise<boolean> {
    const [base, end, tail] = [this.#base, this.#end, this.#tail]
    if (size < end) return false
    if (digestOf(await disk.readExactly(this.fd, end - tail.length, tail.length)).hash !== tail.hash) return false
    if (base.length > BUDGETS.largeFile) return true
    return partOf(await disk.readExactly(this.fd, base.from, base.length), base.from).hash === base.hash
  }

  /** Keeps an overwritten version aside, once, unless it is empty. */
  async #rescue(size: number): Promise<void> {
    if (this.#isAside || size === 0) return
    await this.#options.rescue(this.#link ?? (await disk.readExactly(this.fd, 0, size)))
    this.#isAside = true
  }

  /** Carries over lines that were added, at most `carriedAtOnce` bytes. @returns whether any bytes were taken */
  async #carry(size: number, isQuiet: boolean): Promise<boolean> {
    const length = Math.min(size - this.#end, BUDGETS.carriedAtOnce)
    if (length <= 0) return false
    const bytes = await disk.readExactly(this.fd, this.#end, length)
    const isAll = this.#end + length === size
    const whole = bytes.lastIndexOf('\n') + 1
    const taken = (isAll && isQuiet) || (!isAll && whole === 0) ? length : whole
    if (taken === 0) return false
    const lines = this.#options.newIn(bytes.subarray(0, taken))
    const tail = await tailOf(this.fd, this.#end + taken)
    if (lines.length > 0) await appendFile(this.#options.file(), lines)
    this.#end += taken
    this.#tail = tail
    this.#rename()
    return true
  }

  /** Writes the new `end` into its name. */
  #rename(): void {
    const link = this.#link
    const name = link === undefined ? undefined : readName(basename(link))
    if (link === undefined || !name) return
    const renamed = join(dirname(link), versionName(name.timestamp, name.ino, this.#base, this.#end))
    renameSync(link, renamed)
    this.#link = renamed
  }

  /** Handles a name that is gone: another process has carried lines over and has renamed the version, or somebody has removed the name. */
  async #findAgain(directory: string): Promise<void> {
    const name = findName(this.#stats.ino, directory)
    this.#link = name === undefined ? undefined : join(directory, name)
    this.#end = Math.max(this.#end, readName(name ?? '')?.end ?? 0)
    this.#tail = await tailOf(this.fd, this.#end)
  }
}

async function tailOf(fd: Descriptor, end: number): Promise<Digest> {
  const length = Math.min(end, TAIL)
  return digestOf(await disk.readExactly(fd, end - length, length))
}

/**
 * Whether no other process watches a version. Its name tells the others what was already carried over, so it must stay as long as they
 * watch.
 */
function isAlone(watched: Descriptor, path: string): boolean {
  unlock(watched)
  try {
    const fd = openSync(path, 'r+')
    try {
      return tryLock(fd)
    } finally {
      closeSync(fd)
    }
  } catch {
    return true // it cannot be opened for writing
  }
}
