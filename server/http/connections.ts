/**
 * The HTTP server: limits and timeouts of its connections. It limits clients that open many connections, send nothing, send slowly, or do not
 * read their answer. When the server stops, every client gets an answer.
 * Knows sockets and timeouts; does not know what requests and answers say.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { BUDGETS } from '../budgets.ts'
import { clientAddress } from './client-address.ts'
import { RoomfileError, type ErrorCode } from '../errors.ts'
import { sendError } from './http.ts'
import type { Times } from '../times.ts'

/** While the server stops, idle connections are closed this often, in milliseconds. */
const SWEEP_MS = 50

export interface Connections {
  readonly server: Server
  /** Stops listening, calls `endWaits`, and lets all requests be answered. Resolves when no connection is open. */
  close(endWaits: () => void): Promise<void>
}

export interface ConnectionsOptions {
  /** The largest head of a request, in bytes. */
  readonly maxHeaderSize: number
  /** Whether the connections of this address count as one client's. */
  readonly counts: (address: string) => boolean
  readonly times: Times
}

export function connections(site: RequestListener, { maxHeaderSize, counts, times }: ConnectionsOptions): Connections {
  const answering = new Set<ServerResponse>()
  const files = maxOpenFiles()
  const maxOpen = Math.floor(files * BUDGETS.connections)
  const maxOfAddress = Math.floor(maxOpen * BUDGETS.connectionsOfAddress)
  const maxRefused = Math.floor(files * BUDGETS.connectionsTold)
  /** Connections beyond a limit, each with the error that answers its request. */
  const refused = new WeakMap<Socket, ErrorCode>()
  /** The number of accepted connections of each address. */
  const byAddress = new Map<string, number>()
  /** The accepted connections. */
  const open = new Set<Socket>()
  let refusedOpen = 0
  let closing = false
  const options = {
    keepAlive: true,
    keepAliveTimeout: times.keepAlive,
    headersTimeout: times.head,
    requestTimeout: times.request,
    connectionsCheckingInterval: times.check,
    maxHeaderSize,
  }
  function answered(this: ServerResponse): void {
    answering.delete(this)
  }
  /** From now on the client has to read its answer. */
  function mustBeRead(this: ServerResponse): void {
    this.req.socket.setTimeout(times.stall)
  }
  const server = createServer(options, (req, res) => {
    answering.add(res)
    res.on('close', answered)
    // The request is complete. While the server works on it, the connection has no timeout.
    req.on('end', () => res.writableEnded || req.socket.setTimeout(0))
    res.on('prefinish', mustBeRead)
    if (closing) res.shouldKeepAlive = false
    const code = refused.get(req.socket)
    if (code) sendError(res, new RoomfileError(code, undefined, { headers: { Connection: 'close' } }))
    else site(req, res)
  })
  server.timeout = times.stall
  server.on('connection', (socket) => {
    const remote = socket.remoteAddress ?? ''
    const address = clientAddress(remote)
    const ofAddress = byAddress.get(address) ?? 0
    const code = open.size >= maxOpen ? 'too_busy' : counts(remote) && ofAddress >= maxOfAddress ? 'too_many_connections' : undefined
    if (code === undefined) {
      open.add(socket)
      byAddress.set(address, ofAddress + 1)
      socket.once('close', () => forget(socket, address))
    } else if (refusedOpen < maxRefused) {
      refusedOpen += 1
      refused.set(socket, code)
      socket.once('close', () => (refusedOpen -= 1))
    } else socket.destroy()
  })

  function forget(socket: Socket, address: string): void {
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
      for (const res of answering) res.shouldKeepAlive = false // sends Connection: close
      endWaits()
      const sweep = setInterval(() => {
        // An answer whose head was sent before that has no such header: its connection is closed once it is idle.
        server.closeIdleConnections()
        // Browsers connect in advance. Node does not count a connection as idle that has not sent anything yet.
        for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
      }, SWEEP_MS)
      const timeout = setTimeout(() => server.closeAllConnections(), times.close)
      await closed
      clearInterval(sweep)
      clearTimeout(timeout)
    },
  }
}

/** How many files this process may have open. A connection is one of them. */
function maxOpenFiles(): number {
  const { userLimits } = process.report.getReport() as { userLimits: { open_files: { soft: number | 'unlimited' } } }
  const { soft } = userLimits.open_files
  return soft === 'unlimited' ? Infinity : soft
}
