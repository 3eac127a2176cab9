/** A server that is made up: it answers what a test wants a client to hear. Knows no protocol. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { ExecutionContext } from 'ava'
import { connect, type ConnectOptions, type Connection } from '../../client/api/client.ts'
import { TEST_LIMIT_MS } from './limits.ts'

export type Answer = (res: ServerResponse, req: IncomingMessage) => unknown

export const parks: Answer = () => undefined
export const drops: Answer = (res) => res.destroy()

export const says =
  (body: string | Buffer, status = 200, headers: Record<string, string> = {}): Answer =>
  (res) =>
    res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(body)

export const gives = (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  says(JSON.stringify(body), status, headers)

/** Notes the JSON that was posted, then answers. */
export const noting =
  (posted: unknown[], answer: Answer): Answer =>
  async (res, req) => {
    posted.push(await json(req))
    await answer(res, req)
  }

export interface MadeUp {
  readonly url: string
  /** What came: `GET /chat/rooms?poll=lobby:0&wait=0`. */
  readonly asked: readonly string[]
  /** Connects to the lobby, until the test ends or `ends` is aborted. */
  readonly join: (options?: Partial<ConnectOptions>) => Connection
  readonly ends: AbortController
}

/** Starts a server that gives its answers in turn, and the last one again and again. */
export async function madeUp(t: ExecutionContext, ...answers: Answer[]): Promise<MadeUp> {
  t.timeout(TEST_LIMIT_MS)
  const asked: string[] = []
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`)
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    void answer?.(res, req)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ends = new AbortController()
  t.teardown(() => {
    ends.abort()
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const join = (options: Partial<ConnectOptions> = {}): Connection =>
    connect(`${url}/chat/`, { room: 'lobby', retryDelay: 1, signal: ends.signal, ...options })
  return { url, asked, join, ends }
}
