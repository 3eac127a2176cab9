/**
 * Puts a new version of a file in place without overwriting a file that another program has put there in the meantime: the two names are
 * exchanged in one step. If the file that comes out is not the one that the version was made from, it is exchanged back.
 * Knows two names and the files that have them; knows nothing of rooms.
 */
import { linkSync, lstatSync, openSync, closeSync, renameSync, unlinkSync, type BigIntStats } from 'node:fs'
import { swapSync } from 'fs-native-extensions'

/** The errors of a file system that cannot exchange two files, or cannot give a file a second name. */
const CANNOT = new Set(['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM'])

/** Whether the file that has this name at the moment is the one that the version was made from. */
export type IsAsRead = (stats: BigIntStats, path: string) => boolean

/**
 * Exchanges a version with the file at `path`. A file system that cannot exchange replaces the file right after a check: a file that
 * another program puts there in these microseconds is overwritten.
 * @returns `exchanged`: the replaced file has the version's name now. `replaced`: it has no name. `refused`: nothing changed, because the
 * file at `path` is another one. The version's name then belongs to the version, or to a file that its author replaced by another one at
 * this moment.
 */
export function exchange(version: string, path: string, isAsRead: IsAsRead): 'exchanged' | 'replaced' | 'refused' {
  let placed = statsOf(version)
  let isExpected = isAsRead
  for (let times = 1; ; times++) {
    try {
      swapSync(version, path)
    } catch (error) {
      if (CANNOT.has(codeOf(error))) return replace(version, path, isAsRead)
      if (codeOf(error) === 'ENOENT' && lstatSync(version, { throwIfNoEntry: false })) return 'refused' // there is no file at `path` now
      throw error
    }
    const out = statsOf(version)
    if (isExpected(out, version)) return times === 1 ? 'exchanged' : 'refused'
    const { ino } = placed // the file that was put in place: if it comes out again, both names are as before
    isExpected = (stats) => stats.ino === ino
    placed = out
  }
}

function replace(version: string, path: string, isAsRead: IsAsRead): 'replaced' | 'refused' {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (!stats || !isAsRead(stats, path)) return 'refused'
  renameSync(version, path)
  return 'replaced'
}

/** Gives a version its name, if no file has that name. @returns false if there is a file now */
export function place(version: string, path: string): boolean {
  try {
    linkSync(version, path)
    unlinkSync(version)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (!CANNOT.has(codeOf(error))) throw error
    return placeByRename(version, path)
  }
}

/**
 * For a file system where a file has only one name: makes an empty file, then replaces it. What another program writes to the empty file is
 * lost.
 */
function placeByRename(version: string, path: string): boolean {
  try {
    closeSync(openSync(path, 'ax'))
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
  renameSync(version, path)
  return true
}

function statsOf(path: string): BigIntStats {
  return lstatSync(path, { bigint: true })
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}
