/**
 * Files that a power cut finds either old or new: written whole, with the mtime set before anyone can see them, and made to last.
 * Knows system calls and their order, each of which waits for the disk: those that take long are made by a worker (disk.ts).
 */
import { hash } from 'node:crypto'
import {
  close,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import writeFileAtomic from 'write-file-atomic'
import type { Timestamp } from '../../room/message.ts'

/** An open file, as the system numbers it. Whoever has it closes it, by `closeFile`. */
export type Descriptor = number

/** Closes a file away from this thread: where it was the last name of a version, that is removed from the disk now. */
export const closeFile = promisify(close)

/** What is asked about a file: what tells its states apart, and what its successor is to have as well. */
export type FileStats = Pick<
  BigIntStats,
  'dev' | 'ino' | 'mode' | 'uid' | 'gid' | 'size' | 'atimeNs' | 'mtimeNs' | 'ctimeNs' | 'birthtimeMs'
>

/** What is asked about an open file, as a plain object: it can be sent to another thread. */
export function statsOf(fd: Descriptor): FileStats {
  const { dev, ino, mode, uid, gid, size, atimeNs, mtimeNs, ctimeNs, birthtimeMs } = fstatSync(fd, { bigint: true })
  return { dev, ino, mode, uid, gid, size, atimeNs, mtimeNs, ctimeNs, birthtimeMs }
}

/** What tells one state of a file from another. */
export type Signature = string

/** The ctime tells of a change that keeps size and mtime. */
export function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: FileStats): Signature {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
}

/** A size and mtime: other than the ctime, they change only when something is written. */
export function stateOfBytes({ size, mtimeNs }: FileStats): string {
  return `${size}:${mtimeNs}`
}

/** What is kept of bytes to know them again. */
export interface Digest {
  readonly length: number
  readonly hash: string
}

export function digestOf(bytes: Buffer): Digest {
  return { length: bytes.length, hash: hash('sha256', bytes, 'base64url') }
}

/** Where bytes stand in a file, and what is kept of them to know them again. */
export interface Part extends Digest {
  readonly from: number
}

export function partOf(bytes: Buffer, from: number): Part {
  return { from, ...digestOf(bytes) }
}

/** Whether bytes begin with those of a digest. */
export function beginsWith(bytes: Buffer, { length, hash: known }: Digest): boolean {
  return bytes.length >= length && hash('sha256', bytes.subarray(0, length), 'base64url') === known
}

/** An mtime in whole milliseconds: to the nearest, should a file system keep less than we set. */
export function timestampOf(mtimeNs: bigint): Timestamp {
  return Number((mtimeNs + 500_000n) / 1_000_000n)
}

/**
 * A timestamp in the seconds that utimes takes. As a floating-point number they are exact to 240 ns only: 500 ns more, and `stat`, which
 * cuts off what it does not show, never shows the millisecond before.
 */
function secondsOf(timestamp: Timestamp): number {
  return (timestamp + 0.000_5) / 1000
}

/** Whether an mtime is one that `secondsOf` gave: whole milliseconds, but for what is added there and what a file system loses. */
export function isWholeMs(mtimeNs: bigint): boolean {
  return mtimeNs % 1_000_000n < 1000n
}

/** Node ends the process when it is asked for 2 GiB or more in one read. */
const MOST_IN_ONE_READ = 2 ** 30

/** Reads `length` bytes from `position`, or those that there are. The memory is theirs alone: it can be handed to another thread. */
export function readExactly(fd: Descriptor, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const bytesRead = readSync(fd, buffer, filled, Math.min(length - filled, MOST_IN_ONE_READ), position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

/**
 * Writes a new file that a power cut leaves whole, in a directory where nobody looks for it yet. Its mtime and atime are `mtime` from the
 * first moment on.
 * write-file-atomic names, syncs, renames and cleans up. The content is written in its hook instead of by it, because it leaves no
 * moment to set the mtime before the rename, and does not notice when a full disk takes only part of the bytes.
 * @param like the file whose place it is to take: it gets the same mode and owner
 * @returns the new file, open to read
 */
export function writeVersion(path: string, bytes: Uint8Array, mtime: Timestamp, like: FileStats | undefined): Descriptor {
  let written: Descriptor | undefined
  try {
    writeFileAtomic.sync(path, '', {
      ...(like && { mode: Number(like.mode), chown: { uid: Number(like.uid), gid: Number(like.gid) } }),
      tmpfileCreated(temporary) {
        const fd = openSync(temporary, 'r+')
        try {
          writeFileSync(fd, bytes)
          futimesSync(fd, secondsOf(mtime), secondsOf(mtime))
        } finally {
          closeSync(fd)
        }
        written = openFile(temporary)
      },
    })
    return written as Descriptor
  } catch (error) {
    if (written !== undefined) closeSync(written)
    throw error
  }
}

/** To read without a wait for a writer, should it be a pipe; and without a trace, where the system allows that: see sightings.ts. */
const TO_READ = constants.O_RDONLY | constants.O_NONBLOCK
const WITHOUT_TRACE = constants.O_NOATIME ?? 0

/**
 * Opens a file to read, or returns undefined when there is none.
 * A link to a file that is not there is an error: what it stands for may come back, as with a disk that is not mounted.
 */
export function openFile(path: string): Descriptor | undefined {
  try {
    return openToRead(path)
  } catch (error) {
    unlessMissing(error as NodeJS.ErrnoException)
    const named = lstatSync(path, { throwIfNoEntry: false })
    if (named?.isSymbolicLink()) throw error
    return named ? openFile(path) : undefined // somebody has made it just now
  }
}

function openToRead(path: string): Descriptor {
  try {
    return openSync(path, TO_READ | WITHOUT_TRACE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    return openSync(path, TO_READ) // it belongs to somebody else
  }
}

/** Makes a directory within one that is there: one that somebody took away stays away, until they put it back. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** How many times a directory of versions is made that others remove meanwhile. */
const MOST_MADE = 3

/** Does work in a directory of versions, which is made when it is missing: whoever lets go of a room removes it when it is empty. */
export function inVersions<T>(directory: string, work: () => T): T {
  for (let made = 0; made < MOST_MADE; made++) {
    try {
      return work()
    } catch (error) {
      unlessMissing(error as NodeJS.ErrnoException)
      makeDirectory(dirname(directory))
      makeDirectory(directory)
    }
  }
  return work()
}

/** For `catch`: a file that is not there is no error. */
export function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** Makes the names in a directory last. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
