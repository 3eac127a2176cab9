/**
 * What is done with a room's file in one straight run of system calls, each of which waits for the disk. A worker makes them (disk.ts), so that
 * the main thread waits for none. Knows files; what their lines say is decided elsewhere.
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

/** A version of a file, as it is read. */
interface ReadVersion {
  /** Open on this version. */
  readonly fd: Descriptor
  readonly stats: FileStats
  /** What it says; undefined where it is the version that is known. Of a file above the limit only the last lines. */
  readonly bytes: Uint8Array | undefined
  /** Where `bytes` begin in the file. */
  readonly from: number
}

/** Opens a file and reads it, unless it is the version that is known. @returns undefined when there is none @throws the system's error */
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

/** A new version, and the place that it is to have. */
export interface NewVersion {
  readonly file: string
  /** Where it is written first, in the directory of versions. What it replaces has that name afterwards. */
  readonly path: string
  readonly bytes: Uint8Array
  readonly mtime: Timestamp
  /** The version that it was made from; undefined where there was none. */
  readonly read: FileStats | undefined
  /** What of that was read. */
  readonly taken: Part
}

/** What became of a new version. */
export interface Put {
  /** `exchanged`: what it replaced has its first name now. `replaced`: that has no name. `refused`: nothing changed, the file is another one. */
  readonly became: 'exchanged' | 'replaced' | 'refused'
  /** The new version, open to read, and its state; undefined when it was refused. */
  readonly written: { readonly fd: Descriptor; readonly stats: FileStats } | undefined
  /** Whether a file that somebody put in the room's place has the first name now. */
  readonly isForeign: boolean
  /** Why it was refused, where the system said so; or why its place may not last. */
  readonly failure: Failure | undefined
}

/** What went wrong, as a plain object: an error that is sent to another thread loses its code. */
export interface Failure {
  readonly message: string
  /** The system's, as ENOSPC. */
  readonly code: string | undefined
}

export function failureOf(error: unknown): Failure {
  const { message, code } = error as NodeJS.ErrnoException
  return { message, code }
}

/** Writes a version, puts it in the place of the one that was read, and makes that last. @throws the system's error where it could not be written */
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
    failure = failureOf(error) // it is in place by then: whatever fails, the post may be kept
  }
  return { became, written, isForeign: false, failure }
}

/** Whether a file is the one that was read, perhaps with lines added since: those are late lines. One that was written over is another one. */
function isAsRead(out: FileStats, path: string, read: FileStats, taken: Part): boolean {
  if (out.ino !== read.ino || out.dev !== read.dev) return false
  return stateOfBytes(out) === stateOfBytes(read) || (out.size >= read.size && partOf(readAt(path, taken), taken.from).hash === taken.hash)
}

/** Reads a part of a file between two exchanges: nothing may come between. */
function readAt(path: string, { from, length }: Part): Buffer {
  const bytes = Buffer.alloc(length)
  const fd = openSync(path, 'r')
  try {
    return bytes.subarray(0, readSync(fd, bytes, { length, position: from }))
  } finally {
    closeSync(fd)
  }
}

/** Removes a version that has no place. @returns whether a file of somebody else has its name by now: that one stays */
function clear(path: string, fd: Descriptor): boolean {
  const { ino } = fstatSync(fd, { bigint: true })
  closeSync(fd)
  const there = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (there && there.ino !== ino) return true
  rmSync(path, { force: true })
  return false
}

/** Makes what was written to a file last, and the names in a directory. */
function makeLast(fd?: Descriptor, directory?: string): void {
  if (fd !== undefined) fsyncSync(fd)
  if (directory !== undefined) syncDirectory(directory)
}

/** What a worker can be asked for. */
export const RUNS = { readVersion, readExactly, putVersion, makeLast }

export type Runs = typeof RUNS
