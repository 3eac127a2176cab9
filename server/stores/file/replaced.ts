/**
 * Replaced versions of a room's file. A program that opened one of them before still writes to it. The lines that it adds are carried over
 * into the room's present file (PROTOCOL.md, What holds, 5), as long as the program keeps the version open. A version that a commit
 * replaced has a name in the directory of versions. The name says which part of it is in the room, so that another process can go on after
 * a kill of this one.
 */
import { closeSync, existsSync, fstatSync, lstatSync, openSync, renameSync, rmSync, watch, type FSWatcher } from 'node:fs'
import { appendFile, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { tryLock, unlock } from 'fs-native-extensions'
import { BUDGETS } from '../../budgets.ts'
import type { Timestamp } from '../../room/message.ts'
import type { Times } from '../../times.ts'
import { disk } from './disk.ts'
import {
  closeFile,
  digestOf,
  isWholeMs,
  openFile,
  partOf,
  stateOfBytes,
  statsOf,
  timestampOf,
  unlessMissing,
  type Descriptor,
  type Digest,
  type FileStats,
  type Part,
} from './durable.ts'
import { fileKeyOf, type FileKey, type Held, type Holders } from './holders.ts'
import { findName, readName, versionName, type VersionName } from './version-name.ts'

/**
 * How many versions of a room are kept for `grace` before it is checked which programs hold them: at 40 commits a second all of them. Each
 * needs a descriptor.
 */
const MOST = 128

/**
 * Above `MOST_UNASKED` versions this check is made at once; above `LEAST`, if they have more than `MOST_BYTES` on the disk. The `NEWEST`
 * are kept in any case.
 */
const MOST_UNASKED = 3 * MOST
const MOST_BYTES = 64 * 1024 * 1024
const LEAST = 32
const NEWEST = 16

/** Limit, for one room, of versions that programs hold, and of overwritten versions that cannot be kept aside. */
const MOST_HELD = 64

/** The last bytes of the part that was taken. They tell whether a program has added to the version, or has overwritten it. */
const TAIL = 4096

/** Lines that are written within this time are carried over together, in milliseconds. */
const TOGETHER = 50

interface Version {
  readonly fd: Descriptor
  readonly key: FileKey
  /** Its stats when it was replaced. If its atime differs from this one, somebody has read it since. */
  readonly stats: FileStats
  /** The part of it that was in the room then. */
  readonly base: Part
  /**
   * Its path in the directory of versions. Undefined if a person replaced it or removed the name, or if the file system cannot exchange
   * names.
   */
  link: string | undefined
  /** Up to this byte its lines are in the room; and the digest of the last bytes before it. */
  end: number
  tail: Digest
  /** Its size and mtime at the last look, and when this state was first seen (monotonic). */
  state: string
  since: number
  /** Whether it no longer begins with the part that was taken: a program has overwritten it. */
  isOverwritten: boolean
  /** Whether it was kept aside because of that. */
  isAside: boolean
  /** When it is next checked which programs hold it (monotonic). */
  until: number
  /** Reports each write to it, while a program holds it. */
  watcher?: FSWatcher
}

export interface ReplacedOptions {
  readonly holders: Holders
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
  /** Called when programs hold more versions than the limit. */
  readonly tooMany: (most: number) => void
  /** An error with one version: it is kept, and tried again. */
  readonly failed: (error: unknown) => void
}

export class Replaced {
  readonly #options: ReplacedOptions
  /** In the order in which they were added. */
  #versions: Version[] = []

  constructor(options: ReplacedOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#versions.length === 0
  }

  has(fd: Descriptor): boolean {
    return this.#versions.some((version) => version.fd === fd)
  }

  /** Milliseconds until the next look. */
  get nextLook(): number {
    const { carry, grace } = this.#options.times
    return this.#versions.every((version) => version.watcher && !hasMore(version)) ? grace : carry
  }

  /**
   * The newest timestamp of the versions that others have read: a program may open a version before it is replaced, and read it afterwards.
   */
  get readUpTo(): Timestamp {
    const read = this.#versions.filter(({ fd, stats }) => fstatSync(fd, { bigint: true }).atimeNs !== stats.atimeNs)
    return Math.max(0, ...read.map(({ stats }) => timestampOf(stats.mtimeNs)))
  }

  /**
   * Adds a version that was just replaced. Takes over its descriptor, and closes it later.
   * @param base the part of it that is in the room; `bytes` are the bytes of that part
   * @param link its path now, if it has a name
   */
  add(fd: Descriptor, state: string, base: Part, bytes: Buffer, link?: string): Version {
    return this.#add(fd, state, base, base.from + base.length, digestOf(bytes.subarray(-TAIL)), link)
  }

  #add(fd: Descriptor, state: string, base: Part, end: number, tail: Digest, link: string | undefined): Version {
    const stats = statsOf(fd)
    const now = performance.now()
    if (link !== undefined) tryLock(fd, { shared: true }) // no process removes the name while another one watches it
    const version: Version = {
      fd,
      key: fileKeyOf(stats),
      stats,
      base,
      link,
      end,
      tail,
      state,
      since: now,
      isOverwritten: false,
      isAside: false,
      until: now + this.#options.times.grace,
    }
    this.#versions.push(version)
    return version
  }

  /**
   * Finds the versions that another process left. A replaced version is watched again. A new version that was never put in place is
   * removed. Any other file was put in the room's place by a person, at the moment when a process was killed. Only under the lock.
   * @param before versions that were replaced later than this are left to the process that replaced them
   * @returns the paths of the files that a person had put in the room's place
   */
  async adopt(directory: string, before: Timestamp): Promise<string[]> {
    const foreign: string[] = []
    const known = new Set(this.#versions.map(({ link }) => link))
    for (const name of (await readdir(directory).catch(unlessMissing)) ?? []) {
      const path = join(directory, name)
      const named = readName(name)
      if (known.has(path) || (named && named.timestamp > before)) continue
      try {
        const stats = lstatSync(path, { bigint: true })
        if (!stats.isFile()) continue
        if (named && stats.ino === named.ino) await this.#adopt(path, named)
        else if (named && !isOfCommit(stats, named.timestamp)) foreign.push(path)
        else rmSync(path, { force: true })
      } catch (error) {
        this.#options.failed(error)
      }
    }
    return foreign
  }

  async #adopt(path: string, { base, end }: VersionName): Promise<void> {
    const fd = openFile(path)
    if (fd !== undefined) this.#add(fd, '', base, end, await tailOf(fd, end), path)
  }

  /** The versions for which it is time to check which programs hold them. */
  get due(): Held[] {
    if (!this.#options.holders.isRested) return []
    const now = performance.now()
    const unheld = this.#unheld
    const old = new Set(unheld.slice(0, Math.max(0, unheld.length - MOST)))
    return this.#versions.filter((version) => version.until < now || old.has(version)).map(asHeld)
  }

  get all(): Held[] {
    return this.#versions.map(asHeld)
  }

  /** The versions that no program is known to hold. */
  get #unheld(): Version[] {
    return this.#versions.filter(({ watcher }) => !watcher)
  }

  /**
   * Looks at a version that was just added, and lets go of others if there are too many. Only under the lock. @returns whether lines were
   * carried over
   */
  async lookAt(version: Version): Promise<boolean> {
    const carried = await this.#visited(version)
    const unheld = this.#unheld
    if (unheld.length <= LEAST) return carried
    const bytes = unheld.reduce((sum, { base }) => sum + base.length, 0)
    if (unheld.length <= MOST_UNASKED && bytes <= MOST_BYTES) return carried
    const asked = unheld.slice(0, -NEWEST).map(asHeld)
    return (await this.look(asked, await this.#options.holders.heldAmong(asked))) || carried
  }

  /**
   * Looks at all versions. Then lets go of those in `asked` that no program holds. Only under the lock.
   * @param held the versions in `asked` that programs hold
   * @returns whether lines were carried over
   */
  async look(asked: readonly Held[], held: ReadonlySet<FileKey>): Promise<boolean> {
    let carried = false
    for (const version of this.#versions.slice()) carried = (await this.#visited(version)) || carried
    const isAsked = new Set(asked.map(({ key }) => key))
    for (const version of this.#versions.slice()) {
      if (!isAsked.has(version.key)) continue
      if (held.has(version.key)) this.#keep(version)
      else if (!isUnsaved(version)) carried = (await this.#letGo(version)) || carried
    }
    const kept = this.#versions.filter((version) => version.watcher ?? isUnsaved(version))
    if (kept.length <= MOST_HELD) return carried
    this.#options.tooMany(MOST_HELD)
    for (const version of kept.slice(0, -MOST_HELD)) carried = (await this.#letGo(version)) || carried
    return carried
  }

  /**
   * Looks at all versions a last time, and closes them. Those that programs hold keep their names, for the process that serves the room
   * next. Only under the lock.
   */
  async close(held: ReadonlySet<FileKey>): Promise<void> {
    for (const version of this.#versions.slice()) {
      if (version.link !== undefined && held.has(version.key)) await this.#visited(version)
      else await this.#letGo(version)
    }
    await this.forget()
  }

  /** Closes all versions without a look. */
  async forget(): Promise<void> {
    const versions = this.#versions
    this.#versions = []
    await Promise.all(versions.map(close))
  }

  /** A program holds this version: from now on a file watch reports what it writes. */
  #keep(version: Version): void {
    const { times, written } = this.#options
    version.until = performance.now() + times.grace
    if (version.watcher) return
    try {
      const heard = (): void => written(Math.min(TOGETHER, times.carry))
      version.watcher = watch(`/proc/self/fd/${version.fd}`, { persistent: false }, heard)
      version.watcher.on('error', () => undefined) // without events, the regular looks find the lines
    } catch {
      // the system has no more file watches: the regular looks find the lines
    }
  }

  /** Looks at a version a last time and lets it go. If the look fails, keeps it. @returns whether lines were carried over */
  async #letGo(version: Version): Promise<boolean> {
    try {
      const carried = await this.#visit(version, true)
      if (version.link !== undefined && isAlone(version.fd, version.link)) rmSync(version.link, { force: true })
      this.#versions.splice(this.#versions.indexOf(version), 1)
      await close(version)
      return carried
    } catch (error) {
      this.#options.failed(error)
      return false
    }
  }

  async #visited(version: Version): Promise<boolean> {
    return this.#visit(version).catch((error: unknown) => {
      this.#options.failed(error)
      return false
    })
  }

  /**
   * Looks at one version.
   * @param isLast whether this is the last look: then a last line without a newline is taken as it is
   * @returns whether lines were carried over
   */
  async #visit(version: Version, isLast = false): Promise<boolean> {
    const stats = fstatSync(version.fd, { bigint: true })
    const [state, size, now] = [stateOfBytes(stats), Number(stats.size), performance.now()]
    const isChanged = state !== version.state
    if (!isChanged && !hasMore(version)) return false
    if (version.link !== undefined && !existsSync(version.link)) await this.#findAgain(version)
    if (isChanged) {
      version.since = now
      version.isOverwritten ||= !(await isAddedTo(version, size))
      version.state = state
    }
    const isQuiet = isLast || now - version.since >= this.#options.times.quiet
    if (version.isOverwritten) {
      if (isQuiet) await this.#rescue(version, size)
      return false
    }
    let carried = false
    while (await this.#carry(version, size, isQuiet)) carried = true
    return carried
  }

  /** Keeps an overwritten version aside, once, unless it is empty. */
  async #rescue(version: Version, size: number): Promise<void> {
    if (version.isAside || size === 0) return
    await this.#options.rescue(version.link ?? (await disk.readExactly(version.fd, 0, size)))
    version.isAside = true
  }

  /** Carries over lines that were added, at most `carriedAtOnce` bytes. @returns whether any bytes were taken */
  async #carry(version: Version, size: number, isQuiet: boolean): Promise<boolean> {
    const length = Math.min(size - version.end, BUDGETS.carriedAtOnce)
    if (length <= 0) return false
    const bytes = await disk.readExactly(version.fd, version.end, length)
    const isAll = version.end + length === size
    const whole = bytes.lastIndexOf('\n') + 1
    const taken = (isAll && isQuiet) || (!isAll && whole === 0) ? length : whole
    if (taken === 0) return false
    const lines = this.#options.newIn(bytes.subarray(0, taken))
    if (lines.length > 0) await appendFile(this.#options.file(), lines)
    version.end += taken
    this.#rename(version)
    version.tail = await tailOf(version.fd, version.end)
    return true
  }

  /** Writes the new `end` into the version's name. */
  #rename(version: Version): void {
    const { link, base, end } = version
    const named = link === undefined ? undefined : readName(basename(link))
    if (link === undefined || !named) return
    const renamed = join(dirname(link), versionName(named.timestamp, named.ino, base, end))
    renameSync(link, renamed)
    version.link = renamed
  }

  /** Handles a name that is gone: another process has carried lines over and has renamed the version, or somebody has removed the name. */
  async #findAgain(version: Version): Promise<void> {
    const directory = dirname(version.link ?? '')
    const name = findName(version.stats.ino, directory)
    version.link = name === undefined ? undefined : join(directory, name)
    version.end = Math.max(version.end, readName(name ?? '')?.end ?? 0)
    version.tail = await tailOf(version.fd, version.end)
  }
}

function asHeld({ key, fd }: Version): Held {
  return { key, fd }
}

/** Whether a file has the mtime of a commit with this timestamp. */
function isOfCommit({ mtimeNs }: FileStats, timestamp: Timestamp): boolean {
  return timestampOf(mtimeNs) === timestamp && isWholeMs(mtimeNs)
}

/** Whether it has bytes that still have to be carried over, or kept aside. */
function hasMore(version: Version): boolean {
  if (version.isOverwritten) return isUnsaved(version)
  return fstatSync(version.fd).size > version.end
}

/** Whether it was overwritten, and its bytes are not kept anywhere else. */
function isUnsaved({ isOverwritten, isAside, fd }: Version): boolean {
  return isOverwritten && !isAside && fstatSync(fd).size > 0
}

/**
 * Whether a version still has the part that was taken, with or without more after it. For a large version, only the end of the part is
 * compared.
 */
async function isAddedTo({ fd, base, end, tail }: Version, size: number): Promise<boolean> {
  if (size < end) return false
  if (digestOf(await disk.readExactly(fd, end - tail.length, tail.length)).hash !== tail.hash) return false
  if (base.length > BUDGETS.largeFile) return true
  return partOf(await disk.readExactly(fd, base.from, base.length), base.from).hash === base.hash
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

async function close({ fd, watcher }: Version): Promise<void> {
  watcher?.close()
  await closeFile(fd)
}

export type { Version }
