/**
 * The replaced versions of a room's file. A program that opened one of them before still writes to it. The lines that it adds are carried
 * over into the room's present file (PROTOCOL.md, What holds, 5), as long as the program keeps the version open. Knows how long each
 * version is kept, and how many; what is done with one of them: replaced-version.ts.
 */
import { lstatSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Timestamp } from '../../room/message.ts'
import { isWholeMs, timestampOf, unlessMissing, type Descriptor, type FileStats, type Part } from './durable.ts'
import type { FileKey, Held, Holders } from './holders.ts'
import { ReplacedVersion, type ReplacedVersionOptions } from './replaced-version.ts'
import { readName, type VersionName } from './version-name.ts'

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

export interface ReplacedOptions extends ReplacedVersionOptions {
  readonly holders: Holders
  /** Called when programs hold more versions than the limit. */
  readonly tooMany: (most: number) => void
  /** An error with one version: it is kept, and tried again. */
  readonly failed: (error: unknown) => void
}

/** What another process left, besides the versions that are watched again. */
export interface LeftBehind {
  /** The paths of the files that a person had put in the room's place. */
  readonly foreign: readonly string[]
  /** Whether nothing was left to the process that replaced it. */
  readonly isAll: boolean
}

export class Replaced {
  readonly #options: ReplacedOptions
  /** In the order in which they were added. */
  #versions: ReplacedVersion[] = []

  constructor(options: ReplacedOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#versions.length === 0
  }

  /** Whether this descriptor belongs to one of the versions: then it is closed here. */
  has(fd: Descriptor): boolean {
    return this.#versions.some((version) => version.fd === fd)
  }

  /** Milliseconds until the next look. */
  get nextLook(): number {
    const { carry, grace } = this.#options.times
    return this.#versions.every((version) => version.hasFileWatch && !version.hasMore) ? grace : carry
  }

  /**
   * The newest timestamp of the versions that others have read: a program may open a version before it is replaced, and read it afterwards.
   */
  get readUpTo(): Timestamp {
    return Math.max(0, ...this.#versions.map(({ readUpTo }) => readUpTo))
  }

  /**
   * Adds a version that was just replaced. Takes over its descriptor, and closes it later.
   * @param state its size and mtime when `bytes` were read (`stateOfBytes`); empty if they are not known
   * @param base the part of it that is in the room; `bytes` are the bytes of that part
   * @param link its path now, if it has a name
   */
  add(fd: Descriptor, state: string, base: Part, bytes: Buffer, link?: string): ReplacedVersion {
    const version = ReplacedVersion.justReplaced(this.#options, { fd, state, base, link }, bytes)
    this.#versions.push(version)
    return version
  }

  /**
   * Finds the versions that another process left. A replaced version is watched again. A new version that was never put in place is
   * removed. Any other file was put in the room's place by a person, at the moment when a process was killed. Only under the lock.
   * @param before versions that were replaced later than this are left to the process that replaced them
   */
  async adopt(directory: string, before: Timestamp): Promise<LeftBehind> {
    const foreign: string[] = []
    let isAll = true
    const known = new Set(this.#versions.map(({ link }) => link))
    for (const name of (await readdir(directory).catch(unlessMissing)) ?? []) {
      const path = join(directory, name)
      const named = readName(name)
      if (known.has(path)) continue
      if (named && named.timestamp > before) {
        isAll = false
        continue
      }
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
    return { foreign, isAll }
  }

  async #adopt(path: string, name: VersionName): Promise<void> {
    const version = await ReplacedVersion.leftBehind(this.#options, path, name)
    if (version) this.#versions.push(version)
  }

  /** The versions for which it is time to check which programs hold them. */
  get due(): Held[] {
    if (!this.#options.holders.isRested) return []
    const unheld = this.#unheld
    const old = new Set(unheld.slice(0, Math.max(0, unheld.length - MOST)))
    return this.#versions.filter((version) => version.isDue || old.has(version))
  }

  /** All versions, to check which programs hold them. */
  get all(): Held[] {
    return this.#versions.slice()
  }

  /** The versions that no program is known to hold. */
  get #unheld(): ReplacedVersion[] {
    return this.#versions.filter(({ hasFileWatch }) => !hasFileWatch)
  }

  /**
   * Looks at a version that was just added, and lets go of others if there are too many. Only under the lock. @returns whether lines were
   * carried over
   */
  async lookAt(version: ReplacedVersion): Promise<boolean> {
    const carried = await this.#lookAt(version)
    const unheld = this.#unheld
    if (unheld.length <= LEAST) return carried
    const bytes = unheld.reduce((sum, { length }) => sum + length, 0)
    if (unheld.length <= MOST_UNASKED && bytes <= MOST_BYTES) return carried
    const asked = unheld.slice(0, -NEWEST)
    return (await this.look(asked, await this.#options.holders.heldAmong(asked))) || carried
  }

  /**
   * Looks at the versions for which it is time. Then lets go of those in `asked` that no program holds. Only under the lock.
   * @param held the versions in `asked` that programs hold
   * @returns whether lines were carried over
   */
  async look(asked: readonly Held[], held: ReadonlySet<FileKey>): Promise<boolean> {
    let carried = false
    const due = this.#versions.filter(({ isLookDue }) => isLookDue)
    for (const version of due) carried = (await this.#lookAt(version)) || carried
    const isAsked = new Set(asked.map(({ key }) => key))
    for (const version of this.#versions.slice()) {
      if (!isAsked.has(version.key)) continue
      if (held.has(version.key)) version.keep()
      else if (!version.isUnsaved) carried = (await this.#letGo(version)) || carried
    }
    const kept = this.#versions.filter((version) => version.hasFileWatch || version.isUnsaved)
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
      if (version.link !== undefined && held.has(version.key)) await this.#lookAt(version)
      else await this.#letGo(version)
    }
    await this.forget()
  }

  /** Closes all versions without a look. */
  async forget(): Promise<void> {
    const versions = this.#versions
    this.#versions = []
    await Promise.all(versions.map((version) => version.close()))
  }

  /** Looks at a version. An error is reported, and the next look tries again. @returns whether lines were carried over */
  async #lookAt(version: ReplacedVersion): Promise<boolean> {
    return version.look().catch((error: unknown) => {
      this.#options.failed(error)
      return false
    })
  }

  /** Looks at a version a last time and lets it go. If the look fails, keeps it. @returns whether lines were carried over */
  async #letGo(version: ReplacedVersion): Promise<boolean> {
    try {
      const carried = await version.lookLast()
      this.#versions.splice(this.#versions.indexOf(version), 1) // first, because nobody may ask for a version that is being closed
      await version.close()
      return carried
    } catch (error) {
      this.#options.failed(error)
      return false
    }
  }
}

/** Whether a file has the mtime of a commit with this timestamp. */
function isOfCommit({ mtimeNs }: FileStats, timestamp: Timestamp): boolean {
  return timestampOf(mtimeNs) === timestamp && isWholeMs(mtimeNs)
}
