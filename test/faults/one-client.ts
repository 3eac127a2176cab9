/**
 * What one client can do at its worst, from an address of its own: each attack is a function, run in a thread beside two people who talk. Knows requests; knows nothing of how the server bears them.
 */
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { parentPort } from 'node:worker_threads'

export interface Orders {
  readonly attack: keyof typeof ATTACKS
  readonly url: string
  /** Another address of this machine than the one from which people talk, and the one of the attack before. */
  readonly address: string
  /** How large it is: 1 in `npm test`, more in `npm run test:faults`. */
  readonly size: number
}

/** What came of it: how many requests were made, and how many were refused. */
export interface Outcome {
  readonly tried: number
  readonly refused: number
}

let localAddress: string
let agent: Agent
let tried = 0
let refused = 0

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const JSON_TYPE = { 'Content-Type': 'application/json' }

interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** One request, whatever its answer; resolves to the status, 0 when the connection was cut. The answer is read and thrown away. */
function ask(url: string, { method, headers = {}, body }: Ask = {}): Promise<number> {
  tried += 1
  return new Promise((resolve) => {
    const req = request(url, { agent, method: method ?? (body === undefined ? 'GET' : 'POST'), headers: { ...headers } }, (res) => {
      res.resume()
      res.once('close', () => {
        if ((res.statusCode ?? 0) >= 400) refused += 1
        resolve(res.statusCode ?? 0)
      })
    })
    req.once('error', () => {
      refused += 1
      resolve(0)
    })
    req.end(body)
  })
}

const post = (url: string, room: string, fields: object): Promise<number> =>
  ask(`${url}/rooms/${room}`, { headers: JSON_TYPE, body: JSON.stringify(fields) })

/** Asks all of them, twenty at a time. */
async function all(count: number, each: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      while (next < count) await each(next++)
    }),
  )
}

/** Connections that ask for something and never take the answer. */
async function neverTake(url: string, path: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let n = 0; n < count; n++) {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress })
    socket.on('error', () => (refused += 1))
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    socket.pause()
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    tried += 1
    sockets.push(socket)
  }
  return sockets
}

/** A table of as many columns as 16 KiB hold. */
const TABLE = `${'|a'.repeat(2700)}|\n${'|-'.repeat(2700)}|\n${'|\n'.repeat(24)}`.slice(0, 16_000)

/** Texts on which a careless pattern goes back and forth. */
const TANGLED = [
  `<pre>a${' '.repeat(190_000)}b`,
  `<br>a${'\u2003'.repeat(20_000)}b`,
  `<b>${'<i>'.repeat(25_000)}`,
  '<a href=x>'.repeat(9000),
]

/** A hundred rooms that nobody made. */
const invented = (n: number): string => Array.from({ length: 100 }, (_, m) => `invented-${n}-${m}:1`).join(',')

export const ATTACKS = {
  'messages that render to a bomb': async (url: string, size: number) => {
    await all(40 * size, () => post(url, 'lobby', { msg: TABLE }))
    await all(10 * size, (n) =>
      n % 2 === 0
        ? ask(`${url}/comet.php`, { headers: FORM, body: 'timestamp=0' })
        : ask(`${url}/update`, { headers: FORM, body: `cursor=${n}-0` }),
    )
  },

  'HTML that takes long to read': (url: string, size: number) =>
    all(8 * size, (n) =>
      ask(`${url}/comet.php`, { headers: FORM, body: new URLSearchParams({ msg: TANGLED[n % TANGLED.length] ?? '' }).toString() }),
    ),

  'answers for timestamps that nobody has': async (url: string, size: number) => {
    await all(90, (n) => post(url, 'heavy', { msg: '\u0001'.repeat(16_000), cid: `heavy ${n}` }))
    await all(200 * size, (n) => ask(`${url}/rooms/heavy?timestamp=${1000 + n}`, { method: 'HEAD' }))
  },

  'posts with cids without end': (url: string, size: number) =>
    all(290 * size ** 2, (n) => post(url, 'cids', { msg: 'x', cid: `${n} `.padEnd(100, 'x') })),

  'slow readers of one large room, asked for as one of many': async (url: string, size: number) => {
    await all(90, () => post(url, 'large', { msg: '\u0001'.repeat(16_000) }))
    const sockets = await neverTake(url, '/rooms?poll=large:0&wait=0', 40 * size)
    await all(20 * size, () => ask(`${url}/rooms/large?wait=0`))
    for (const socket of sockets) socket.destroy()
  },

  'polls in rooms that nobody made': async (url: string, size: number) => {
    const sockets: Socket[] = []
    for (let n = 0; n < 20 * size; n++) sockets.push(...(await neverTake(url, `/rooms?poll=${invented(n)}&wait=60`, 1)))
    await all(100 * size, (n) => ask(`${url}/rooms/asked-for-${n}?wait=0`))
    for (const socket of sockets) socket.destroy()
  },

  'rooms, people and connections without end': async (url: string, size: number) => {
    await all(100 * size, (n) => post(url, `made-${n}`, { msg: 'x' }))
    await all(150 * size, (n) => ask(`${url}/rooms/lobby/sessions`, { headers: JSON_TYPE, body: JSON.stringify({ nick: `guest ${n}` }) }))
    await all(50 * size, () => ask(`${url}/rooms`))
    const sockets = await neverTake(url, '/rooms/lobby?wait=60&timestamp=1', 100 * size)
    for (const socket of sockets) socket.destroy()
  },

  'asking for the list of a directory with bad files': (url: string, size: number) => all(80 * size, () => ask(`${url}/rooms`)),
} satisfies Record<string, (url: string, size: number) => Promise<void>>

async function follow({ attack, url, address, size }: Orders): Promise<void> {
  localAddress = address
  agent = new Agent({ keepAlive: true, maxSockets: 20, localAddress })
  tried = refused = 0
  await ATTACKS[attack](url, size)
  agent.destroy()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage({ tried, refused } satisfies Outcome)
}

parentPort?.on('message', (orders: Orders) => void follow(orders))
