/**
 * Where a room's file is, and what is beside it. A name in the directory may be a link: then the file that it leads to is the room. That
 * file has one lock and one directory of versions, however many links lead to it (PROTOCOL.md, What holds, 6).
 */
import { lstatSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A directory in each directory with files of rooms. It is not watched. */
export const STATE = '.roomfile'

/**
 * In it, a directory for each room: versions of its file that are being written, and those that were replaced. No room can have this name.
 */
export const VERSIONS = '.versions'

export interface Place {
  readonly file: string
  readonly directory: string
  /** The path of the lock's file. */
  readonly lock: string
  /** The path of the directory of versions. */
  readonly versions: string
}

const ENDING = '.jsonl'

/** @throws the system's error: ENOENT for a link to nothing */
export function placeOf(path: string): Place {
  // A stat of a name in our own directory costs less than a task of the thread pool.
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
  const file = isLink ? realpathSync(path) : path
  const directory = dirname(file)
  const isRooms = file.endsWith(ENDING) && !basename(file).startsWith('.')
  const name = isRooms ? basename(file, ENDING) : `${basename(file)}.file`
  return { file, directory, lock: join(directory, STATE, name), versions: join(directory, STATE, VERSIONS, name) }
}
