/**
 * Watches the directory of the rooms as a whole: reports which file may have changed, or that any file may have.
 * Knows chokidar, and when it is not enough: the system has no more file watches, or the directory is removed or put back. Knows no rooms.
 */
import { open, stat, type FileHandle } from 'node:fs/promises'
import { watch as watchFiles, type FSWatcher } from 'chokidar'
import type { Times } from '../../times.ts'
import type { Warn } from '../../warn.ts'

export interface DirectoryWatchOptions {
  readonly directory: string
  /** Which paths in the directory are worth an event. */
  readonly concerns: (path: string) => boolean
  /** The file at `path` may have changed; without a path, any file may have. A hint. */
  readonly happened: (path?: string) => void
  /** Whether somebody waits for a change. If nobody does, it is not checked whether the directory was replaced. */
  readonly isAwaited: () => boolean
  readonly times: Times
  readonly warn: Warn
}

export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions
  #watcher: FSWatcher | undefined
  /** The inode that is watched, or that could not be watched; undefined while there is no directory. */
  #inode: bigint | undefined
  /** The directory, held open: a directory that is made in its place cannot get the same inode number. */
  #handle: FileHandle | undefined
  /** When a failed watch is tried again (monotonic). */
  #retryAt = Infinity
  #looking: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(options: DirectoryWatchOptions) {
    this.#options = options
  }

  /** Checks now and from now on whether the watched directory is still there, as long as somebody waits. */
  attend(): void {
    if (this.#timer) return
    this.#timer = setInterval(() => {
      if (this.#options.isAwaited()) void this.look()
      else this.#rest()
    }, this.#options.times.directoryLook)
    this.#timer.unref()
    void this.look()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Makes sure that the directory is watched. After it resolves, no change is missed: there is an event, or a regular look. */
  look(): Promise<void> {
    return (this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => this.#options.warn('watching failed', { error })))
  }

  async close(): Promise<void> {
    this.#rest()
    await this.#looking
    await this.#letGo()
  }

  async #look(): Promise<void> {
    const { directory, happened, warn } = this.#options
    const stats = await stat(directory, { bigint: true }).catch(() => undefined)
    const moved = stats?.ino !== this.#inode
    if (moved && !stats) warn('the directory of the rooms is gone', { directory })
    const anew = moved || performance.now() > this.#retryAt
    if (anew) {
      await this.#letGo()
      this.#inode = stats?.ino
      if (stats) await this.#watch().catch((error: unknown) => this.#giveUp(error))
    }
    if (stats && (anew || !this.#watcher)) happened()
  }

  async #letGo(): Promise<void> {
    const [watcher, handle] = [this.#watcher, this.#handle]
    this.#watcher = undefined
    this.#handle = undefined
    this.#retryAt = Infinity
    await watcher?.close()
    await handle?.close()
  }

  async #watch(): Promise<void> {
    const { directory, concerns, happened } = this.#options
    this.#handle = await open(directory)
    this.#inode = (await this.#handle.stat({ bigint: true })).ino
    const watcher = watchFiles(directory, {
      depth: 0,
      ignoreInitial: true,
      ignored: (path) => path !== directory && !concerns(path),
    })
    // `raw` comes at once, `all` notices more changes. Both are only hints.
    watcher.on('raw', (_event, path) => happened(path ?? undefined))
    watcher.on('all', (_event, path) => happened(path))
    this.#watcher = watcher
    await new Promise<void>((resolve) => {
      watcher.once('ready', resolve)
      watcher.on('error', (error) => {
        if (isOfOneFile(error, directory)) return // the other files are still watched
        if (this.#watcher === watcher) void this.#giveUp(error)
        resolve()
      })
    })
  }

  /** Goes on without a watch: until one can be had again, rooms are looked at several times a second. */
  async #giveUp(error: unknown): Promise<void> {
    this.#options.warn(
      `cannot watch the directory for changes: its files are looked at every ${this.#options.times.directoryLook} ms instead`,
      { error },
    )
    const letGo = this.#letGo()
    this.#retryAt = performance.now() + this.#options.times.watchRetry
    await letGo
  }
}

/** Errors that concern a single file: a link in a circle, a link through a file, no permission to follow a link. */
const OF_ONE_FILE = new Set(['ELOOP', 'ENOTDIR', 'EACCES', 'EPERM'])

function isOfOneFile(error: unknown, directory: string): boolean {
  const { code = '', path = directory } = error as NodeJS.ErrnoException
  return OF_ONE_FILE.has(code) && path !== directory
}
