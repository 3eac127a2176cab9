/**
 * Files that a power cut finds either old or new: replaced in one step, with the mtime set before anyone can see them.
 * Knows system calls and their order; knows nothing of rooms.
 */
import { hash } from 'node:crypto'
import { constants, type BigIntStats } from 'node:fs'
import { lstat, mkdir, open, type FileHandle } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import type { Timestamp } from '../../room/message.ts'

/** What tells one state of a file from another. */
export type Signature = string

/** The ctime tells of a change that keeps size and mtime. */
export function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Signature {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
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

/** Reads `length` bytes from `position`, or those that there are. */
export async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, Math.min(length - filled, MOST_IN_ONE_READ), position + filled)
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
export async function writeVersion(path: string, bytes: Buffer, mtime: Timestamp, like: BigIntStats | undefined): Promise<FileHandle> {
  let written: FileHandle | undefined
  try {
    await writeFileAtomic(path, '', {
      ...(like && { mode: Number(like.mode), chown: { uid: Number(like.uid), gid: Number(like.gid) } }),
      async tmpfileCreated(temporary) {
        const handle = await open(temporary, 'r+')
        try {
          await handle.writeFile(bytes)
          await handle.utimes(secondsOf(mtime), secondsOf(mtime))
        } finally {
          await handle.close()
        }
        written = await openFile(temporary)
      },
    })
    return written as FileHandle
  } catch (error) {
    await written?.close()
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
export async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, TO_READ | WITHOUT_TRACE).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPERM') throw error
      return open(path, TO_READ) // it belongs to somebody else
    })
  } catch (error) {
    unlessMissing(error as NodeJS.ErrnoException)
    const named = await lstat(path).catch(unlessMissing)
    if (named?.isSymbolicLink()) throw error
    return named ? openFile(path) : undefined // somebody has made it just now
  }
}

/** Makes a directory within one that is there: one that somebody took away stays away, until they put it back. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

/** For `catch`: a file that is not there is no error. */
export function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** Makes the names in a directory last. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
