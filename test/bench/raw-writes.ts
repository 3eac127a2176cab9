/**
 * The floor with a disk, a process of its own, started by servers.ts: each post writes the room's whole file with write-file-atomic's sync form, on
 * the main thread, one post after the other. Knows no locks, no edits by others and no shared commits. Its answers say what the write alone took.
 */
import { readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { syncDirectory, unlessMissing } from '../../server/stores/file/durable.ts'
import { serveFloor } from './floor.ts'

/** What one write took, without the request and the making of the text. */
export interface Write {
  readonly writeMs: number
  readonly writeCpuMs: number
}

const [directory = '', backlog] = process.argv.slice(2)
const rooms = new Map<string, string[]>()

function linesIn(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n')
  } catch (error) {
    unlessMissing(error as NodeJS.ErrnoException)
    return []
  }
}

function write(path: string, text: string, timestamp: number): Write {
  const begin = performance.now()
  const before = process.threadCpuUsage()
  writeFileAtomic.sync(path, text, {})
  utimesSync(path, timestamp / 1000, timestamp / 1000)
  syncDirectory(directory)
  const { user, system } = process.threadCpuUsage(before)
  return { writeMs: performance.now() - begin, writeCpuMs: (user + system) / 1000 }
}

serveFloor((room, message) => {
  const path = join(directory, `${room}.jsonl`)
  const lines = [...(rooms.get(room) ?? linesIn(path)), JSON.stringify(message)].slice(-Number(backlog))
  rooms.set(room, lines)
  return write(path, `${lines.join('\n')}\n`, message.timestamp)
})
