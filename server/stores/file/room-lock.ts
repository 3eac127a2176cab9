/**
 * A room's lock between processes, and what the room's file cannot tell: when it was last edited by hand, what was known of it then, and
 * where the room stood before its file was changed while no process ran.
 * Both are in `.roomfile/<room>`, in a directory that is not watched. The kernel keeps the lock: it ends with the process that holds it.
 * Knows nothing of what is done under the lock.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tryLock, unlock } from 'fs-native-extensions'
import type { Standing } from '../../room/backlog.ts'
import { RoomfileError } from '../../errors.ts'
import type { Timestamp } from '../../room/message.ts'
import { disk } from './disk.ts'
import { makeDirectory, unlessMissing, type Descriptor } from './durable.ts'

/** A fixed width, so that one small write replaces a number. */
const DIGITS = 16
const LINE = DIGITS + 1

/** First the lines of the edit, then those of the standing. */
const EDIT_LINES = 3
const LINES = 5

/** An edit by hand, as recorded by the process that took it in. */
export interface NotedEdit {
  /** The timestamp that the edit gave to the room; 0 if there was no edit. */
  readonly edited: Timestamp
  /** The newest message that this process knew then. It could neither put back nor keep aside later ones. */
  readonly known: Timestamp
  /** The edit that was recorded before this one. */
  readonly before: Timestamp
}

export interface Note extends NotedEdit {
  readonly standing: Standing
}

/** The result of work under a lock. */
export interface Held<T> {
  readonly result: T
}

/** Tries to take a lock until it succeeds, for `timeoutMs` milliseconds at most. @throws RoomfileError `room_busy` */
export async function untilHeld<T>(attempt: () => Promise<Held<T> | undefined>, timeoutMs: number): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const held = await attempt()
    if (held) return held.result
    if (performance.now() > end) throw new RoomfileError('room_busy')
    await delay(1 + Math.random() * 2)
  }
}

export class RoomLock {
  readonly #locate: () => string
  readonly #timeoutMs: number
  readonly #opened: () => void
  #fd: Descriptor | undefined
  /** The path of the open file `#fd`. */
  #path = ''

  /**
   * @param locate returns the present path of the lock's file
   * @param timeoutMs milliseconds that another process may hold the lock before `hold` fails
   * @param opened called each time the lock's file is used: it stays open from then on, until `close`
   */
  constructor(locate: () => string, timeoutMs: number, opened: () => void = () => {}) {
    this.#locate = locate
    this.#timeoutMs = timeoutMs
    this.#opened = opened
  }

  /** Runs `work` while this process has the lock. The caller must not call it twice at the same time. @throws RoomfileError `room_busy` */
  hold<T>(work: () => Promise<T>): Promise<T> {
    return untilHeld(() => this.attempt(work), this.#timeoutMs)
  }

  /** Runs `work` if no other process has the lock now. @returns undefined if one has */
  async attempt<T>(work: () => Promise<T>): Promise<Held<T> | undefined> {
    const fd = this.#lock()
    if (fd === undefined) return undefined
    try {
      return { result: await work() }
    } finally {
      unlock(fd)
    }
  }

  /** These few system calls are made on this thread, because they wait neither for the disk nor for another process. */
  #lock(): Descriptor | undefined {
    for (;;) {
      const fd = (this.#fd ??= this.#open())
      this.#opened()
      if (!tryLock(fd)) return undefined
      if (this.#isStillCurrent(fd)) return fd
      this.close() // the file was removed, or the room is elsewhere now: others use another lock
    }
  }

  #open(): Descriptor {
    this.#path = this.#locate()
    makeDirectory(dirname(this.#path))
    return openSync(this.#path, constants.O_RDWR | constants.O_CREAT)
  }

  /** @throws the system's error when this cannot be checked; the lock is released first */
  #isStillCurrent(fd: Descriptor): boolean {
    try {
      const named = statSync(this.#path, { throwIfNoEntry: false })
      return fstatSync(fd).ino === named?.ino && this.#path === this.#locate()
    } catch (error) {
      unlock(fd)
      throw error
    }
  }

  /** The path of the lock's file that was opened last. */
  get path(): string {
    return this.#path
  }

  /** Whether anything was ever recorded about the room. */
  exists(): boolean {
    return statSync(this.#locate(), { throwIfNoEntry: false }) !== undefined
  }

  /** What is recorded about the room. It may change at any time, unless the caller has the lock. */
  read(): Note {
    const text = this.#fd === undefined ? textAt(this.#locate()) : startOf(this.#fd)
    const [edited = 0, known = Infinity, before = 0, timestamp = 0, dropped = 0] = Array.from({ length: LINES }, (_, n) => lineAt(text, n))
    return { edited, known, before, standing: { timestamp, dropped } }
  }

  /** Records an edit, for other processes and for the time after a restart. Only under the lock. */
  async writeEdit({ edited, known, before }: NotedEdit): Promise<void> {
    if (this.#fd === undefined) return
    writeSync(this.#fd, asLines(edited, known, before), 0)
    await disk.makeLast(this.#fd)
  }

  /**
   * Records the room's standing, after its file says the same. There is no fsync: if a kill or a power cut leaves a standing that is older
   * than the file, it is not used. One synchronous write of a few microseconds, because it is part of each commit. Only under the lock.
   */
  writeStanding({ timestamp, dropped }: Standing): void {
    if (this.#fd !== undefined) writeSync(this.#fd, asLines(timestamp, dropped), EDIT_LINES * LINE)
  }

  close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) closeSync(fd)
  }
}

function asLines(...timestamps: readonly Timestamp[]): string {
  return timestamps.map((timestamp) => `${String(timestamp).padStart(DIGITS, '0')}\n`).join('')
}

/** The number in a line; undefined if it was never written. */
function lineAt(text: string, n: number): number | undefined {
  const digits = text.slice(n * LINE, n * LINE + DIGITS)
  return /^\d{16}$/.test(digits) ? Number(digits) : undefined
}

function startOf(fd: Descriptor): string {
  const buffer = Buffer.alloc(LINES * LINE)
  return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0))
}

function textAt(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    return unlessMissing(error as NodeJS.ErrnoException) ?? ''
  }
}
