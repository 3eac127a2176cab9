/**
 * Files that are either old or new after a power cut: written as a whole, with the mtime set before anyone can see them, and fsynced.
 * Knows system calls and their order. They wait for the disk, so a worker makes those that take long (disk.ts).
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

/** A file descriptor. Its owner closes it with `closeFile`. */
export type Descriptor = number

/**
 * Closes a file in the thread pool: if a version has no name any more, the file system frees its blocks at this moment, which takes time.
 */
export const closeFile = promisify(close)

/** The stats that tell states of a file apart, and those that its successor gets as well. */
export type FileStats = Pick<
  BigIntStats,
  'dev' | 'ino' | 'mode' | 'uid' | 'gid' | 'size' | 'atimeNs' | 'mtimeNs' | 'ctimeNs' | 'birthtimeMs'
>

/** The stats of an open file as a plain object, which can be sent to another thread. */
export function statsOf(fd: Descriptor): FileStats {
  const { dev, ino, mode, uid, gid, size, atimeNs, mtimeNs, ctimeNs, birthtimeMs } = fstatSync(fd, { bigint: true })
  return { dev, ino, mode, uid, gid, size, atimeNs, mtimeNs, ctimeNs, birthtimeMs }
}

/** Tells one state of a file from another. */
export type Signature = string

/** The ctime also shows a change that keeps the size and the mtime. */
export function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: FileStats): Signature {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
}

/** A file's size and mtime. Unlike the ctime, they do not change when a file is renamed or gets another name. */
export function stateOfBytes({ size, mtimeNs }: FileStats): string {
  return `${size}:${mtimeNs}`
}

/** A length and a hash, to recognize bytes that are not kept. */
export interface Digest {
  readonly length: number
  readonly hash: string
}

export function digestOf(bytes: Buffer): Digest {
  return { length: bytes.length, hash: hash('sha256', bytes, 'base64url') }
}

/** Where bytes are in a file, and their digest. */
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

/** An mtime in whole milliseconds: the nearest, because a file system may store less than was set. */
export function timestampOf(mtimeNs: bigint): Timestamp {
  return Number((mtimeNs + 500_000n) / 1_000_000n)
}

/**
 * A timestamp in seconds, for utimes. A floating-point number of this size is exact to 240 ns only. So 500 ns are added: `stat` cuts digits
 * off, and must never show the millisecond before.
 */
function secondsOf(timestamp: Timestamp): number {
  return (timestamp + 0.000_5) / 1000
}

/**
 * Whether an mtime was made by `secondsOf`: whole milliseconds, apart from the 500 ns that are added there and what a file system loses.
 */
export function isWholeMs(mtimeNs: bigint): boolean {
  return mtimeNs % 1_000_000n < 1000n
}

/** Node ends the process when one read is for 2 GiB or more. */
const MOST_IN_ONE_READ = 2 ** 30

/**
 * Reads `length` bytes from `position`, or fewer at the end of the file. The buffer has memory of its own, which can be transferred to a
 * thread.
 */
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
 * Writes a new file in a directory where nobody looks for it yet. It is complete after a power cut, and its mtime and atime are `mtime`
 * from the beginning.
 * write-file-atomic does the naming, fsync, rename and cleanup. The content is written in its hook, for two reasons: it gives no other
 * moment to set the mtime before the rename, and it does not notice when a full disk takes only a part of the bytes.
 * @param like the file that it will replace: it gets the same mode and owner
 * @returns the new file, open for reading
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

/**
 * O_NONBLOCK: to open a pipe does not wait for a writer. O_NOATIME, if the system allows it: a read does not change the atime
 * (sightings.ts).
 */
const TO_READ = constants.O_RDONLY | constants.O_NONBLOCK
const WITHOUT_TRACE = constants.O_NOATIME ?? 0

/**
 * Opens a file for reading. @returns undefined when there is no file
 * @throws the system's error, also for a link to a file that does not exist: that file may come back, as with a disk that is not mounted
 */
export function openFile(path: string): Descriptor | undefined {
  try {
    return openToRead(path)
  } catch (error) {
    unlessMissing(error as NodeJS.ErrnoException)
    const named = lstatSync(path, { throwIfNoEntry: false })
    if (named?.isSymbolicLink()) throw error
    return named ? openFile(path) : undefined // created just now
  }
}

function openToRead(path: string): Descriptor {
  try {
    return openSync(path, TO_READ | WITHOUT_TRACE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    return openSync(path, TO_READ) // O_NOATIME is refused: the file has another owner
  }
}

/** Makes a directory in an existing one. If the parent was removed, that is an error: only a person puts it back. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** How many times a directory of versions is made again, if others remove it each time. */
const MOST_MADE = 3

/**
 * Does work in a directory of versions. Makes the directory if it is missing, because a process that releases a room removes it when it is
 * empty.
 */
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

/** For `catch`: a file that does not exist is no error. */
export function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** Fsyncs the names in a directory. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
