/** Crowds that come and go, say nothing, or never take their answer: the room goes on for everyone else, and all that they took is given back. */
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { sized, tell } from '../helpers/attack.ts'
import { Follower, poll, post } from '../helpers/chat.ts'
import { heapOf, INSPECTED } from '../helpers/heap.ts'
import { serveProcess, type ServedProcess } from '../helpers/serve.ts'

const PARKED = sized(2000, 10_000)
const CUT_SECONDS = sized(3, 60)
const CUTS_A_SECOND = 2000
const SLOW_READERS = sized(200, 500)
const DRIBBLERS = sized(300, 3000)

/** Connections are made in steps, fewer than a server's backlog at once. */
const AT_ONCE = 100

/** How often those who dribble send a byte, in ms. */
const DRIBBLE = 500

const head = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`

async function dial({ url }: ServedProcess): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.on('error', () => socket.destroy()) // being cut is what they are here for
  return socket
}

async function dialMany(t: ExecutionContext, server: ServedProcess, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  while (sockets.length < count)
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () => dial(server)))))
  return sockets
}

/** What a process holds at the moment. */
async function held({ process }: ServedProcess): Promise<{ files: number; mib: number }> {
  const files = (await readdir(`/proc/${process.pid}/fd`)).length
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${process.pid}/status`, 'utf8')) ?? []
  return { files, mib: Math.round(Number(kib) / 1024) }
}

/** Resolves once the server has no more files open than that. A server that keeps them lets the test run into its timeout. */
async function untilGivenBack(server: ServedProcess, files: number): Promise<{ files: number; mib: number }> {
  for (;;) {
    const now = await held(server)
    if (now.files <= files) return now
    await delay(20)
  }
}

interface Bystanders {
  readonly server: ServedProcess
  /** What the server held before the crowd came. */
  readonly before: { files: number; mib: number }
  /** One says something, the other hears it. */
  readonly talk: () => Promise<void>
  /** Ends the attack: everything is given back, and the table hears of it. */
  readonly end: (attack: string, tried: number, more?: string) => Promise<void>
}

/** A server, and two people in a room who must not notice anything. */
async function serveBystanders(
  t: ExecutionContext,
  {
    args = [],
    under,
    prepare,
  }: { args?: readonly string[]; under?: readonly string[]; prepare?: (server: ServedProcess) => Promise<unknown> } = {},
): Promise<Bystanders> {
  const server = await serveProcess(t, ['--rate-limit', 'off', ...args], undefined, under)
  const alice = await new Follower(server.url, 'lobby').start()
  const bob = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(async () => {
    bob.destroy()
    await alice.stop()
  })
  const said: string[] = []
  const talk = async (): Promise<void> => {
    const msg = `still here ${said.length}`
    await post(server.url, 'lobby', { msg }, bob)
    said.push(msg)
    await alice.until(({ texts }) => texts.at(-1) === msg)
  }
  await talk()
  await prepare?.(server)
  const before = await held(server)
  return {
    server,
    before,
    talk,
    async end(attack, tried, more = '') {
      const after = await untilGivenBack(server, before.files)
      await talk()
      t.deepEqual(alice.texts, said)
      const files = `files ${before.files}, then ${after.files}`
      tell(t, { attack, tried, acknowledged: said.length, lost: 0, more: `${files}; MiB ${before.mib}, ${more}then ${after.mib}` })
    },
  }
}

test(`${PARKED} polls are parked, woken and cut, three times: each is answered, and everything is given back`, async (t) => {
  const { server, before, talk, end } = await serveBystanders(t, { under: INSPECTED })
  const heap = await heapOf(server)
  const most: number[] = []
  for (let wave = 0; wave < 3; wave++) {
    const sockets = await dialMany(t, server, PARKED)
    const { timestamp } = await poll(server.url, 'lobby', { wait: 0 })
    const answered = sockets.map(async (socket) => {
      socket.write(head(`/rooms/lobby?timestamp=${timestamp}&wait=60`))
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      return chunk.includes('still here')
    })
    await talk()
    t.true((await Promise.all(answered)).every(Boolean))
    most.push((await held(server)).mib)
    for (const socket of sockets) socket.destroy()
    await untilGivenBack(server, before.files)
  }
  const heapAfter = await heapOf(server)
  t.true(heapAfter < heap + 5, `${heapAfter} MiB of live objects, after ${heap}`)
  const live = `live ${heap.toFixed(1)}, then ${heapAfter.toFixed(1)}`
  await end(`${PARKED} parked polls, three times`, 3 * PARKED, `at most ${most.join(', ')}, ${live}, `)
})

test(`${CUTS_A_SECOND} connections a second come and are cut, for ${CUT_SECONDS} s: nobody else notices`, async (t) => {
  const { server, talk, end } = await serveBystanders(t)
  const begin = performance.now()
  const seconds = (): number => (performance.now() - begin) / 1000
  let tried = 0
  const cut = async (): Promise<void> => {
    const socket = await dial(server)
    socket.write(head('/rooms/lobby?wait=60&timestamp=9').slice(0, 20 + (tried % 60))) // some in the middle of what they say
    setImmediate(() => socket.destroy())
  }
  const cuts: Promise<void>[] = []
  while (seconds() < CUT_SECONDS) {
    while (tried < Math.min(seconds(), CUT_SECONDS) * CUTS_A_SECOND && tried % AT_ONCE !== AT_ONCE - 1) tried = cuts.push(cut())
    await Promise.all([talk(), ...cuts.slice(-AT_ONCE)])
    tried = cuts.push(cut())
  }
  await Promise.all(cuts)
  const rate = Math.round(tried / seconds())
  await end(`connections cut, ${rate} a second for ${CUT_SECONDS} s`, tried)
})

test(`${SLOW_READERS} clients never take an answer of 24 MB: it is kept once for all of them, and they are cut`, async (t) => {
  const { server, before, talk, end } = await serveBystanders(t, {
    args: ['--max-message', '128k', '--max-file', '32m'], // more than the system's buffers hold of one answer
    async prepare({ url, file }) {
      await writeFile(file('big'), Array.from({ length: 200 }, (_, n) => `${n} ${'x'.repeat(120_000)}\n`).join(''))
      await poll(url, 'big', { wait: 0 }, { agent: new Agent() })
    },
  })
  const sockets = await dialMany(t, server, SLOW_READERS)
  for (const [n, socket] of sockets.entries()) {
    socket.pause()
    socket.write(head(n % 2 === 0 ? '/rooms/big' : '/rooms/big/file'))
  }
  await talk()
  const most = await held(server)
  t.true(most.mib < before.mib + 5 * 24, `${most.mib} MiB for ${SLOW_READERS} times 24`)
  await end(`${SLOW_READERS} readers who take nothing of 24 MB`, SLOW_READERS, `at most ${most.mib}, `)
})

test(`${DRIBBLERS} clients never come to the end of what they ask: they are cut`, async (t) => {
  const { server, talk, end } = await serveBystanders(t)
  const sockets = await dialMany(t, server, DRIBBLERS)
  const open = new Set(sockets)
  for (const [n, socket] of sockets.entries()) {
    socket.resume()
    socket.once('close', () => open.delete(socket))
    socket.write(
      n % 2 === 0 ? 'POST /rooms/lobby HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nnev' : 'GET / HTTP/1.1\r\nX-Slow: ',
    )
  }
  while (open.size > 0) {
    await talk()
    for (const [n, socket] of sockets.entries()) if (n % 2 === 1 && !socket.destroyed) socket.write('z')
    await delay(DRIBBLE)
  }
  await end(`${DRIBBLERS} requests that never end`, DRIBBLERS)
})

test('more connections than there may be: some are told to come back, none harms those who are here', async (t) => {
  const { server, talk, end } = await serveBystanders(t, { under: ['prlimit', '--nofile=400:400'] })
  const { timestamp } = await poll(server.url, 'lobby', { wait: 0 })
  const sockets: Socket[] = []
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  const told = Promise.withResolvers<string>()
  for (let n = 0; n < 500; n++) {
    const socket = await dial(server)
    sockets.push(socket)
    socket.on('data', (answer: Buffer) => answer.includes(' 200 ') || told.resolve(answer.toString()))
    socket.write(head(`/rooms/lobby?wait=60&timestamp=${timestamp}`))
  }
  await talk()
  const answer = await told.promise // the system has connected all; the server may not have come to them
  t.regex(answer, /^HTTP\/1\.1 503 /)
  t.regex(answer, /^Retry-After: \d+\r$/m)
  t.regex(answer, /too_busy/)
  for (const socket of sockets) socket.destroy()
  await end('500 connections where 400 files may be open', 500)
})
