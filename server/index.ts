/**
 * The server as a library: puts the store, the rooms and the HTTP server together, and closes them in order. Reads no arguments and ends no process: command/serve.ts does.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import proxyAddr from 'proxy-addr'
import { app } from './http/app.ts'
import { checkedConfig, isLoopback, type Config } from './config.ts'
import { connections } from './http/connections.ts'
import { guard } from './http/guard.ts'
import { sendLargeBy, type SendLarge } from './http/http.ts'
import { Memory } from './room/memory.ts'
import { pageHandler } from './http/page.ts'
import { rateLimit } from './http/rate-limit.ts'
import { Rooms } from './room/rooms.ts'
import type { Store } from './stores/store.ts'
import { fileStore } from './stores/file/file-store.ts'
import { memoryStore } from './stores/memory.ts'
import { checkedTimes, type Times } from './times.ts'
import { warnTo, type Log, type Warn } from './warn.ts'

export type { Config } from './config.ts'
export type { Message, MessageId, MessageType, Timestamp } from './room/message.ts'
export type { Log } from './warn.ts'

/** node_chat sends messages in the request line, where a byte takes up to three: `%3C`. */
const LONGEST_ESCAPE = 3
const OTHER_HEADERS = 16 * 1024

const SILENT: Log = { warn: () => undefined }

export interface Roomfile {
  /** Its address: `http://localhost:8080`. */
  readonly url: string
  readonly port: number
  /** How many rooms are in memory, and how many bytes of them can be dropped (`memory`). */
  readonly held: () => { readonly rooms: number; readonly memory: number }
  /** Answers every parked poll, lets commits finish, and stops listening. Resolves when nothing is left open. */
  close(): Promise<void>
}

/**
 * Starts a server.
 * @param options what differs from the defaults of the command line; `port: 0` takes a free port
 * @param log receives warnings; none are logged without it
 * @param times durations that differ from the usual ones: for tests
 * @throws TypeError for an option that does not exist, or an invalid value: before anything is opened
 * @throws the system's error when the directory cannot be used or the port is taken
 * @example
 * const server = await roomfile({ dataDir: '/tmp/rooms', port: 0 })
 * await fetch(`${server.url}/rooms/lobby`, { method: 'POST', body: 'hello' })
 * await server.close()
 */
export async function roomfile(options: Partial<Config> = {}, log: Log = SILENT, times: Partial<Times> = {}): Promise<Roomfile> {
  const config = checkedConfig(options)
  const durations = checkedTimes(times)
  const warn = warnTo(log, durations.silence)
  const frameAncestors = config.frameAncestors.map((who) => (who === 'self' || who === 'none' ? `'${who}'` : who)).join(' ')
  const page = pageHandler({ own: config.client, frameAncestors, shared: config.cors.length > 0 })
  const limit = rateLimit({ postsPerSecond: config.rateLimit, trustProxy: config.trustProxy })
  const isLocal = isLoopback(config.host) && config.trustProxy.length === 0
  const entrance = guard({ token: config.token, cors: config.cors, isLocal, frameAncestors, rateLimit: limit })
  const store = await openStore(config, durations, warn)
  const memory = new Memory(config.memory)
  const rooms = new Rooms({ store, memory, leaseMs: config.lease * 1000, maxPeople: config.maxPeople, times: durations, warn })
  const site = app({ guard: entrance, rooms, store, limits: config, times: durations, rateLimit: limit, page, warn })
  const open = connections(site, {
    maxHeaderSize: config.maxMessage * LONGEST_ESCAPE + OTHER_HEADERS,
    counts: countsConnections(config),
    times: durations,
  })
  const sendLarge: SendLarge = (req, write) => limit.answer(req, write)
  open.server.on('connection', (socket) => sendLargeBy(socket, sendLarge))
  try {
    open.server.listen(config.port, config.host)
    await once(open.server, 'listening')
  } catch (error) {
    rooms.endWaits()
    await store.close()
    throw error
  }
  const { port } = open.server.address() as AddressInfo
  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`,
    port,
    held: () => ({ rooms: rooms.size, memory: memory.bytes }),
    async close() {
      await open.close(() => {
        rooms.endWaits()
        limit.endWaits()
      })
      await rooms.endSessions()
      await store.close()
    },
  }
}

/** Whether the connections of an address count as one client's: not those of a trusted proxy, which has many clients. */
function countsConnections({ rateLimit: postsPerSecond, trustProxy }: Config): (address: string) => boolean {
  const isProxy = proxyAddr.compile([...trustProxy])
  return (address) => postsPerSecond > 0 && !isProxy(address, 0)
}

function openStore(config: Config, times: Times, warn: Warn): Promise<Store> | Store {
  const { maxRooms, aside: asideMs } = config
  return config.store === 'memory'
    ? memoryStore(config, maxRooms)
    : fileStore({ directory: config.dataDir, limits: config, maxRooms, asideMs, times, warn })
}
