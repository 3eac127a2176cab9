/**
 * Up to which message somebody may have seen a room's file. Each version gets an mtime and the same atime, and the first read changes the
 * atime (Linux: relatime). So if a version still has the atime that it was given, nobody has read it, and a person who saves an older copy
 * over it has not seen the new messages in it. Reads by this server do not change the atime, if the system allows that.
 */
import { fstatSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backlog } from '../../room/backlog.ts'
import { lineOf, type Timestamp } from '../../room/message.ts'
import type { Found } from '../../room/take-in.ts'
import type { Times } from '../../times.ts'
import { inVersions, type Descriptor, type FileStats } from './durable.ts'
import type { Snapshot } from './snapshot.ts'

/** A file's birth time comes from a clock of the kernel that is behind by less than this. */
const CLOCK_TICK_MS = 10

export class Sightings {
  readonly #times: Pick<Times, 'backup'>
  /** At first nothing is known: everything may have been seen. */
  #upTo: Timestamp = Infinity
  #version: { readonly stats: FileStats; readonly timestamp: Timestamp } | undefined

  constructor(times: Pick<Times, 'backup'>) {
    this.#times = times
  }

  /**
   * Another version is in place from now on.
   * @param before the newest timestamp of the room before this version: messages that others committed between the known version and this
   * one may have been seen
   */
  begin(stats: FileStats, timestamp: Timestamp, before: Timestamp): void {
    const last = this.#version
    const known = last?.timestamp
    if (known === undefined || before > known) this.#upTo = known === undefined ? timestamp : Math.max(this.#upTo, before)
    this.#version = { stats, timestamp }
    const isAddedTo = last?.stats.ino === stats.ino && last.stats.atimeNs === stats.atimeNs // the mtime moved, and nobody has read it
    if (stats.atimeNs !== stats.mtimeNs && !isAddedTo) this.saw(timestamp)
  }

  /** Checks the atime of the version that is in place, or was in place until now. */
  look(fd: Descriptor): void {
    const stats = fstatSync(fd, { bigint: true })
    if (this.#version && stats.atimeNs !== this.#version.stats.atimeNs) this.saw(this.#version.timestamp)
  }

  /**
   * Up to which message the author of a file has seen the room. The author cannot have seen messages that came after the new file was made,
   * nor messages that are only in versions that nobody has read. The latter is used only if the file and the room have a line in common: a
   * file without one (`echo only >`) was not made from the room. If the file has an older mtime, and is not a new file, made within the
   * last `times.backup`, somebody restores an earlier state on purpose.
   * @param before the descriptor of the version that was known before, if it is still open
   * @returns Infinity if the author may have seen everything
   */
  by(
    { stats, mtime, place: { versions } }: Snapshot,
    { lines }: Found,
    { messages, timestamp }: Backlog,
    before: Descriptor | undefined,
  ): Timestamp {
    if (before !== undefined) this.look(before)
    if (!stats || messages.length === 0) return Infinity
    const born = Number(stats.birthtimeMs)
    const age = Date.now() - born
    const isNewFile = before === undefined || fstatSync(before, { bigint: true }).ino !== stats.ino
    const isOfNow = isNewFile && born > 0 && age >= 0 && age < this.#times.backup
    const byBirth = isOfNow ? born + CLOCK_TICK_MS : Infinity
    const isPutBack = !isOfNow && mtime < timestamp
    if (this.#upTo >= timestamp || before === undefined || isPutBack) return byBirth
    const texts = new Set(messages.map(lineOf))
    if (!lines.some(({ text }) => texts.has(text))) return byBirth
    return tellsOfReads(versions) ? Math.min(byBirth, this.#upTo) : byBirth
  }

  /** Somebody has seen the room up to this timestamp. */
  saw(timestamp: Timestamp): void {
    this.#upTo = Math.max(this.#upTo, timestamp)
  }
}

/** A time long ago, in seconds. */
const PAST_S = 1

/** Whether a file system changes the atime when a file is read. This is tried in one of its directories; if that is not writable: false. */
function tellsOfReads(directory: string): boolean {
  const path = join(directory, `read-${process.pid}-${Math.random().toString(36).slice(2)}`)
  try {
    inVersions(directory, () => writeFileSync(path, 'x'))
    utimesSync(path, PAST_S, PAST_S)
    readFileSync(path)
    return statSync(path).atimeMs !== PAST_S * 1000
  } catch {
    return false
  } finally {
    rmSync(path, { force: true })
  }
}
