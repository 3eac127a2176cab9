/**
 * The floor: the least that a node:http server can do for a post and for parked polls. A process of its own, started by servers.ts.
 * Keeps nothing, checks nothing: whatever is faster than this is not made of node:http.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

let parked: ServerResponse[] = []
let last = 0

function answer(res: ServerResponse, status: number, json: Buffer): void {
  res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': json.length, 'Cache-Control': 'no-store' })
  res.end(json)
}

function post(body: string, res: ServerResponse): void {
  last = Math.max(Date.now(), last + 1)
  const woken = parked
  parked = []
  const { msg, nick } = JSON.parse(body) as { msg: string; nick: string }
  const message = { id: `${last}-0`, timestamp: last, type: 'msg', nick, msg }
  const news = Buffer.from(JSON.stringify({ timestamp: last, msg, messages: [message] }))
  for (const poll of woken) answer(poll, 200, news)
  answer(res, 201, Buffer.from(JSON.stringify({ id: message.id, timestamp: last })))
}

function read(req: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => done(Buffer.concat(chunks).toString()))
}

const server = createServer({ keepAlive: true, keepAliveTimeout: 75_000 }, (req, res) => {
  if (req.method === 'GET') parked.push(res)
  else read(req, (body) => post(body, res))
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
})
