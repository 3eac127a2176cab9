/**
 * Rooms as files: `<room>.jsonl` in one directory, watched as a whole.
 * Knows which name is a room's, and that something happened to it; what happened is room-file.ts's to find out.
 */
import { access, constants, mkdir, readdir, stat, statfs, unlink } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { LRUCache } from 'lru-cache'
import { EMPTY, type Backlog, type Limits } from '../backlog.ts'
import { BUDGETS } from '../budgets.ts'
import { fromSystem, RoomfileError } from '../errors.ts'
import type { Timestamp } from '../message.ts'
import { isRoomName, LOBBY, type RoomName } from '../room-name.ts'
import { sharing } from '../sharing.ts'
import type { RoomContent, Store } from '../store.ts'
import { Aside, KEEP_REMOVED_MS } from './aside.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { openFile, readExactly, stateOf, unlessMissing } from './durable.ts'
import { RoomFile } from './room-file.ts'
import { RoomIndex } from './room-index.ts'
import { RoomLock } from './room-lock.ts'
import { secretIn } from './secret.ts'
import { TIMES, type Times } from '../times.ts'
import type { Warn } from '../warn.ts'

const ENDING = '.jsonl'

/** Below the directory, where nothing is watched: locks, and what could not stay in its file. */
const LOCKS = '.roomfile'
const ASIDE = 'aside'

/** What the atomic writer leaves behind when it is killed: the file's name and a number. */
const TEMPORARY = /^(.+)\.jsonl\.\d+$/

export interface FileStoreOptions {
  readonly directory: string
  readonly limits: Limits
  /** Rooms that there may be before no post makes another one. @default Infinity */
  readonly maxRooms?: number
  /** Milliseconds for which what an edit removed is kept aside. @default 30 days */
  readonly asideMs?: number
  readonly times?: Times
  readonly warn: Warn
}

/**
 * Opens a directory of rooms; makes it if it is not there.
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
  /** Rooms that a post is making just now. */
  readonly #making = new Set<RoomName>()
  /** Rooms in service that nobody ever wrote to: of these nothing else is kept. */
  readonly #empty = new Set<RoomName>()
  /** Those whose lock is held open. */
  readonly #locked = new LRUCache<RoomFile, true>({
    max: BUDGETS.openLocks,
    disposeAfter: (_open, file, reason) => this.#closeLock(file, reason),
  })
  #changed: (room?: RoomName) => void = () => {}
  /** The end of the queue of large files that are to be read. */
  #largeReads: Promise<unknown> = Promise.resolve()
  #isClosed = false
  #secret: Promise<Buffer> | undefined

  constructor(options: Required<FileStoreOptions>) {
    this.#options = options
    this.#index = new RoomIndex({
      directory: options.directory,
      pathOf: (room) => this.#path(room),
      roomOf,
      maxFile: options.limits.maxFile,
      times: options.times,
    })
    const { times, warn } = options
    this.#aside = new Aside({ directory: join(options.directory, ASIDE), keepMs: options.asideMs, times, warn })
    this.#watch = new DirectoryWatch({
      directory: options.directory,
      concerns: (path) => roomOf(path) !== undefined,
      happened: (path) => this.#hint(path),
      times: options.times,
      warn: options.warn,
    })
  }

  /** Begins to watch, and to remove what was kept aside for long enough. Once it resolves, every change from then on is noticed. */
  look(): Promise<void> {
    this.#aside.start()
    return this.#watch.look()
  }

  /** Removes temporary files that a killed process left. Under the room's lock, so none that another process is writing. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.#options.directory)) {
      const room = TEMPORARY.exec(name)?.[1]
      if (room === undefined || !isRoomName(room)) continue
      const lock = new RoomLock(this.#lockPath(room), this.#options.times.lock)
      await lock.hold(() => unlink(join(this.#options.directory, name)).catch(unlessMissing))
      await lock.close()
    }
  }

  async read(room: RoomName): Promise<Backlog> {
    const known = this.#files.get(room)
    if (known) return this.#readInTurn(known.unread, () => this.#file(room).read())
    const wasEmpty = this.#empty.has(room)
    // What is wrong with the directory is told by a look at the room's file.
    const size = await this.#sizeOf(room, wasEmpty).catch(() => 0)
    if (this.#isClosed) return EMPTY // it would open what nobody closes
    if (size !== undefined || this.#files.has(room)) return this.#readInTurn(size ?? 0, () => this.#file(room).read())
    this.#empty.add(room)
    return EMPTY
  }

  /**
   * The bytes of a room's file, 0 where it is gone; undefined when there never was one: to ask for a room that nobody wrote to makes nothing,
   * not even its lock.
   */
  async #sizeOf(room: RoomName, wasEmpty: boolean): Promise<number | undefined> {
    const stats = await stat(this.#path(room)).catch(unlessMissing)
    if (stats || wasEmpty) return stats?.size
    return (await stat(this.#lockPath(room)).catch(unlessMissing)) && 0
  }

  /** Reads a room. Of large files one is in memory as it is being read: the others wait as names. */
  #readInTurn(size: number, read: () => Promise<Backlog>): Promise<Backlog> {
    if (size < BUDGETS.largeFile) return read()
    const turn = this.#largeReads.then(() => (this.#isClosed ? EMPTY : read()))
    this.#largeReads = turn.catch(() => undefined) // whoever waits for `turn` hears of it
    return turn
  }

  isAt(room: RoomName, timestamp: Timestamp): Promise<boolean> {
    return this.#files.get(room)?.isAt(timestamp) ?? Promise.resolve(false)
  }

  letGo(room: RoomName): void {
    const failed = (error: unknown): void => this.#options.warn('could not let go of a room', { room, error })
    this.#files.get(room)?.letGo().catch(failed)
  }

  append: Store['append'] = async (room, drafts) => {
    const isNew = room !== LOBBY && !(await this.has(room))
    if (isNew) this.#makePlace(room)
    try {
      return await this.#file(room).append(drafts)
    } finally {
      this.#making.delete(room)
      this.#index.hint(room)
    }
  }

  /** The lobby always has a place: some clients know no other room. */
  #makePlace(room: RoomName): void {
    if (this.#index.size + this.#making.size >= this.#options.maxRooms && !this.#making.has(room))
      throw new RoomfileError('too_many_rooms', `there are ${this.#options.maxRooms} rooms, and there may be no more`)
    this.#making.add(room)
  }

  list: Store['list'] = (range) => this.#index.list(range)

  async has(room: RoomName): Promise<boolean> {
    if (this.#index.has(room)) return true
    await this.#index.look().catch((error: unknown) => this.#options.warn('cannot read which rooms there are', { error }))
    return this.#index.has(room)
  }

  /** One look for all who ask while it goes on. */
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
    const known = await this.#files.get(room)?.content()
    if (known) return known
    const handle = await openFile(this.#path(room))
    try {
      const state = handle && (await stateOf(handle))
      if (!handle || !state?.isFile) return undefined
      if (state.size > this.#options.limits.maxFile)
        throw new RoomfileError('not_readable', 'the file of this room is larger than it may be: it is taken in once it is left alone')
      return { bytes: await readExactly(handle, 0, state.size), timestamp: state.mtime }
    } catch (error) {
      throw fromSystem(error, 'not_readable')
    } finally {
      await handle?.close()
    }
  }

  secret(): Promise<Buffer> {
    const { directory, times } = this.#options
    this.#secret ??= secretIn(join(directory, LOCKS), times.lock).catch((error: unknown) => {
      this.#secret = undefined // the next one tries again
      throw fromSystem(error, 'not_kept')
    })
    return this.#secret
  }

  watch(changed: (room?: RoomName) => void): void {
    this.#changed = changed
  }

  async release(room: RoomName): Promise<void> {
    const file = this.#files.get(room)
    this.#files.delete(room)
    this.#empty.delete(room)
    if (file) this.#locked.delete(file)
    await file?.close()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#changed = () => {}
    await this.#watch.close()
    await this.#aside.close()
    // Looks and commits that wait behind the last ones may open a room again.
    while (this.#files.size > 0) await Promise.all([...this.#files.keys()].map((room) => this.release(room)))
  }

  #hint(path: string | undefined): void {
    const room = path === undefined ? undefined : roomOf(path)
    if (room !== undefined || path === undefined) this.#index.hint(room)
    if (path === undefined) return this.#changed()
    if (room !== undefined && (this.#files.has(room) || this.#empty.has(room))) this.#changed(room)
  }

  #file(room: RoomName): RoomFile {
    let file = this.#files.get(room)
    if (!file) {
      const { directory, limits, times, warn } = this.#options
      const opened: RoomFile = new RoomFile({
        wasEmpty: this.#empty.delete(room),
        lockOpened: () => this.#locked.set(opened, true),
        path: this.#path(room),
        lockPath: this.#lockPath(room),
        aside: join(directory, ASIDE),
        limits,
        times,
        lookAgain: () => this.#changed(room),
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
    return join(this.#options.directory, LOCKS, room)
  }
}

/** The room that a path in the directory is the file of, if it is one: not a dot-file, not a temporary file. */
function roomOf(path: string): RoomName | undefined {
  if (!path.endsWith(ENDING)) return undefined
  const name = basename(path, ENDING)
  return isRoomName(name) ? name : undefined
}
