/**
 * Rooms as files: `<room>.jsonl` in one directory, which is watched as a whole.
 * Knows which names are rooms, and that a file may have changed; room-file.ts finds out what has changed.
 */
import { existsSync, statSync } from 'node:fs'
import { access, constants, mkdir, readdir, statfs } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { LRUCache } from 'lru-cache'
import { EMPTY, type Backlog, type Limits } from '../../room/backlog.ts'
import { BUDGETS } from '../../budgets.ts'
import { fromSystem, RoomfileError } from '../../errors.ts'
import type { Timestamp } from '../../room/message.ts'
import { isRoomName, LOBBY, type RoomName } from '../../room/room-name.ts'
import { sharing } from '../../sharing.ts'
import type { RoomContent, Store, StoreWatcher } from '../store.ts'
import { Aside, KEEP_REMOVED_MS } from './aside.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { disk } from './disk.ts'
import { closeFile, timestampOf, unlessMissing } from './durable.ts'
import { Holders } from './holders.ts'
import { Misnamed } from './misnamed.ts'
import { placeOf, STATE, VERSIONS } from './place.ts'
import { RoomFile } from './room-file.ts'
import { RoomIndex } from './room-index.ts'
import { secretIn } from './secret.ts'
import { TIMES, type Times } from '../../times.ts'
import type { Warn } from '../../warn.ts'

const ENDING = '.jsonl'

/** A directory below, which is not watched: what could not stay in a room's file. */
const ASIDE = 'aside'

export interface FileStoreOptions {
  readonly directory: string
  readonly limits: Limits
  /** The limit of rooms: at this number, a post makes no new one. @default Infinity */
  readonly maxRooms?: number
  /** Milliseconds for which lines that an edit removed are kept aside. @default 30 days */
  readonly asideMs?: number
  readonly times?: Times
  readonly warn: Warn
}

/**
 * Opens a directory of rooms, and makes it if it does not exist.
 * @throws the system's error when the directory cannot be made or written to
 */
export async function fileStore(options: FileStoreOptions): Promise<Store> {
  const directory = resolve(options.directory)
  await mkdir(directory, { recursive: true })
  await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  const store = new FileStore({ times: TIMES, maxRooms: Infinity, asideMs: KEEP_REMOVED_MS, ...options, directory })
  await store.sweep()
  await store.look()
  return store
}

class FileStore implements Store {
  readonly #options: Required<FileStoreOptions>
  readonly #watch: DirectoryWatch
  readonly #files = new Map<RoomName, RoomFile>()
  readonly #index: RoomIndex
  readonly #aside: Aside
  readonly #misnamed: Misnamed
  /** Rooms that a post is making now. */
  readonly #making = new Set<RoomName>()
  /** Rooms in use that nobody has written to yet: nothing else is kept of them. */
  readonly #empty = new Set<RoomName>()
  /** Rooms that nobody uses, but of which programs hold replaced versions. */
  readonly #resting = new Set<RoomName>()
  readonly #holders = new Holders()
  /** Rooms whose lock's file is open. */
  readonly #locked = new LRUCache<RoomFile, true>({
    max: BUDGETS.openLocks,
    disposeAfter: (_open, file, reason) => this.#closeLock(file, reason),
  })
  #watcher: StoreWatcher | undefined
  /** The end of the queue of large files that wait to be read. */
  #largeReads: Promise<unknown> = Promise.resolve()
  #isClosed = false
  #secret: Promise<Buffer> | undefined

  constructor(options: Required<FileStoreOptions>) {
    this.#options = options
    this.#misnamed = new Misnamed(options.warn)
    this.#index = new RoomIndex({
      directory: options.directory,
      pathOf: (room) => this.#path(room),
      roomOf,
      onNames: (names) => this.#misnamed.look(names),
      maxFile: options.limits.maxFile,
      times: options.times,
    })
    const { times, warn } = options
    this.#aside = new Aside({ directory: join(options.directory, ASIDE), keepMs: options.asideMs, times, warn })
    this.#watch = new DirectoryWatch({
      directory: options.directory,
      concerns: (path) => roomOf(path) !== undefined,
      happened: (path) => this.#hint(path),
      isAwaited: () => this.#watcher?.isAwaited() ?? false,
      times: options.times,
      warn: options.warn,
    })
  }

  /** Starts to watch, and to remove what was kept aside for long enough. After it resolves, no change is missed. */
  look(): Promise<void> {
    this.#aside.start()
    return this.#watch.look()
  }

  /**
   * Finds what a killed process left. Versions that programs still write to are watched. The rest is removed, or kept aside if a person
   * wrote it.
   */
  async sweep(): Promise<void> {
    const entries = await readdir(this.#options.directory, { withFileTypes: true })
    this.#misnamed.look(entries.map(({ name }) => name))
    const links = entries.filter((entry) => entry.isSymbolicLink()).flatMap(({ name }) => roomOf(name) ?? [])
    // If a room is a link, its versions are beside the file that the link leads to.
    for (const room of [...(await this.#roomsWithVersions()), ...links.filter((link) => hasVersions(this.#path(link)))]) {
      try {
        await this.#watchReplaced(room)
      } catch (error) {
        this.#options.warn('could not look for what a killed process left', { room, error })
      }
    }
  }

  async #roomsWithVersions(): Promise<RoomName[]> {
    return ((await readdir(join(this.#options.directory, STATE, VERSIONS)).catch(unlessMissing)) ?? []).filter(isRoomName)
  }

  /** Watches the replaced versions of a room that nobody uses. */
  async #watchReplaced(room: RoomName): Promise<void> {
    const file = this.#file(room)
    this.#resting.add(room)
    await file.adopt()
    if (!file.isWatching) await this.#releaseResting(room)
  }

  async #releaseResting(room: RoomName): Promise<void> {
    if (this.#resting.has(room)) await this.release(room)
  }

  async read(room: RoomName): Promise<Backlog> {
    const known = this.#files.get(room)
    if (known) return this.#readInTurn(known.unread, () => this.#file(room).read())
    if (this.#isClosed) return EMPTY // nobody would close what it opens
    const wasEmpty = this.#empty.has(room)
    const size = this.#sizeOf(room, wasEmpty)
    if (size !== undefined) return this.#readInTurn(size, () => this.#file(room).read())
    this.#empty.add(room)
    return EMPTY
  }

  /**
   * The size of a room's file in bytes; 0 if the file is gone. Undefined if there never was one: a read of such a room creates nothing, not
   * even its lock.
   */
  #sizeOf(room: RoomName, wasEmpty: boolean): number | undefined {
    try {
      const stats = statSync(this.#path(room), { throwIfNoEntry: false })
      if (stats || wasEmpty) return stats?.size
      return statSync(this.#lockPath(room), { throwIfNoEntry: false }) && 0
    } catch {
      return 0 // the read that follows reports what is wrong with the directory
    }
  }

  /** Reads a room. Only one large file is being read at a time; the others wait in a queue, and need no memory yet. */
  #readInTurn(size: number, read: () => Promise<Backlog>): Promise<Backlog> {
    if (size < BUDGETS.largeFile) return read()
    const turn = this.#largeReads.then(() => (this.#isClosed ? EMPTY : read()))
    this.#largeReads = turn.catch(() => undefined) // the caller awaits `turn`, and gets the error
    return turn
  }

  async isAt(room: RoomName, timestamp: Timestamp): Promise<boolean> {
    return this.#files.get(room)?.isAt(timestamp) ?? false
  }

  letGo(room: RoomName): void {
    const failed = (error: unknown): void => this.#options.warn('could not let go of a room', { room, error })
    this.#files.get(room)?.letGo().catch(failed)
  }

  append: Store['append'] = async (room, drafts) => {
    const isNew = room !== LOBBY && !(await this.has(room))
    if (isNew) await this.#makePlace(room)
    try {
      return await this.#file(room).append(drafts)
    } finally {
      this.#index.hint(room)
      if (isNew) void this.#countMade(room)
    }
  }

  /** From the end of this look on, the index counts the room: until then it counts as one that is being made. */
  async #countMade(room: RoomName): Promise<void> {
    await this.#index.look().catch(() => undefined) // whoever needs the index looks again, and hears of it
    this.#making.delete(room)
  }

  /** The lobby can always be made, because some clients know no other room. */
  async #makePlace(room: RoomName): Promise<void> {
    const { maxRooms } = this.#options
    const making = (): number => [...this.#making].filter((one) => !this.#index.has(one)).length
    const isFull = (): boolean => this.#index.size + making() >= maxRooms && !this.#making.has(room)
    if (isFull()) await this.#index.lookForGone()
    if (isFull()) throw new RoomfileError('too_many_rooms', `there are ${maxRooms} rooms, and there may be no more`)
    this.#making.add(room)
  }

  list: Store['list'] = (range) => {
    this.attend()
    return this.#index.list(range)
  }

  async has(room: RoomName): Promise<boolean> {
    this.attend()
    if (this.#index.has(room)) return true
    await this.#index.look().catch((error: unknown) => this.#options.warn('cannot read which rooms there are', { error }))
    return this.#index.has(room)
  }

  /** Calls that come during a check share the next one. */
  readonly check = sharing(async () => {
    const { directory } = this.#options
    try {
      await access(join(directory, '.'), constants.R_OK | constants.W_OK | constants.X_OK)
      const { bavail, blocks } = await statfs(directory)
      if (bavail === 0 && blocks > 0) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      throw new RoomfileError('no_directory', `the directory of the rooms cannot be used (${code})`, { cause: error })
    }
  })

  async file(room: RoomName): Promise<RoomContent | undefined> {
    const content = this.#files.get(room)?.content() ?? (await this.#contentOf(room))
    if (content) this.#files.get(room)?.shown(content.timestamp)
    return content
  }

  async #contentOf(room: RoomName): Promise<RoomContent | undefined> {
    const { maxFile } = this.#options.limits
    const tooLarge = 'the file of this room is larger than it may be: it is taken in once it is left alone'
    try {
      const stats = statSync(this.#path(room), { throwIfNoEntry: false })
      if (stats && !stats.isFile()) return undefined
      if (stats && stats.size > maxFile) throw new RoomfileError('not_readable', tooLarge)
      const read = await disk.readVersion(this.#path(room), undefined, maxFile)
      if (!read) return undefined
      await closeFile(read.fd)
      if (read.from > 0 || !read.bytes) throw new RoomfileError('not_readable', tooLarge) // it has grown in the meantime
      return { bytes: read.bytes, timestamp: timestampOf(read.stats.mtimeNs) }
    } catch (error) {
      throw fromSystem(error, 'not_readable')
    }
  }

  secret(): Promise<Buffer> {
    const { directory, times } = this.#options
    this.#secret ??= secretIn(join(directory, STATE), times.lock).catch((error: unknown) => {
      this.#secret = undefined // the next call tries again
      throw fromSystem(error, 'not_kept')
    })
    return this.#secret
  }

  watch(watcher: StoreWatcher): void {
    this.#watcher = watcher
  }

  attend(): void {
    if (!this.#isClosed) this.#watch.attend()
  }

  async release(room: RoomName): Promise<void> {
    const file = this.#files.get(room)
    this.#empty.delete(room)
    if (!file) return
    if (file.isWatching && !this.#isClosed) {
      this.#resting.add(room)
      if (await file.isHeld()) return // `nothingReplaced` releases it later
      if (!this.#resting.has(room) || this.#files.get(room) !== file) return // it is in use again
    }
    this.#resting.delete(room)
    this.#files.delete(room)
    this.#locked.delete(file)
    await file.close()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#watcher = undefined
    await this.#watch.close()
    await this.#aside.close()
    // Looks and commits that are still waiting may open a room again.
    while (this.#files.size > 0) await Promise.all([...this.#files.keys()].map((room) => this.release(room)))
  }

  #hint(path: string | undefined): void {
    const room = path === undefined ? undefined : roomOf(path)
    if (room !== undefined || path === undefined) this.#index.hint(room)
    if (path === undefined) this.#watcher?.anyChanged()
    else if (room !== undefined) void this.#lookAt(room)
  }

  /** Looks at a room whose file may have changed, if it is in use, and reports what it holds. */
  async #lookAt(room: RoomName): Promise<void> {
    const isInUse = (this.#files.has(room) && !this.#resting.has(room)) || this.#empty.has(room)
    if (!isInUse || !this.#watcher) return
    try {
      const backlog = await this.read(room)
      this.#watcher?.holds(room, backlog)
    } catch (error) {
      this.#options.warn('could not look at a room', { room, error })
    }
  }

  #file(room: RoomName): RoomFile {
    this.#resting.delete(room)
    let file = this.#files.get(room)
    if (!file) {
      const { limits, times, warn } = this.#options
      const opened: RoomFile = new RoomFile({
        wasEmpty: this.#empty.delete(room),
        lockOpened: () => this.#locked.set(opened, true),
        path: this.#path(room),
        aside: this.#aside,
        holders: this.#holders,
        limits,
        times,
        lookAgain: () => void this.#lookAt(room),
        nothingReplaced: () => void this.#releaseResting(room).catch((error: unknown) => warn('could not release a room', { room, error })),
        warn,
      })
      file = opened
      this.#files.set(room, file)
    }
    return file
  }

  #closeLock(file: RoomFile, reason: string): void {
    if (reason === 'evict') file.closeLock().catch((error: unknown) => this.#options.warn('could not close a lock', { error }))
  }

  #path(room: RoomName): string {
    return join(this.#options.directory, room + ENDING)
  }

  #lockPath(room: RoomName): string {
    return join(this.#options.directory, STATE, room)
  }
}

/** Whether there are versions beside the file that a link leads to. */
function hasVersions(path: string): boolean {
  try {
    return existsSync(placeOf(path).versions)
  } catch {
    return false // the link leads to nothing
  }
}

/** The room whose file has this path in the directory; undefined for any other file, such as a dot-file or a temporary file. */
function roomOf(path: string): RoomName | undefined {
  if (!path.endsWith(ENDING)) return undefined
  const name = basename(path, ENDING)
  return isRoomName(name) ? name : undefined
}
