/**
 * The names in the directory of versions: `<timestamp>.<inode>.<from>.<length>.<hash>.<end>`. A new version is written under this name.
 * When it takes the place of the room's file, the replaced file gets the name. Knows names, not what is in the files.
 */
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Timestamp } from '../../room/message.ts'
import type { Part } from './durable.ts'

/** What a name says of a replaced version: enough for another process to go on after a kill of this one. */
export interface VersionName {
  /** The timestamp of the version that takes its place. */
  readonly timestamp: Timestamp
  /** Its inode: a file with another one is not the replaced version. */
  readonly ino: bigint
  /** The part of it that was in the room when it was replaced. */
  readonly base: Part
  /** Up to this byte its lines are in the room. */
  readonly end: number
}

/**
 * The name of a version that will be exchanged with the room's file. After the exchange, the replaced file has this name. The name has what
 * is needed to recognize that file (its inode), and to know which part of it is in the room.
 */
export function versionName(timestamp: Timestamp, ino: bigint, { from, length, hash }: Part, end = from + length): string {
  return [timestamp, ino, from, length, hash, end].join('.')
}

/** The name of a version that replaces no file. */
export function firstVersionName(timestamp: Timestamp): string {
  return `${timestamp}.new`
}

const NAME = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.([\w-]+)\.(\d+)$/

/** Reads what `versionName` wrote. @returns undefined for any other name */
export function readName(name: string): VersionName | undefined {
  const [whole, timestamp, ino, from, length, hash, end] = NAME.exec(name) ?? []
  if (whole === undefined) return undefined
  const base = { from: Number(from), length: Number(length), hash: hash ?? '' }
  return { timestamp: Number(timestamp), ino: BigInt(ino ?? 0), base, end: Number(end) }
}

/** Whether the file with this inode has a name in the directory of versions: then the process that replaced or adopted it watches it. */
export function isVersion(ino: bigint, directory: string): boolean {
  return namesIn(directory).some((name) => readName(name)?.ino === ino)
}

/**
 * The name that the replaced version with this inode has now.
 * @returns undefined if it has none, or if another file has that name
 */
export function findName(ino: bigint, directory: string): string | undefined {
  return namesIn(directory).find((name) => readName(name)?.ino === ino && lstatSync(join(directory, name), { bigint: true }).ino === ino)
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}
