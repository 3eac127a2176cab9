/**
 * Rooms in memory: the same rules without a disk. They are gone when the process ends, and no other program can write to them.
 * Benchmarks compare the file store with it, and it is a second store for the test of the contract.
 */
import { randomBytes } from 'node:crypto'
import { commit, EMPTY, type Backlog, type Limits } from '../room/backlog.ts'
import { RoomfileError } from '../errors.ts'
import { lineOf } from '../room/message.ts'
import { LOBBY, type RoomName } from '../room/room-name.ts'
import type { Store } from './store.ts'
import { KEY_BYTES } from './file/secret.ts'

/** @param maxRooms the limit of rooms: at this number, a post makes no new one */
export function memoryStore(limits: Limits, maxRooms = Infinity): Store {
  const rooms = new Map<RoomName, Backlog>()
  const secret = randomBytes(KEY_BYTES)
  /** All callers share one copy, however slowly their clients read it. */
  const files = new WeakMap<Backlog, Buffer>()
  const bytesOf = (backlog: Backlog): Buffer => {
    const bytes = files.get(backlog) ?? Buffer.from(backlog.messages.map((message) => `${lineOf(message)}\n`).join(''))
    files.set(backlog, bytes)
    return bytes
  }
  return {
    read: (room) => Promise.resolve(rooms.get(room) ?? EMPTY),
    append(room, drafts) {
      if (!rooms.has(room) && room !== LOBBY && rooms.size >= maxRooms) return Promise.reject(new RoomfileError('too_many_rooms'))
      const appended = commit(rooms.get(room) ?? EMPTY, drafts, limits, Date.now())
      rooms.set(room, appended.backlog)
      return Promise.resolve(appended)
    },
    list({ after = '', limit = Infinity } = {}) {
      const found = [...rooms].filter(([name]) => name > after).toSorted(([a], [b]) => (a < b ? -1 : 1))
      return Promise.resolve(
        found.slice(0, limit).map(([name, { timestamp, messages }]) => ({ name, timestamp, messages: messages.length })),
      )
    },
    has: (room) => Promise.resolve(rooms.has(room)),
    file(room) {
      const backlog = rooms.get(room)
      return Promise.resolve(backlog && { bytes: bytesOf(backlog), timestamp: backlog.timestamp })
    },
    secret: () => Promise.resolve(secret),
    watch() {},
    attend() {},
    isAt: (room, timestamp) => Promise.resolve((rooms.get(room) ?? EMPTY).timestamp === timestamp),
    letGo() {}, // they could not be read again
    release: () => Promise.resolve(),
    check: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
