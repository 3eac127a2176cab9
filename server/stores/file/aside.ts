/**
 * The directory `aside`: what could not stay in a room, in one file each time.
 * Knows names, and which files are removed after a while; committer.ts and versions.ts decide what is kept, and why.
 */
import { constants } from 'node:fs'
import { copyFile, link, lstat, open, readdir, realpath, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Timestamp } from '../../room/message.ts'
import { isRoomName } from '../../room/room-name.ts'
import { TIMES, type Times } from '../../times.ts'
import type { Warn } from '../../warn.ts'
import { makeDirectory, unlessMissing } from './durable.ts'

export interface AsideOptions {
  readonly directory: string
  /** Milliseconds for which lines that an edit removed are kept. Infinity: for ever. 0: not at all. */
  readonly keepMs: number
  readonly times?: Pick<Times, 'expire'>
  readonly warn: Warn
}

/** 30 days. */
export const KEEP_REMOVED_MS = 2_592_000_000

/** The name of a file of removed lines: the room, when they were removed, and a number if that name was taken. */
const REMOVED = /^(.+)\.removed-\d{1,16}(?:\.[1-9]\d*)?\.jsonl$/

export class Aside {
  readonly #options: AsideOptions
  #timer: NodeJS.Timeout | undefined
  #expiring: Promise<void> | undefined

  constructor(options: AsideOptions) {
    this.#options = options
  }

  /** Removes what is too old: now, and every few hours. */
  start(): void {
    this.#timer ??= setInterval(() => void this.expire(), (this.#options.times ?? TIMES).expire).unref()
    void this.expire()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#expiring
  }

  /**
   * Keeps bytes, or a file unchanged, under a name that is not used yet. A file is kept by a hard link, which costs nothing and includes
   * what is still written to the file. If this fails, nothing is left behind, because each new try would leave another file.
   * @param what bytes, or the path of a file
   * @returns the path of what was kept; it is fsynced
   * @throws the system's error
   */
  async keep(name: string, what: Buffer | string): Promise<string> {
    const { directory } = this.#options
    makeDirectory(directory)
    for (let n = 0; ; n++) {
      const path = join(directory, shortened(name, n === 0 ? '.jsonl' : `.${n}.jsonl`))
      if (!(await (typeof what === 'string' ? linkOrCopy(what, path) : writeNew(path, what)))) continue
      try {
        await sync(path)
        await sync(directory)
        return path
      } catch (error) {
        await unlink(path).catch(unlessMissing)
        throw error
      }
    }
  }

  /**
   * Keeps bytes of a room, or a file, and logs a warning.
   * @param why the text of the warning
   * @param timestamp part of the name: the room's timestamp, or the time now
   */
  async keepAndTell(room: string, what: Buffer | string, why: string, timestamp: Timestamp = Date.now()): Promise<void> {
    this.#options.warn(why, { room, copy: await this.keep(`${room}-${timestamp}`, what) })
  }

  /**
   * Keeps lines that an edit removed. `cat <file> >> <room>.jsonl` posts them again.
   * @param timestamp the room's timestamp after the edit
   * @returns the path of the file; undefined when there are no lines, or when they are not to be kept
   */
  async keepRemoved(room: string, timestamp: Timestamp, lines: readonly string[]): Promise<string | undefined> {
    if (this.#options.keepMs === 0 || lines.length === 0) return undefined
    return this.keep(`${room}.removed-${timestamp}`, Buffer.from(lines.map((line) => `${line}\n`).join('')))
  }

  /** Removes files of removed lines that are too old, and nothing else: what could not stay in a room is kept for ever. Does not throw. */
  expire(): Promise<void> {
    return (this.#expiring ??= this.#expire().finally(() => (this.#expiring = undefined)))
  }

  async #expire(): Promise<void> {
    const { directory, keepMs, warn } = this.#options
    if (keepMs === Infinity) return
    try {
      const names = (await readdir(directory).catch(unlessMissing)) ?? []
      for (const name of names.filter(isRemovedLines))
        await removeOlder(join(directory, name), Date.now() - keepMs).catch((error: unknown) =>
          warn('cannot remove an old file of removed lines', { file: join(directory, name), error }),
        )
    } catch (error) {
      warn('cannot look for old files of removed lines', { directory, error })
    }
  }
}

/** The longest name of a file, in bytes. */
const MOST_BYTES = 255

/** The name of a file. If it is too long, the end of the room's name is left out. */
function shortened(name: string, ending: string): string {
  const [, room = name, mark = ''] = /^(.*?)((?:\.removed)?-\d+)$/su.exec(name) ?? []
  const letters = Array.from(room)
  while (Buffer.byteLength(letters.join('') + mark + ending) > MOST_BYTES) letters.pop()
  return letters.join('') + mark + ending
}

function isRemovedLines(name: string): boolean {
  return isRoomName(REMOVED.exec(name)?.[1] ?? '')
}

async function removeOlder(path: string, time: number): Promise<void> {
  const stats = await lstat(path).catch(unlessMissing)
  if (stats?.isFile() && stats.mtimeMs < time) await unlink(path).catch(unlessMissing)
}

/** @returns whether the name was free */
async function writeNew(path: string, bytes: Buffer): Promise<boolean> {
  try {
    await writeFile(path, bytes, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    await unlink(path).catch(unlessMissing) // a full disk takes only a part
    throw error
  }
}

/** @returns whether the name was free */
async function linkOrCopy(from: string, path: string): Promise<boolean> {
  try {
    await link(await realpath(from), path) // the file that a link leads to, not the link
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
  }
  try {
    await copyFile(from, path, constants.COPYFILE_EXCL) // the file system has no hard links
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Fsyncs a file, or the names in a directory. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
