/**
 * The HTTP server: how its connections are kept, and when they are cut. What it bears of those who open many, say nothing, dribble,
 * or never take their answer; and an end that answers everyone.
 * Knows sockets and their time; knows nothing of what is asked and answered.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { RoomfileError } from './errors.ts'
import { sendError, STALL_MS } from './http.ts'

/** Long polls come one after the other on one connection: it must outlive the pause between two (Node's own default is 5 s). */
const KEEP_ALIVE_MS = 75_000

/** How long a client may take to say what it wants: the head of a request, and all of it. */
const HEAD_MS = 15_000
const REQUEST_MS = 60_000

/** How often that is looked after. */
const CHECK_MS = 5000

/** The part of the open files that connections may take: the rest is for rooms and their locks. */
const FOR_CONNECTIONS = 0.75

/** The part for those beyond, who are let in to be told that it is full. All others are hung up on. */
const TO_BE_TOLD = 0.05

/** How long a client may take to fetch its last answer before its connection is cut. */
const CLOSE_MS = 3000
const SWEEP_MS = 50

export interface Connections {
  readonly server: Server
  /** Answers whatever is under way, after `endWaits`, and stops listening. Resolves when nothing is left open. */
  close(endWaits: () => void): Promise<void>
}

/** @param maxHeaderSize bytes that the head of a request may have */
export function connections(site: RequestListener, maxHeaderSize: number): Connections {
  const answering = new Set<ServerResponse>()
  const files = mostFiles()
  /** Those who came when it was full. */
  const surplus = new WeakSet<Socket>()
  let open = 0
  let closing = false
  const options = {
    keepAlive: true,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: HEAD_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize,
  }
  const server = createServer(options, (req, res) => {
    answering.add(res)
    res.once('close', () => answering.delete(res))
    if (closing) res.shouldKeepAlive = false
    if (surplus.has(req.socket)) return sendError(res, new RoomfileError('too_busy', undefined, { headers: { Connection: 'close' } }))
    site(req, res)
  })
  server.timeout = STALL_MS
  server.maxConnections = Math.floor(files * (FOR_CONNECTIONS + TO_BE_TOLD))
  server.on('connection', (socket) => {
    open += 1
    if (open > files * FOR_CONNECTIONS) surplus.add(socket)
    socket.once('close', () => (open -= 1))
  })
  return {
    server,
    async close(endWaits) {
      const closed = once(server, 'close')
      server.close()
      closing = true
      for (const res of answering) res.shouldKeepAlive = false // each of them says Connection: close
      endWaits()
      // An answer whose head is out already could not say so: its connection is closed once it is idle.
      const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
      const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
      await closed
      clearInterval(sweep)
      clearTimeout(cut)
    },
  }
}

/** How many files this process may open; a connection is one. */
function mostFiles(): number {
  const { userLimits } = process.report.getReport() as { userLimits: { open_files: { soft: number | 'unlimited' } } }
  const { soft } = userLimits.open_files
  return soft === 'unlimited' ? Infinity : soft
}
