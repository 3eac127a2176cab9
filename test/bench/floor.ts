/**
 * The least that a node:http server can do for a post and for parked polls: it checks nothing, and all polls wait for the next post to any room.
 * What is done with a message before it is answered is up to the process that this is part of: bare.ts, raw-writes.ts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FloorMessage {
  readonly id: string
  readonly timestamp: number
  readonly type: 'msg'
  readonly nick: string
  readonly msg: string
}

let parked: ServerResponse[] = []
let last = 0

function answer(res: ServerResponse, status: number, json: Buffer): void {
  res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': json.length, 'Cache-Control': 'no-store' })
  res.end(json)
}

function read(req: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => done(Buffer.concat(chunks).toString()))
}

/** Listens on a free port, and prints its address. @param keep what is done with a message. Its result is added to the poster's answer */
export function serveFloor(keep: (room: string, message: FloorMessage) => object): void {
  const post = (room: string, body: string, res: ServerResponse): void => {
    last = Math.max(Date.now(), last + 1)
    const { msg, nick } = JSON.parse(body) as { msg: string; nick: string }
    const message: FloorMessage = { id: `${last}-0`, timestamp: last, type: 'msg', nick, msg }
    const kept = keep(room, message)
    const woken = parked
    parked = []
    const news = Buffer.from(JSON.stringify({ timestamp: last, msg, messages: [message] }))
    for (const poll of woken) answer(poll, 200, news)
    answer(res, 201, Buffer.from(JSON.stringify({ id: message.id, timestamp: last, ...kept })))
  }
  const server = createServer({ keepAlive: true, keepAliveTimeout: 75_000 }, (req, res) => {
    if (req.method === 'GET') parked.push(res)
    else read(req, (body) => post((req.url ?? '').slice('/rooms/'.length), body, res))
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
  })
}
