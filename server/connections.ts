/**
 * The HTTP server: how its connections are kept, and when they are cut. What it bears of those who open many, say nothing, dribble,
 * or never take their answer; and an end that answers everyone.
 * Knows sockets and their time; knows nothing of what is asked and answered.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { RoomfileError } from './errors.ts'
import { sendError } from './http.ts'
import type { Times } from './times.ts'

/** The part of the open files that connections may take: the rest is for rooms and their locks. */
const FOR_CONNECTIONS = 0.75

/** The part for those beyond, who are let in to be told that it is full. All others are hung up on. */
const TO_BE_TOLD = 0.05

/** How often connections are closed that have become idle while the server stops. */
const SWEEP_MS = 50

export interface Connections {
  readonly server: Server
  /** Answers whatever is under way, after `endWaits`, and stops listening. Resolves when nothing is left open. */
  close(endWaits: () => void): Promise<void>
}

/** @param maxHeaderSize bytes that the head of a request may have */
export function connections(site: RequestListener, maxHeaderSize: number, times: Times): Connections {
  const answering = new Set<ServerResponse>()
  const files = mostFiles()
  /** Those who came when it was full. */
  const surplus = new WeakSet<Socket>()
  const open = new Set<Socket>()
  let closing = false
  const options = {
    keepAlive: true,
    keepAliveTimeout: times.keepAlive,
    headersTimeout: times.head,
    requestTimeout: times.request,
    connectionsCheckingInterval: times.check,
    maxHeaderSize,
  }
  const server = createServer(options, (req, res) => {
    answering.add(res)
    res.once('close', () => answering.delete(res))
    // All has been said: how long a post takes to be kept is our affair, and no reason to cut who waits for it.
    req.once('end', () => res.writableEnded || req.socket.setTimeout(0))
    res.once('prefinish', () => req.socket.setTimeout(times.stall)) // a poll rested until here: now its answer has to be taken
    if (closing) res.shouldKeepAlive = false
    if (surplus.has(req.socket)) return sendError(res, new RoomfileError('too_busy', undefined, { headers: { Connection: 'close' } }))
    site(req, res)
  })
  server.timeout = times.stall
  server.maxConnections = Math.floor(files * (FOR_CONNECTIONS + TO_BE_TOLD))
  server.on('connection', (socket) => {
    open.add(socket)
    if (open.size > files * FOR_CONNECTIONS) surplus.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return {
    server,
    async close(endWaits) {
      const closed = once(server, 'close')
      server.close()
      closing = true
      for (const res of answering) res.shouldKeepAlive = false // each of them says Connection: close
      endWaits()
      const sweep = setInterval(() => {
        // An answer whose head is out already could not say so: its connection is closed once it is idle.
        server.closeIdleConnections()
        // Browsers connect in advance. For Node that is no idle connection: one that has said nothing may still be about to.
        for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
      }, SWEEP_MS)
      const cut = setTimeout(() => server.closeAllConnections(), times.close)
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
