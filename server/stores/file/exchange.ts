/**
 * Puts a new version of a file in place, and nothing that somebody else put there meanwhile is overwritten: the two names are exchanged in
 * one step, and when what comes out is not what the version was made from, it gets its place back.
 * Knows two names and who stands there; knows nothing of rooms.
 */
import { linkSync, lstatSync, openSync, closeSync, renameSync, unlinkSync, type BigIntStats } from 'node:fs'
import { swapSync } from 'fs-native-extensions'

/** What a system says whose files cannot be exchanged, or can have no second name. */
const CANNOT = new Set(['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM'])

/** Whether a file, which is found under this name at the moment, is the one that the version was made from. */
export type IsAsRead = (stats: BigIntStats, path: string) => boolean

/**
 * Exchanges a version with the file at `path`. A file system that cannot do that replaces the file, right behind a look at it: a file that
 * comes in these microseconds is overwritten there.
 * @returns what became of the version: `exchanged` (what was replaced has the version's name now), `replaced` (it has none), or `refused`:
 * nothing changed, because the file at `path` is another one. What has the version's name then is the version, or a file that its author
 * has just replaced by another.
 */
export function exchange(version: string, path: string, isAsRead: IsAsRead): 'exchanged' | 'replaced' | 'refused' {
  let placed = statsOf(version)
  let isExpected = isAsRead
  for (let times = 1; ; times++) {
    try {
      swapSync(version, path)
    } catch (error) {
      if (CANNOT.has(codeOf(error))) return replace(version, path, isAsRead)
      if (codeOf(error) === 'ENOENT' && lstatSync(version, { throwIfNoEntry: false })) return 'refused' // the file at `path` was not there just now
      throw error
    }
    const out = statsOf(version)
    if (isExpected(out, version)) return times === 1 ? 'exchanged' : 'refused'
    const { ino } = placed // what was put there: if it comes out again, all is as it was
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

/** Gives a version its name where no file is. @returns whether it has it: not when there is a file now */
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

/** Where a file has one name only: whoever makes one just now finds an empty file, and what they write there is a late line. */
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
