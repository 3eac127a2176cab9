/**
 * The HTTP server: how its connections are kept, and when they are cut. It limits clients that open many connections, send nothing, send slowly,
 * or never take their answer. When the server stops, every client gets an answer.
 * Knows sockets and their time; knows nothing of what is asked and answered.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { BUDGETS } from '../budgets.ts'
import { clientAddress } from './client-address.ts'
import { RoomfileError, type ErrorCode } from '../errors.ts'
import { sendError } from './http.ts'
import type { Times } from '../times.ts'

/** How often connections are closed that have become idle while the server stops. */
const SWEEP_MS = 50

export interface Connections {
  readonly server: Server
  /** Answers whatever is under way, after `endWaits`, and stops listening. Resolves when nothing is left open. */
  close(endWaits: () => void): Promise<void>
}

export interface ConnectionsOptions {
  /** Bytes that the head of a request may have. */
  readonly maxHeaderSize: number
  /** Whether those of this address are counted as one client's. */
  readonly counts: (address: string) => boolean
  readonly times: Times
}

export function connections(site: RequestListener, { maxHeaderSize, counts, times }: ConnectionsOptions): Connections {
  const answering = new Set<ServerResponse>()
  const files = mostFiles()
  const most = Math.floor(files * BUDGETS.connections)
  const share = Math.floor(most * BUDGETS.connectionsOfAddress)
  const toBeTold = Math.floor(files * BUDGETS.connectionsTold)
  /** Those who came when it was full, or when their address had its share: what they are told. */
  const surplus = new WeakMap<Socket, ErrorCode>()
  /** How many an address has of the others. */
  const byAddress = new Map<string, number>()
  /** Those that are open, but for those that are to be told that it is full. */
  const open = new Set<Socket>()
  let openToBeTold = 0
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
    // The request is complete: however long its work takes here, the client is not cut off.
    req.once('end', () => res.writableEnded || req.socket.setTimeout(0))
    res.once('prefinish', () => req.socket.setTimeout(times.stall)) // a poll rested until here: now its answer has to be taken
    if (closing) res.shouldKeepAlive = false
    const code = surplus.get(req.socket)
    if (code) sendError(res, new RoomfileError(code, undefined, { headers: { Connection: 'close' } }))
    else site(req, res)
  })
  server.timeout = times.stall
  server.on('connection', (socket) => {
    const remote = socket.remoteAddress ?? ''
    const address = clientAddress(remote)
    const ofAddress = byAddress.get(address) ?? 0
    const code = open.size >= most ? 'too_busy' : counts(remote) && ofAddress >= share ? 'too_many_connections' : undefined
    if (code === undefined) {
      open.add(socket)
      byAddress.set(address, ofAddress + 1)
      socket.once('close', () => letGo(socket, address))
    } else if (openToBeTold < toBeTold) {
      openToBeTold += 1
      surplus.set(socket, code)
      socket.once('close', () => (openToBeTold -= 1))
    } else socket.destroy()
  })

  function letGo(socket: Socket, address: string): void {
    open.delete(socket)
    const left = (byAddress.get(address) ?? 1) - 1
    if (left > 0) byAddress.set(address, left)
    else byAddress.delete(address)
  }

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
