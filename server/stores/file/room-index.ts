/**
 * Which rooms a directory has, and what the list says of each. Events keep it up to date (hints), so the cost of a list depends on what has
 * changed and on the page, not on the number of rooms. In case a hint was missed, each room is looked at again from time to time.
 * Knows files and how many lines they have; room-file.ts knows what the lines say.
 */
import { read } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import pLimit from 'p-limit'
import { BUDGETS } from '../../budgets.ts'
import { fromSystem } from '../../errors.ts'
import type { RoomName } from '../../room/room-name.ts'
import { sharing } from '../../sharing.ts'
import type { BrokenRoom, ListRange, RoomSummary } from '../store.ts'
import type { Times } from '../../times.ts'
import { closeFile, openFile, signatureOf, timestampOf, unlessMissing, type Descriptor, type Signature } from './durable.ts'

export interface RoomIndexOptions {
  readonly directory: string
  /** The path of a room's file. */
  readonly pathOf: (room: RoomName) => string
  /** The room whose file has this name in the directory, if there is one. */
  readonly roomOf: (name: string) => RoomName | undefined
  /** Called with all names in the directory, each time they are read. */
  readonly onNames: (names: readonly string[]) => void
  /** Lines are counted only in the last `maxFile` bytes of a file: a room never has more. */
  readonly maxFile: number
  /** After how long a room, and the directory, is looked at again without a hint; and a room whose file could not be read. */
  readonly times: Pick<Times, 'safetyLook' | 'badFile'>
}

type Listed = RoomSummary | BrokenRoom

interface Entry {
  listed: Listed | undefined
  /** The file's signature when its lines were counted. */
  signature: Signature | undefined
  /** When the last complete look began (monotonic). */
  lookedAt: number
  /** When the last hint for its file came (monotonic). */
  hintedAt: number
}

/**
 * A page of the list, and when it is valid: the version of the list, the number of hints that had come, and the earliest time at which a
 * room on it is looked at again (monotonic).
 */
interface Page {
  readonly rooms: readonly Listed[]
  readonly version: number
  hints: number
  until: number
}

export class RoomIndex {
  readonly #options: RoomIndexOptions
  /** Sorted. */
  #names: RoomName[] = []
  #entries = new Map<RoomName, Entry>()
  /** Names for which a hint came, and that are not known as rooms. */
  readonly #hinted = new Set<RoomName>()
  /** Known rooms for which a hint came: their files may be gone. */
  readonly #touched = new Set<RoomName>()
  /** When the directory was last read (monotonic). */
  #readAt = -Infinity
  /** Everything that was looked at before this time has to be looked at again (monotonic). */
  #staleAt = -Infinity
  /** Increases with each change of the list. */
  #version = 0
  /** The number of hints so far. */
  #hints = 0
  readonly #pages = new Map<string, Page>()
  readonly #files = pLimit(BUDGETS.filesAtOnce)
  /** Rooms that a caller of `list` needs a look at. */
  readonly #toLookAt = new Set<RoomName>()

  constructor(options: RoomIndexOptions) {
    this.#options = options
  }

  /** How many rooms there were at the last look. */
  get size(): number {
    return this.#names.length
  }

  has(room: RoomName): boolean {
    return this.#entries.has(room)
  }

  /** This room's file may have changed; without a name, any file may have. */
  hint(room?: RoomName): void {
    this.#hints += 1
    const entry = room && this.#entries.get(room)
    if (entry) entry.hintedAt = performance.now()
    if (room) (entry ? this.#touched : this.#hinted).add(room)
    else this.#staleAt = performance.now()
  }

  /** Finds out which rooms there are. Calls that come during a look share the next one. @throws the system's error */
  readonly look = sharing(async () => {
    const now = performance.now()
    if (this.#readAt <= this.#staleAt || this.#readAt < now - this.#options.times.safetyLook) await this.#readNames(now)
    else await Promise.all([...this.#hinted].map((room) => this.#files(() => this.#lookForNew(room))))
  })

  /** Finds out which rooms with a hint are gone. Calls that come during a look share the next one. */
  readonly lookForGone = sharing(async () => {
    const touched = [...this.#touched]
    this.#touched.clear()
    await Promise.all(touched.map((room) => this.#files(() => this.#forgetIfGone(room))))
  })

  /** @throws RoomfileError `not_readable` when the directory cannot be read */
  async list({ after = '', limit = Infinity }: ListRange = {}): Promise<readonly Listed[]> {
    await this.look().catch((error: unknown) => {
      throw fromSystem(error, 'not_readable')
    })
    const key = `${limit} ${after}`
    const page = this.#pages.get(key)
    const hints = this.#hints
    const began = performance.now()
    if (page?.version === this.#version && page.hints === hints && began < page.until) return page.rooms
    const rooms: Listed[] = []
    for (let last = after; rooms.length < limit;) {
      const from = this.#placeBehind(last)
      const names = this.#names.slice(from, from + limit - rooms.length)
      await this.#lookAtOld(names)
      // A name that is not a room any more leaves space on the page.
      rooms.push(...names.flatMap((name) => this.#entries.get(name)?.listed ?? []))
      if (from + names.length >= this.#names.length) break
      last = names.at(-1) ?? last
    }
    return this.#kept(key, rooms, hints)
  }

  /** Callers that ask for the same page share one array, as long as nothing has changed. */
  #kept(key: string, rooms: readonly Listed[], hints: number): readonly Listed[] {
    const until = rooms.reduce((least, { name }) => Math.min(least, this.#lookAgainAt(this.#entries.get(name))), Infinity)
    const page = this.#pages.get(key)
    if (page?.version === this.#version) {
      Object.assign(page, { hints, until })
      return page.rooms
    }
    if (this.#pages.size >= BUDGETS.listPages) this.#pages.clear()
    this.#pages.set(key, { version: this.#version, rooms, hints, until })
    return rooms
  }

  async #readNames(now: number): Promise<void> {
    this.#hinted.clear() // the names that are read from here on include these
    this.#touched.clear()
    const names = await readdir(this.#options.directory)
    this.#options.onNames(names)
    const rooms = names.flatMap((name) => this.#options.roomOf(name) ?? [])
    this.#readAt = now
    const isSame = rooms.length === this.#names.length && rooms.every((name) => this.#entries.has(name))
    if (isSame) return
    const known = this.#entries
    this.#entries = new Map(rooms.map((name) => [name, known.get(name) ?? newEntry()]))
    this.#names = rooms.toSorted()
    this.#version += 1
  }

  async #lookForNew(room: RoomName): Promise<void> {
    this.#hinted.delete(room)
    const stats = await stat(this.#options.pathOf(room)).catch(() => undefined) // a bad file is found when the names are read again
    if (!stats?.isFile() || this.#entries.has(room)) return
    this.#entries.set(room, newEntry())
    this.#names.splice(this.#placeBehind(room), 0, room)
    this.#version += 1
  }

  async #forgetIfGone(room: RoomName): Promise<void> {
    if (!(await isThere(this.#options.pathOf(room)))) this.#forget(room)
  }

  #forget(room: RoomName): void {
    if (!this.#entries.delete(room)) return
    this.#names.splice(this.#placeBehind(room) - 1, 1)
    this.#version += 1
  }

  /** Makes sure that what the list says of these rooms is up to date. If it is, this does nothing and does not wait. */
  async #lookAtOld(names: readonly RoomName[]): Promise<void> {
    const now = performance.now()
    const old = names.filter((name) => this.#isEntryOld(this.#entries.get(name), now))
    if (old.length === 0) return
    for (const name of old) this.#toLookAt.add(name)
    await this.#looks()
  }

  /** Calls that come during these looks share the next ones. */
  readonly #looks = sharing(async () => {
    const names = [...this.#toLookAt]
    this.#toLookAt.clear()
    await Promise.all(names.map((name) => this.#files(() => this.#lookAt(name))))
  })

  async #lookAt(name: RoomName): Promise<void> {
    const began = performance.now()
    const entry = this.#entries.get(name)
    if (!entry || !this.#isEntryOld(entry, began)) return // an earlier call has done it
    const listed = await this.#listedOf(name, entry)
    entry.lookedAt = began
    if (listed === undefined) return this.#forget(name)
    if (JSON.stringify(listed) === JSON.stringify(entry.listed)) return
    entry.listed = listed
    this.#version += 1
  }

  /** What the list says of a room; undefined if the room does not exist. */
  async #listedOf(name: RoomName, entry: Entry): Promise<Listed | undefined> {
    const path = this.#options.pathOf(name)
    try {
      const stats = await stat(path, { bigint: true }).catch(unlessMissing)
      if (!stats?.isFile()) return undefined
      const timestamp = timestampOf(stats.mtimeNs)
      const { listed, signature } = entry
      if (listed && 'messages' in listed && signature === signatureOf(stats)) return listed
      const fd = openFile(path)
      if (fd === undefined) return undefined
      try {
        const size = Number(stats.size)
        const messages = await countLines(fd, Math.max(0, size - this.#options.maxFile), size)
        entry.signature = signatureOf(stats)
        return { name, timestamp, messages }
      } finally {
        await closeFile(fd)
      }
    } catch (error) {
      entry.signature = undefined
      return { name, error: fromSystem(error, 'not_readable') }
    }
  }

  #isEntryOld(entry: Entry | undefined, now: number): boolean {
    if (!entry) return false
    return entry.lookedAt <= Math.max(entry.hintedAt, this.#staleAt) || now > this.#lookAgainAt(entry)
  }

  /** When a room is looked at again without a hint (monotonic). */
  #lookAgainAt(entry: Entry | undefined): number {
    const { safetyLook, badFile } = this.#options.times
    const isBad = entry?.listed !== undefined && 'error' in entry.listed // no event may come when it can be read again
    return (entry?.lookedAt ?? -Infinity) + (isBad ? badFile : safetyLook)
  }

  /** The index of the first name after this one. */
  #placeBehind(name: string): number {
    let from = 0
    let to = this.#names.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#names[middle] ?? '') <= name) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** Whether there is a file, also one that cannot be read. */
function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
  )
}

function newEntry(): Entry {
  return { listed: undefined, signature: undefined, lookedAt: -Infinity, hintedAt: -Infinity }
}

const readSome = promisify(read)

/** Counts the lines between two positions of a file, in little memory, whatever the file's size. */
async function countLines(fd: Descriptor, from: number, to: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(BUDGETS.countedAtOnce, Math.max(1, to - from)))
  let lines = 0
  for (let at = from; at < to;) {
    const { bytesRead } = await readSome(fd, buffer, 0, Math.min(buffer.length, to - at), at)
    if (bytesRead === 0) break
    const part = buffer.subarray(0, bytesRead)
    for (let newline = part.indexOf('\n'); newline !== -1; newline = part.indexOf('\n', newline + 1)) lines += 1
    at += bytesRead
  }
  return lines
}
