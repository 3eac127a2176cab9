/**
 * Up to which message somebody may have seen a room's file. Each version of it is given an mtime and the same atime; the first who reads it
 * moves the atime (Linux: relatime). So of a version whose atime stands where it was put it is known that nobody has read it, and whoever
 * saves an older copy over it has not seen what was new in it. Our own reads move no atime, where the system allows that.
 */
import { fstatSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backlog } from '../../room/backlog.ts'
import { lineOf, type Timestamp } from '../../room/message.ts'
import type { Found } from '../../room/take-in.ts'
import type { Times } from '../../times.ts'
import { inVersions, type Descriptor, type FileStats } from './durable.ts'
import type { Snapshot } from './snapshot.ts'

/** The kernel's clock, which says when a file was made, is behind by less than this. */
const CLOCK_TICK_MS = 10

export class Sightings {
  readonly #times: Pick<Times, 'backup'>
  /** At first nothing is known: all may have been seen. */
  #upTo: Timestamp = Infinity
  #version: { readonly stats: FileStats; readonly timestamp: Timestamp } | undefined

  constructor(times: Pick<Times, 'backup'>) {
    this.#times = times
  }

  /**
   * Another version stands there from now on.
   * @param before the newest timestamp of the room before this version: what others committed between it and the version that was known may
   * have been seen
   */
  begin(stats: FileStats, timestamp: Timestamp, before: Timestamp): void {
    const known = this.#version?.timestamp
    if (known === undefined || before > known) this.#upTo = known === undefined ? timestamp : Math.max(this.#upTo, before)
    this.#version = { stats, timestamp }
    if (stats.atimeNs !== stats.mtimeNs) this.saw(timestamp)
  }

  /** Looks at the version that stands there, or that has stood there until just now. */
  look(fd: Descriptor): void {
    const stats = fstatSync(fd, { bigint: true })
    if (this.#version && stats.atimeNs !== this.#version.stats.atimeNs) this.saw(this.#version.timestamp)
  }

  /**
   * Up to which message whoever wrote a file has seen the room. What came after a new file was made, its author cannot know; nor can they know
   * what is only in versions that nobody has read, where the file shares lines with the room. (One that shares none was made for itself:
   * `echo only >`.) An older mtime, or a file that was made long ago, says that an earlier state is put back on purpose.
   * @param before the version that was known before, open, if it still is
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

  /** Somebody has seen the room up to here. */
  saw(timestamp: Timestamp): void {
    this.#upTo = Math.max(this.#upTo, timestamp)
  }
}

/** A time long ago, in seconds. */
const PAST_S = 1

/** Whether a file system tells that a file was read, tried out in one of its directories. Where nothing can be written, it does not. */
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
