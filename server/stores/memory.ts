/**
 * Rooms in memory: the rules without a disk. It is gone with the process, and nobody else can write to it.
 * The floor that benchmarks measure the file store against, and a second witness for the store contract.
 */
import { randomBytes } from 'node:crypto'
import { commit, EMPTY, type Backlog, type Limits } from '../backlog.ts'
import { lineOf } from '../message.ts'
import type { RoomName } from '../room-name.ts'
import type { Store } from '../store.ts'
import { KEY_BYTES } from './secret.ts'

export function memoryStore(limits: Limits): Store {
  const rooms = new Map<RoomName, Backlog>()
  const secret = randomBytes(KEY_BYTES)
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
      const lines = backlog?.messages.map((message) => `${lineOf(message)}\n`)
      return Promise.resolve(backlog && lines && { bytes: Buffer.from(lines.join('')), timestamp: backlog.timestamp })
    },
    secret: () => Promise.resolve(secret),
    watch() {},
    release: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
