/**
 * Versions of a room's file that another one has taken the place of. A program that opened one of them before still writes to it: what is added
 * there is carried over into the file that has the name now (PROTOCOL.md, What holds, 5), for as long as the program keeps it open.
 * Each keeps a name in the directory of versions, which says what of it is in the room: so it outlives a kill of this process.
 */
import { closeSync, existsSync, fstatSync, lstatSync, openSync, readdirSync, renameSync, rmSync, watch, type FSWatcher } from 'node:fs'
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

/** So many of a room are kept without asking who holds them: at 40 commits a second all of the last three seconds. Each is an open file. */
const MOST = 128

/** At so many it is asked at once; at fewer where they hold so much together, still on the disk. Some of the newest are kept in any case. */
const MOST_UNASKED = 3 * MOST
const MOST_BYTES = 64 * 1024 * 1024
const LEAST = 32
const NEWEST = 16

/** Programs that keep an old version of one room open, each another one; and versions that were written over and cannot be kept aside. */
const MOST_HELD = 64

/** Bytes before the end of what was taken by which it is known that a program has added to it, and not written over it. */
const TAIL = 4096

/** What is written within such a moment is carried over together, in milliseconds. */
const TOGETHER = 50

interface Version {
  readonly fd: Descriptor
  readonly key: FileKey
  /** What it was when its place was taken: its atime still tells whether somebody has read it. */
  readonly stats: FileStats
  /** What of it was in the room then. */
  readonly base: Part
  /** Its name in the directory of versions; undefined where it has none: a person has replaced it, or removed the name. */
  link: string | undefined
  /** Up to this byte it is in the room; and the bytes before that. */
  end: number
  tail: Digest
  /** Its size and mtime when it was last looked at, and since when it is so (monotonic). */
  state: string
  since: number
  /** Whether it does not begin with what was taken any more: somebody has written over it. */
  isOverwritten: boolean
  /** Whether it was kept aside therefore. */
  isAside: boolean
  /** When it is asked next whether anybody holds it (monotonic). */
  until: number
  /** Tells of what is written to it, while a program holds it. */
  watcher?: FSWatcher
}

export interface ReplacedOptions {
  readonly holders: Holders
  readonly times: Pick<Times, 'grace' | 'quiet' | 'carry'>
  /** The file that has the name now. */
  readonly file: () => string
  /** Of lines that were added to a version, those that the room does not have: who writes a copy of it slowly goes on in a version. */
  readonly newIn: (lines: Buffer) => Buffer
  /** Something was written to a version that is held: to be looked at after so many milliseconds. */
  readonly written: (ms: number) => void
  /** Keeps a version aside that somebody wrote over: its bytes, or the file of this path, with all that may still be written to it. */
  readonly rescue: (what: Buffer | string) => Promise<void>
  /** Called when more programs hold versions than may. */
  readonly tooMany: (most: number) => void
  /** One version could not be looked at: it is kept, and looked at again. */
  readonly failed: (error: unknown) => void
}

/** The name of a version that is to be exchanged with a file: all that is needed to know that file again, and what of it is in the room. */
export function versionName(timestamp: Timestamp, ino: bigint, { from, length, hash }: Part, end = from + length): string {
  return [timestamp, ino, from, length, hash, end].join('.')
}

/** The name of a version that takes nothing's place. */
export function firstVersionName(timestamp: Timestamp): string {
  return `${timestamp}.new`
}

const NAME = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.([\w-]+)\.(\d+)$/

/** Whether a file has a name in the directory of versions: then the process that replaced it watches it, or whoever adopts it. */
export function isVersion(ino: bigint, directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).some((name) => readName(name)?.ino === ino)
}

interface Named {
  readonly timestamp: Timestamp
  readonly ino: bigint
  readonly base: Part
  readonly end: number
}

function readName(name: string): Named | undefined {
  const [whole, timestamp, ino, from, length, hash, end] = NAME.exec(name) ?? []
  if (whole === undefined) return undefined
  const base = { from: Number(from), length: Number(length), hash: hash ?? '' }
  return { timestamp: Number(timestamp), ino: BigInt(ino ?? 0), base, end: Number(end) }
}

export class Replaced {
  readonly #options: ReplacedOptions
  /** In the order in which they came. */
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

  /** Milliseconds until they want to be looked at again. */
  get nextLook(): number {
    const { carry, grace } = this.#options.times
    return this.#versions.every((version) => version.watcher && !hasMore(version)) ? grace : carry
  }

  /** The newest timestamp of those that were read by others: a program may have opened one before it was replaced, and have read it later. */
  get readUpTo(): Timestamp {
    const read = this.#versions.filter(({ fd, stats }) => fstatSync(fd, { bigint: true }).atimeNs !== stats.atimeNs)
    return Math.max(0, ...read.map(({ stats }) => timestampOf(stats.mtimeNs)))
  }

  /**
   * Takes over an open file that has just been replaced: it is closed here.
   * @param base what of it is in the room, and `bytes` are those bytes
   * @param link its name now, if it has one
   */
  add(fd: Descriptor, state: string, base: Part, bytes: Buffer, link?: string): Version {
    return this.#add(fd, state, base, base.from + base.length, digestOf(bytes.subarray(-TAIL)), link)
  }

  #add(fd: Descriptor, state: string, base: Part, end: number, tail: Digest, link: string | undefined): Version {
    const stats = statsOf(fd)
    const now = performance.now()
    if (link !== undefined) tryLock(fd, { shared: true }) // its name stays while anybody watches it
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
   * Finds again what another process has left: a version that was replaced is kept on, one that was never put in place is removed, and any
   * other file is what somebody had put in the place of one at the moment of a kill. Only under the lock.
   * @param before what was replaced later than this is watched by the process that did it
   * @returns the paths of the latter
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

  async #adopt(path: string, { base, end }: Named): Promise<void> {
    const fd = openFile(path)
    if (fd !== undefined) this.#add(fd, '', base, end, await tailOf(fd, end), path)
  }

  /** Those of which it is time to ask who holds them. */
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

  /** Those that nobody is known to hold. */
  get #unheld(): Version[] {
    return this.#versions.filter(({ watcher }) => !watcher)
  }

  /** Looks at one that has just been added, and makes place where there are too many. Only under the lock. @returns whether anything was carried over */
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
   * Looks at all of them, and lets go of those that were asked for and that nobody holds. Only under the lock.
   * @returns whether anything was carried over
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

  /** Looks at all of them a last time, and closes them. Those that are held keep their names, for whoever serves the room next. Only under the lock. */
  async close(held: ReadonlySet<FileKey>): Promise<void> {
    for (const version of this.#versions.slice()) {
      if (version.link !== undefined && held.has(version.key)) await this.#visited(version)
      else await this.#letGo(version)
    }
    await this.forget()
  }

  /** Closes all of them without a look. */
  async forget(): Promise<void> {
    const versions = this.#versions
    this.#versions = []
    await Promise.all(versions.map(close))
  }

  /** A program holds it: what it writes is heard at once from now on. */
  #keep(version: Version): void {
    const { times, written } = this.#options
    version.until = performance.now() + times.grace
    if (version.watcher) return
    try {
      const heard = (): void => written(Math.min(TOGETHER, times.carry))
      version.watcher = watch(`/proc/self/fd/${version.fd}`, { persistent: false }, heard)
      version.watcher.on('error', () => undefined) // it is looked at now and then in any case
    } catch {
      // no more watches to be had: it is looked at now and then
    }
  }

  /** Lets go of one after a last look, unless that fails. @returns whether anything was carried over */
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

  /** Looks at one. @param isLast whether nobody looks again: then a line without an end is taken as it is @returns whether anything was carried over */
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

  /** Keeps one aside that was written over, once, unless nothing is in it. */
  async #rescue(version: Version, size: number): Promise<void> {
    if (version.isAside || size === 0) return
    await this.#options.rescue(version.link ?? (await disk.readExactly(version.fd, 0, size)))
    version.isAside = true
  }

  /** Carries over what was added, so much at once. @returns whether anything was */
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

  /** The name says up to where it is in the room. */
  #rename(version: Version): void {
    const { link, base, end } = version
    const named = link === undefined ? undefined : readName(basename(link))
    if (link === undefined || !named) return
    const renamed = join(dirname(link), versionName(named.timestamp, named.ino, base, end))
    renameSync(link, renamed)
    version.link = renamed
  }

  /** Another process has carried over what came to it, and has given it another name; or somebody removed the name, and it has none. */
  async #findAgain(version: Version): Promise<void> {
    const directory = dirname(version.link ?? '')
    const { ino } = version.stats
    const names = existsSync(directory) ? readdirSync(directory) : []
    const name = names.find((one) => readName(one)?.ino === ino && lstatSync(join(directory, one), { bigint: true }).ino === ino)
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

/** Whether something is in it that has still to be taken, or kept aside. */
function hasMore(version: Version): boolean {
  if (version.isOverwritten) return isUnsaved(version)
  return fstatSync(version.fd).size > version.end
}

/** Whether it was written over, and its bytes are nowhere else. */
function isUnsaved({ isOverwritten, isAside, fd }: Version): boolean {
  return isOverwritten && !isAside && fstatSync(fd).size > 0
}

/** Whether a version still has what was taken of it, and perhaps more behind that. Of a large one its end is enough. */
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

/** Whether no other process watches a version: what it carried over, others know by the version's name only. */
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
    return true // a file that nobody may write to
  }
}

async function close({ fd, watcher }: Version): Promise<void> {
  watcher?.close()
  await closeFile(fd)
}

export type { Version }
