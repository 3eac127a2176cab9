/**
 * Where a room's file really lies, and what lies beside it. A name in the directory may be a link: the file that it leads to is the room, and
 * it has one lock and one place for its versions, whatever names lead to it (PROTOCOL.md, What holds, 6).
 */
import { lstatSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Below each directory that holds files of rooms, where nothing is watched. */
export const STATE = '.roomfile'

/** In there, a directory for each room: versions of its file that are being written, and those that were replaced. No room is called so. */
export const VERSIONS = '.versions'

export interface Place {
  readonly file: string
  readonly directory: string
  /** The file of the lock. */
  readonly lock: string
  /** The directory of versions. */
  readonly versions: string
}

const ENDING = '.jsonl'

/** @throws the system's error: ENOENT for a link to nothing */
export function placeOf(path: string): Place {
  // A look at a name in our own directory costs less than a turn of the thread pool.
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
  const file = isLink ? realpathSync(path) : path
  const directory = dirname(file)
  const isRooms = file.endsWith(ENDING) && !basename(file).startsWith('.')
  const name = isRooms ? basename(file, ENDING) : `${basename(file)}.file`
  return { file, directory, lock: join(directory, STATE, name), versions: join(directory, STATE, VERSIONS, name) }
}
