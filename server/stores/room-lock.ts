/**
 * One room's lock between processes, and the one fact about a room that its file cannot tell: when it was last edited by hand.
 * Both live in `.roomfile/<room>`, outside the level that is watched. The lock is the kernel's: it ends with the process that held it.
 * Knows nothing of what is done under it.
 */
import { constants } from 'node:fs'
import { open, readFile, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tryLock, unlock } from 'fs-native-extensions'
import { RoomfileError } from '../errors.ts'
import type { Timestamp } from '../message.ts'
import { makeDirectory, unlessMissing } from './durable.ts'

/** A fixed width, so that writing it anew is one write of a few bytes. */
const DIGITS = 16

export class RoomLock {
  readonly #path: string
  readonly #patience: number
  readonly #opened: () => void
  #handle: FileHandle | undefined

  /**
   * @param patience milliseconds that another process may hold the room before `hold` fails
   * @param opened called each time that the lock's file is needed, and open from then on until `close`
   */
  constructor(path: string, patience: number, opened: () => void = () => {}) {
    this.#path = path
    this.#patience = patience
    this.#opened = opened
  }

  /** Runs `work` while no other process may. One at a time within a process, too: the caller sees to that. @throws RoomfileError `room_busy` */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    const { fd } = await this.#lock()
    try {
      return await work()
    } finally {
      unlock(fd)
    }
  }

  async #lock(): Promise<FileHandle> {
    const end = performance.now() + this.#patience
    for (;;) {
      const handle = (this.#handle ??= await this.#open())
      while (!tryLock(handle.fd)) {
        if (performance.now() > end) throw new RoomfileError('room_busy')
        await delay(1 + Math.random() * 2)
      }
      if (await this.#isCurrent(handle)) {
        this.#opened()
        return handle
      }
      await this.close() // somebody removed the lock's file: others would lock another one
    }
  }

  async #open(): Promise<FileHandle> {
    await makeDirectory(dirname(this.#path))
    return open(this.#path, constants.O_RDWR | constants.O_CREAT)
  }

  async #isCurrent(handle: FileHandle): Promise<boolean> {
    const [held, named] = await Promise.all([handle.stat(), stat(this.#path).catch(() => undefined)])
    return held.ino === named?.ino
  }

  /** Whether anything was ever written down of the room. */
  async exists(): Promise<boolean> {
    return (await stat(this.#path).catch(unlessMissing)) !== undefined
  }

  /** When the room was last edited by hand, as it was last written down; 0 if never. It may change unless we hold the lock. */
  async readEdited(): Promise<Timestamp> {
    const text = this.#handle ? await readStart(this.#handle) : await readFile(this.#path, 'latin1').catch(unlessMissing)
    const edited = Number(text)
    return Number.isSafeInteger(edited) ? edited : 0
  }

  /** Writes down when the room was last edited by hand, to survive a restart. Only under the lock. */
  async writeEdited(edited: Timestamp): Promise<void> {
    await this.#handle?.write(`${String(edited).padStart(DIGITS, '0')}\n`, 0)
    await this.#handle?.sync()
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

async function readStart(handle: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(DIGITS)
  await handle.read(buffer, 0, DIGITS, 0)
  return buffer.toString('latin1')
}
