/**
 * Files that a power cut finds either old or new: replaced in one step, with the mtime set before anyone can see them.
 * Knows system calls and their order; knows nothing of rooms.
 */
import { hash } from 'node:crypto'
import { constants, type BigIntStats } from 'node:fs'
import { copyFile, link, lstat, mkdir, open, realpath, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Timestamp } from '../message.ts'

/** What tells one state of a file from another. */
export type Signature = string

export function signatureOf({ ino, size, mtimeNs }: BigIntStats): Signature {
  return `${ino}:${size}:${mtimeNs}`
}

/** What is kept of bytes to know them again. */
export interface Digest {
  readonly length: number
  readonly hash: string
}

export function digestOf(bytes: Buffer): Digest {
  return { length: bytes.length, hash: hash('sha256', bytes, 'base64') }
}

/** Whether bytes begin with those of a digest. */
export function beginsWith(bytes: Buffer, { length, hash: known }: Digest): boolean {
  return bytes.length >= length && hash('sha256', bytes.subarray(0, length), 'base64') === known
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

/** The state of an open file. */
export async function stateOf(handle: FileHandle): Promise<{ signature: Signature; size: number; mtime: Timestamp; isFile: boolean }> {
  const stats = await handle.stat({ bigint: true })
  return { signature: signatureOf(stats), size: Number(stats.size), mtime: timestampOf(stats.mtimeNs), isFile: stats.isFile() }
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
 * Replaces a file's content in one step and makes that last. Its mtime is `mtime` from the first moment on.
 * write-file-atomic names, syncs, renames and cleans up. The content is written in its hook instead of by it, because it leaves no
 * moment to set the mtime before the rename, and does not notice when a full disk takes only part of the bytes.
 * @returns the state of the new file
 */
export async function replaceFile(path: string, bytes: Buffer, mtime: Timestamp): Promise<Signature> {
  let signature = ''
  await writeFileAtomic(path, '', {
    async tmpfileCreated(temporary) {
      const handle = await open(temporary, 'r+')
      try {
        await handle.writeFile(bytes)
        await handle.utimes(secondsOf(mtime), secondsOf(mtime))
        ;({ signature } = await stateOf(handle))
      } finally {
        await handle.close()
      }
    },
  })
  await syncDirectory(dirname(await realpath(path)))
  return signature
}

/** Makes an empty file and opens it; undefined when somebody else was faster. */
export function claimFile(path: string): Promise<FileHandle | undefined> {
  return open(path, 'ax+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined
    throw error
  })
}

/**
 * Opens a file to read, or returns undefined when there is none. Does not wait for a writer, should it be a pipe.
 * A link to a file that is not there is an error: what it stands for may come back, as with a disk that is not mounted.
 */
export async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
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

/**
 * Keeps bytes, or a file as it is, in another directory under a name that nothing has there yet. A file is kept by a second name for its
 * inode: at no cost, and with all that may still be written to it.
 * @returns the path of what was kept
 */
export async function keepAside(directory: string, name: string, what: Buffer | string): Promise<string> {
  await makeDirectory(directory)
  for (let n = 0; ; n++) {
    const aside = join(directory, n === 0 ? `${name}.jsonl` : `${name}.${n}.jsonl`)
    try {
      await (typeof what === 'string' ? linkOrCopy(what, aside) : writeFile(aside, what, { flag: 'wx', flush: true }))
      await syncDirectory(directory)
      return aside
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

async function linkOrCopy(path: string, aside: string): Promise<void> {
  try {
    await link(await realpath(path), aside) // what a link leads to, and not the link
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    await copyFile(path, aside, constants.COPYFILE_EXCL) // a file system without hard links
  }
}
