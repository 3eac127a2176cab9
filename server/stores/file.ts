/**
 * Rooms as files: `<room>.jsonl` in one directory, watched as a whole.
 * Knows which name is a room's, and that something happened to it; what happened is room-file.ts's to find out.
 */
import { access, constants, mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Limits } from '../backlog.ts'
import { fromSystem } from '../errors.ts'
import { isRoomName, type RoomName } from '../room-name.ts'
import type { RoomContent, RoomSummary, Store } from '../store.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { openFile, readExactly, signatureOf, stateOf, timestampOf, unlessMissing, type Signature } from './durable.ts'
import { RoomFile } from './room-file.ts'
import { RoomLock } from './room-lock.ts'
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
  const store = new FileStore({ times: TIMES, ...options, directory })
  await store.sweep()
  await store.look()
  return store
}

class FileStore implements Store {
  readonly #options: Required<FileStoreOptions>
  readonly #watch: DirectoryWatch
  readonly #files = new Map<RoomName, RoomFile>()
  /** How many lines a file had in one state: so that listing rooms reads only those that changed. */
  readonly #counted = new Map<RoomName, { readonly signature: Signature; readonly messages: number }>()
  #changed: (room?: RoomName) => void = () => {}

  constructor(options: Required<FileStoreOptions>) {
    this.#options = options
    this.#watch = new DirectoryWatch({
      directory: options.directory,
      concerns: (path) => roomOf(path) !== undefined,
      happened: (path) => this.#hint(path),
      times: options.times,
      warn: options.warn,
    })
  }

  /** Begins to watch. Once it resolves, every change from then on is noticed. */
  look(): Promise<void> {
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

  read: Store['read'] = (room) => this.#file(room).read()

  append: Store['append'] = (room, drafts) => this.#file(room).append(drafts)

  async list(): Promise<RoomSummary[]> {
    const names = (await readdir(this.#options.directory)).flatMap((name) => roomOf(name) ?? [])
    const rooms = await Promise.all(names.toSorted().map((name) => this.#summary(name)))
    return rooms.filter((room) => room !== undefined)
  }

  async #summary(name: RoomName): Promise<RoomSummary | undefined> {
    const stats = await stat(this.#path(name), { bigint: true }).catch(unlessMissing)
    if (!stats?.isFile()) return undefined
    const signature = signatureOf(stats)
    let counted = this.#counted.get(name)
    if (counted?.signature !== signature) {
      counted = { signature, messages: countLines((await this.file(name))?.bytes ?? Buffer.alloc(0)) }
      this.#counted.set(name, counted)
    }
    return { name, timestamp: timestampOf(stats.mtimeNs), messages: counted.messages }
  }

  async file(room: RoomName): Promise<RoomContent | undefined> {
    const known = await this.#files.get(room)?.content()
    if (known) return known
    const handle = await openFile(this.#path(room))
    try {
      const state = handle && (await stateOf(handle))
      return handle && state?.isFile ? { bytes: await readExactly(handle, 0, state.size), timestamp: state.mtime } : undefined
    } catch (error) {
      throw fromSystem(error, 'not_readable')
    } finally {
      await handle?.close()
    }
  }

  watch(changed: (room?: RoomName) => void): void {
    this.#changed = changed
  }

  async release(room: RoomName): Promise<void> {
    const file = this.#files.get(room)
    this.#files.delete(room)
    await file?.close()
  }

  async close(): Promise<void> {
    this.#changed = () => {}
    await this.#watch.close()
    // Looks and commits that wait behind the last ones may open a room again.
    while (this.#files.size > 0) await Promise.all([...this.#files.keys()].map((room) => this.release(room)))
  }

  #hint(path: string | undefined): void {
    if (path === undefined) return this.#changed()
    const room = roomOf(path)
    if (room !== undefined && this.#files.has(room)) this.#changed(room)
  }

  #file(room: RoomName): RoomFile {
    let file = this.#files.get(room)
    if (!file) {
      const { directory, limits, times, warn } = this.#options
      file = new RoomFile({
        path: this.#path(room),
        lockPath: this.#lockPath(room),
        aside: join(directory, ASIDE),
        limits,
        times,
        lookAgain: () => this.#changed(room),
        warn,
      })
      this.#files.set(room, file)
    }
    return file
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

function countLines(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf('\n'); at !== -1; at = bytes.indexOf('\n', at + 1)) lines += 1
  return lines
}
