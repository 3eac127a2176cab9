/** A network that fails as a test wants it: between a client and the real server. It sees each request, and may lose its answer. */
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'

export interface Proxy {
  readonly url: string
  /** What came through, as `POST /rooms/lobby`, without queries. */
  readonly asked: string[]
  /** How many polls wait at this moment, and what the latest one asked for. */
  readonly polls: { now: number; latest: string }
  /** Decides whether the answer to a request is lost, after the server has given it. */
  loses: (req: IncomingMessage) => boolean
  /** Decides whether a request gets no further. */
  stops: (req: IncomingMessage) => boolean
  /** Where requests go; undefined while there is no server: then it hangs up, */
  target: string | undefined
  /** or, as proxies do, answers 503 and asks for so many seconds of patience. */
  retryAfter: number | undefined
}

export async function proxy(t: ExecutionContext, target: string): Promise<Proxy> {
  const forward = (req: IncomingMessage, res: ServerResponse): void => {
    const loses = network.loses(req)
    const onward = request(`${network.target}${req.url}`, { method: req.method, headers: req.headers }, (answer) => {
      if (loses) answer.resume().on('end', () => res.destroy())
      else answer.pipe(res.writeHead(answer.statusCode ?? 500, answer.headers))
    })
    onward.on('error', () => res.destroy())
    res.once('close', () => onward.destroy())
    req.pipe(onward)
  }
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '', 'http://localhost')
    network.asked.push(`${req.method} ${url.pathname}`)
    const poll = url.searchParams.get('poll')
    if (poll !== null) {
      network.polls.latest = poll
      network.polls.now += 1
      res.once('close', () => (network.polls.now -= 1))
    }
    if (network.target !== undefined && !network.stops(req)) forward(req, res)
    else if (network.retryAfter !== undefined) res.writeHead(503, { 'Retry-After': network.retryAfter }).end()
    else res.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const network: Proxy = {
    url,
    asked: [],
    polls: { now: 0, latest: '' },
    loses: () => false,
    stops: () => false,
    target,
    retryAfter: undefined,
  }
  return network
}
