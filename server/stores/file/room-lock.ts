/**
 * One room's lock between processes, and what a room's file cannot tell: when it was last edited by hand, what was known of it then, and where
 * the room stood before its file was changed while no process ran.
 * Both live in `.roomfile/<room>`, outside the level that is watched. The lock is the kernel's: it ends with the process that held it.
 * Knows nothing of what is done under it.
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

/** A fixed width, so that writing it anew is one write of a few bytes. */
const DIGITS = 16
const LINE = DIGITS + 1

/** The lines of an edit come first, those of the standing behind them. */
const EDIT_LINES = 3
const LINES = 5

/** An edit by hand, as the process that took it in wrote it down. */
export interface NotedEdit {
  /** The timestamp that the room got by it; 0 if there was none. */
  readonly edited: Timestamp
  /** Up to which message that process knew the room: what others were told after that, it could neither put back nor keep. */
  readonly known: Timestamp
  /** The edit that was written down before. */
  readonly before: Timestamp
}

export interface Note extends NotedEdit {
  readonly standing: Standing
}

/** What was done under a lock. */
export interface Held<T> {
  readonly result: T
}

/** Attempts to hold a lock again and again, for so many milliseconds. @throws RoomfileError `room_busy` */
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
  /** Where `#fd` was opened. */
  #path = ''

  /**
   * @param locate where the lock's file is at the moment
   * @param timeoutMs milliseconds that another process may hold the lock before `hold` fails
   * @param opened called each time that the lock's file is needed, and open from then on until `close`
   */
  constructor(locate: () => string, timeoutMs: number, opened: () => void = () => {}) {
    this.#locate = locate
    this.#timeoutMs = timeoutMs
    this.#opened = opened
  }

  /** Runs `work` while no other process may. One at a time within a process, too: the caller sees to that. @throws RoomfileError `room_busy` */
  hold<T>(work: () => Promise<T>): Promise<T> {
    return untilHeld(() => this.attempt(work), this.#timeoutMs)
  }

  /** Runs `work` if no other process has the lock at this moment. @returns undefined if one has */
  async attempt<T>(work: () => Promise<T>): Promise<Held<T> | undefined> {
    const fd = this.#lock()
    if (fd === undefined) return undefined
    try {
      return { result: await work() }
    } finally {
      unlock(fd)
    }
  }

  /** Its few system calls are made here: none of them waits for a disk, or for another process. */
  #lock(): Descriptor | undefined {
    for (;;) {
      const fd = (this.#fd ??= this.#open())
      if (!tryLock(fd)) return undefined
      if (this.#isStillCurrent(fd)) {
        this.#opened()
        return fd
      }
      this.close() // somebody removed the lock's file, or the room lies elsewhere now: others would lock another one
    }
  }

  #open(): Descriptor {
    this.#path = this.#locate()
    makeDirectory(dirname(this.#path))
    return openSync(this.#path, constants.O_RDWR | constants.O_CREAT)
  }

  /** @throws the system's error where nobody can say: then the lock is free again */
  #isStillCurrent(fd: Descriptor): boolean {
    try {
      const named = statSync(this.#path, { throwIfNoEntry: false })
      return fstatSync(fd).ino === named?.ino && this.#path === this.#locate()
    } catch (error) {
      unlock(fd)
      throw error
    }
  }

  /** Where the lock is that was held last. */
  get path(): string {
    return this.#path
  }

  /** Whether anything was ever written down of the room. */
  exists(): boolean {
    return statSync(this.#locate(), { throwIfNoEntry: false }) !== undefined
  }

  /** What was written down of the room. It may change unless we hold the lock. */
  read(): Note {
    const text = this.#fd === undefined ? textAt(this.#locate()) : startOf(this.#fd)
    const [edited = 0, known = Infinity, before = 0, timestamp = 0, dropped = 0] = Array.from({ length: LINES }, (_, n) => lineAt(text, n))
    return { edited, known, before, standing: { timestamp, dropped } }
  }

  /** Writes down an edit, to survive a restart, and for other processes. Only under the lock. */
  async writeEdit({ edited, known, before }: NotedEdit): Promise<void> {
    if (this.#fd === undefined) return
    writeSync(this.#fd, asLines(edited, known, before), 0)
    await disk.makeLast(this.#fd)
  }

  /**
   * Writes down where the room stands, once its file says so. It is not made to last: one that a kill or a power cut left older than the file
   * is not believed. One synchronous write of a few microseconds: it is part of each commit. Only under the lock.
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

/** The number in a line, undefined where it was never written. */
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
