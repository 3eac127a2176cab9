/**
 * Series of system calls on a room's file that wait for the disk. A worker makes them (disk.ts), so that the main thread never waits.
 * Knows files; does not know what their lines mean.
 */
import { closeSync, fstatSync, fsyncSync, lstatSync, openSync, readSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Timestamp } from '../../room/message.ts'
import {
  inVersions,
  openFile,
  partOf,
  readExactly,
  signatureOf,
  stateOfBytes,
  statsOf,
  syncDirectory,
  writeVersion,
  type Descriptor,
  type FileStats,
  type Part,
  type Signature,
} from './durable.ts'
import { exchange, place } from './exchange.ts'

/** A version of a file, as it was read. */
interface ReadVersion {
  /** Open on this version. */
  readonly fd: Descriptor
  readonly stats: FileStats
  /** Its content; undefined if it is the known version. If the file is above the limit, only its last lines. */
  readonly bytes: Uint8Array | undefined
  /** The position of `bytes` in the file. */
  readonly from: number
}

/** Opens a file and reads it, unless it is the known version. @returns undefined when there is no file @throws the system's error */
function readVersion(file: string, known: Signature | undefined, maxFile: number): ReadVersion | undefined {
  const fd = openFile(file)
  if (fd === undefined) return undefined
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${basename(file)} is not a file`)
    const stats = statsOf(fd)
    if (signatureOf(stats) === known) return { fd, stats, bytes: undefined, from: 0 }
    const size = Number(stats.size)
    const cut = Math.max(0, size - maxFile)
    const read = readExactly(fd, cut, size - cut)
    const from = cut === 0 ? 0 : cut + read.indexOf('\n') + 1
    return { fd, stats, bytes: read.subarray(from - cut), from }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** A new version, and where to put it. */
export interface NewVersion {
  readonly file: string
  /** Where it is written first, in the directory of versions. After an exchange, the replaced file has this name. */
  readonly path: string
  readonly bytes: Uint8Array
  readonly mtime: Timestamp
  /** The version that was read before; undefined when there was no file. */
  readonly read: FileStats | undefined
  /** The part of that version that was read. */
  readonly taken: Part
}

/** The result for a new version. */
export interface Put {
  /**
   * `exchanged`: the replaced file has the name `path` now. `replaced`: that file, if there was one, has no name. `refused`: nothing
   * changed, because the file is another one, or because of an error.
   */
  readonly became: 'exchanged' | 'replaced' | 'refused'
  /** The new version, open for reading, and its stats; undefined when it was refused. */
  readonly written: { readonly fd: Descriptor; readonly stats: FileStats } | undefined
  /** Whether `path` is now the name of a file that somebody else had put in the room's place. */
  readonly isForeign: boolean
  /** The system's error, if that is why it was refused; or why a power cut could undo the replacement. */
  readonly failure: Failure | undefined
}

/** An error as a plain object: an Error that is sent to another thread loses its code. */
export interface Failure {
  readonly message: string
  /** The system's error code, such as ENOSPC. */
  readonly code: string | undefined
}

export function failureOf(error: unknown): Failure {
  const { message, code } = error as NodeJS.ErrnoException
  return { message, code }
}

/**
 * Writes a version, puts it in the place of the one that was read, and fsyncs the directory. @throws the system's error if it could not be
 * written
 */
function putVersion({ file, path, bytes, mtime, read, taken }: NewVersion): Put {
  const fd = inVersions(dirname(path), () => writeVersion(path, bytes, mtime, read))
  let became: Put['became'] = 'refused'
  let failure: Failure | undefined
  try {
    if (read) became = exchange(path, file, (out, name) => isAsRead(out, name, read, taken))
    else if (place(path, file)) became = 'replaced'
  } catch (error) {
    failure = failureOf(error)
  }
  if (became === 'refused') return { became, written: undefined, isForeign: clear(path, fd), failure }
  const written = { fd, stats: statsOf(fd) }
  try {
    syncDirectory(dirname(file))
  } catch (error) {
    failure = failureOf(error) // the version is already in place: the post may be kept in spite of this error
  }
  return { became, written, isForeign: false, failure }
}

/** Whether a file is the one that was read. Lines may have been added to it since: these are late lines. But it must not be overwritten. */
function isAsRead(out: FileStats, path: string, read: FileStats, taken: Part): boolean {
  if (out.ino !== read.ino || out.dev !== read.dev) return false
  return stateOfBytes(out) === stateOfBytes(read) || (out.size >= read.size && partOf(readAt(path, taken), taken.from).hash === taken.hash)
}

/** Reads a part of a file between two exchanges: no other work may come in between. */
function readAt(path: string, { from, length }: Part): Buffer {
  const bytes = Buffer.alloc(length)
  const fd = openSync(path, 'r')
  try {
    return bytes.subarray(0, readSync(fd, bytes, { length, position: from }))
  } finally {
    closeSync(fd)
  }
}

/** Removes a version that was refused. @returns whether another program's file has its name now: that file stays */
function clear(path: string, fd: Descriptor): boolean {
  const { ino } = fstatSync(fd, { bigint: true })
  closeSync(fd)
  const there = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (there && there.ino !== ino) return true
  rmSync(path, { force: true })
  return false
}

/** Fsyncs a file, and the names in a directory. */
function makeLast(fd?: Descriptor, directory?: string): void {
  if (fd !== undefined) fsyncSync(fd)
  if (directory !== undefined) syncDirectory(directory)
}

/** The runs that a worker can make. */
export const RUNS = { readVersion, readExactly, putVersion, makeLast }

export type Runs = typeof RUNS
