/**
 * Rooms in memory: the rules without a disk. It is gone with the process, and nobody else can write to it.
 * The floor that benchmarks measure the file store against, and a second witness for the store contract.
 */
import { commit, EMPTY, type Backlog, type Limits } from '../backlog.ts'
import { lineOf } from '../message.ts'
import type { RoomName } from '../room-name.ts'
import type { Store } from '../store.ts'

export function memoryStore(limits: Limits): Store {
  const rooms = new Map<RoomName, Backlog>()
  /** One copy for all who ask, however slowly they take it. */
  const files = new WeakMap<Backlog, Buffer>()
  const bytesOf = (backlog: Backlog): Buffer => {
    const bytes = files.get(backlog) ?? Buffer.from(backlog.messages.map((message) => `${lineOf(message)}\n`).join(''))
    files.set(backlog, bytes)
    return bytes
  }
  return {
    read: (room) => Promise.resolve(rooms.get(room) ?? EMPTY),
    append(room, drafts) {
      const appended = commit(rooms.get(room) ?? EMPTY, drafts, limits, Date.now())
      rooms.set(room, appended.backlog)
      return Promise.resolve(appended)
    },
    list() {
      const names = [...rooms].map(([name, { timestamp, messages }]) => ({ name, timestamp, messages: messages.length }))
      return Promise.resolve(names.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    },
    file(room) {
      const backlog = rooms.get(room)
      return Promise.resolve(backlog && { bytes: bytesOf(backlog), timestamp: backlog.timestamp })
    },
    watch() {},
    isAt: (room, timestamp) => Promise.resolve((rooms.get(room) ?? EMPTY).timestamp === timestamp),
    letGo() {}, // here is the only place that they are
    release: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
