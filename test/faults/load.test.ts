/** Crowds that come and go, say nothing, or never take their answer: the room goes on for everyone else, and all that they took is given back. */
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import ava, { type ExecutionContext } from 'ava'
import { RoomLock } from '../../server/stores/file/room-lock.ts'
import type { Times } from '../../server/times.ts'
import { sized, tell } from '../helpers/attack.ts'
import { Follower, poll, post } from '../helpers/chat.ts'
import { liveIn } from '../helpers/heap.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { needing } from '../helpers/needing.ts'
import { UTIL_LINUX } from '../helpers/programs.ts'
import { serve, serveProcess, type Served, type ServedProcess } from '../helpers/serve.ts'
import { hurried, INSPECTED } from '../helpers/under.ts'

const PARKED = sized(100, 10_000)
const CUTS = sized(200, 120_000)
const SLOW_READERS = sized(20, 500)
const DRIBBLERS = sized(40, 3000)
const MOST_FILES = 200

/** Connections are made in steps, fewer than a server's backlog at once. */
const AT_ONCE = 100

/** How often those who dribble send a byte, in ms. */
const DRIBBLE = 100

/** A room that is larger than what the system's buffers hold of one answer. */
const BIG_LINES = 200
const BIG_LINE = sized(40_000, 120_000)
const BIG_MIB = (BIG_LINES * BIG_LINE) / 1024 / 1024

/** What a server holds after a crowd and did not before: the last requests of those who are here, and what is compiled or kept ready now. */
const FEW = 20

/** Old inodes are open files as well: they are given back soon. */
const TIMES: Partial<Times> = { grace: 100, carry: 50 }

/** Whoever stalls is cut while the test waits for it. Only for crowds that may be cut at any moment: a busy machine stalls as well. */
const IMPATIENT: Partial<Times> = { ...TIMES, head: 2000, check: 100, stall: 2000 }

/** What a server holds is read in Linux's /proc. */
const test = needing(UTIL_LINUX)

const head = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`

async function dial({ url }: Pick<Served, 'url'>): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.on('error', () => socket.destroy()) // being cut is what they are here for
  return socket
}

async function dialMany(t: ExecutionContext, server: Served | ServedProcess, count: number): Promise<Socket[]> {
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

interface BystandersOptions {
  readonly args?: readonly string[]
  /** A command that the server runs under. */
  readonly under?: readonly string[]
  readonly prepare?: (server: ServedProcess) => Promise<unknown>
}

/** A server, and two people in a room who must not notice anything. */
async function serveBystanders(
  t: ExecutionContext,
  { args = [], under = hurried(TIMES), prepare }: BystandersOptions = {},
): Promise<Bystanders> {
  const server = await serveProcess(t, ['--rate-limit', 'off', ...args], undefined, under)
  const alice = await new Follower(server.url, 'lobby').start()
  const bob = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => bob.destroy())
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
      await alice.stop()
      const files = `files ${before.files}, then ${after.files}`
      tell(t, { attack, tried, acknowledged: said.length, lost: 0, more: `${files}; MiB ${before.mib}, ${more}then ${after.mib}` })
    },
  }
}

test(`${PARKED} polls are parked, woken and cut, three times: each is answered, and everything is given back`, async (t) => {
  const { server, before, talk, end } = await serveBystanders(t, { under: hurried(TIMES, INSPECTED) })
  const live = await liveIn(server)
  const most: number[] = []
  for (let wave = 0; wave < 3; wave++) {
    const sockets = await dialMany(t, server, PARKED)
    const ask = async (): Promise<void> => {
      const { timestamp } = await poll(server.url, 'lobby', { wait: 0 })
      for (const socket of sockets) socket.write(head(`/rooms/lobby?timestamp=${timestamp}&wait=60`))
    }
    const answered = sockets.map(async (socket) => {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      return chunk.includes('still here')
    })
    await ask()
    await talk()
    t.true((await Promise.all(answered)).every(Boolean))
    await ask()
    await poll(server.url, 'lobby', { wait: 0 }) // by its answer, they are parked: cut while they wait, and nobody is woken after
    most.push((await held(server)).mib)
    for (const socket of sockets) socket.destroy()
    await untilGivenBack(server, before.files)
  }
  const after = await liveIn(server)
  t.true(after.answers <= live.answers + FEW, `${after.answers} requests are held, after ${live.answers}`)
  const mib = `live ${live.mib.toFixed(1)}, then ${after.mib.toFixed(1)}`
  await end(`${PARKED} parked polls, three times`, 6 * PARKED, `at most ${most.join(', ')}, ${mib}, `)
})

test(`${CUTS} connections come and are cut in the middle of what they say: nobody else notices`, async (t) => {
  const { server, talk, end } = await serveBystanders(t)
  const cut = async (n: number): Promise<void> => {
    const socket = await dial(server)
    socket.write(head('/rooms/lobby?wait=60&timestamp=9').slice(0, 20 + (n % 60)))
    setImmediate(() => socket.destroy())
  }
  for (let tried = 0; tried < CUTS; tried += AT_ONCE) {
    const cuts = Array.from({ length: AT_ONCE }, (_, n) => cut(tried + n))
    await Promise.all([talk(), ...cuts])
  }
  await end(`${CUTS} connections, cut in the middle of what they say`, CUTS)
})

test(`${SLOW_READERS} clients never take a large answer: it is kept once for all of them, and they are cut`, async (t) => {
  const { server, before, talk, end } = await serveBystanders(t, {
    args: ['--max-message', '128k', '--max-file', '32m'],
    under: hurried(IMPATIENT, INSPECTED),
    async prepare({ url, file }) {
      await writeFile(file('big'), Array.from({ length: BIG_LINES }, (_, n) => `${n} ${'x'.repeat(BIG_LINE)}\n`).join(''))
      await poll(url, 'big', { wait: 0 }, { agent: new Agent() })
    },
  })
  const live = await liveIn(server)
  const sockets = await dialMany(t, server, SLOW_READERS)
  const begun = sockets.map((socket) => once(socket, 'readable')) // it takes the first bytes, and no more
  for (const [n, socket] of sockets.entries()) socket.write(head(n % 2 === 0 ? '/rooms/big' : '/rooms/big/file'))
  await Promise.all(begun)
  const most = await liveIn(server)
  await talk()
  t.true(most.mib < live.mib + 5 * BIG_MIB, `${most.mib} MiB for ${SLOW_READERS} times ${BIG_MIB}, after ${live.mib}`)
  const crowded = await held(server)
  await untilGivenBack(server, before.files)
  t.true((await liveIn(server)).answers <= live.answers + FEW)
  const mib = `live ${live.mib.toFixed(1)}, then ${most.mib.toFixed(1)}`
  await end(`${SLOW_READERS} readers who take nothing of ${BIG_MIB.toFixed(0)} MiB`, SLOW_READERS, `at most ${crowded.mib}, ${mib}, `)
})

test(`${DRIBBLERS} clients never come to the end of what they ask: they are cut`, async (t) => {
  const { server, talk, end } = await serveBystanders(t, { under: hurried(IMPATIENT) })
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
  const { server, talk, end } = await serveBystanders(t, { under: ['prlimit', `--nofile=${MOST_FILES}:${MOST_FILES}`, ...hurried(TIMES)] })
  const { timestamp } = await poll(server.url, 'lobby', { wait: 0 })
  const told = Promise.withResolvers<string>()
  const sockets = await dialMany(t, server, MOST_FILES)
  for (const socket of sockets) {
    socket.on('data', (answer: Buffer) => answer.includes(' 200 ') || told.resolve(answer.toString()))
    socket.write(head(`/rooms/lobby?wait=60&timestamp=${timestamp}`))
  }
  await talk()
  const answer = await told.promise // the system has connected all; the server may not have come to them
  t.regex(answer, /^HTTP\/1\.1 503 /)
  t.regex(answer, /^Retry-After: \d+\r$/m)
  t.regex(answer, /too_busy/)
  for (const socket of sockets) socket.destroy()
  await end(`${MOST_FILES} connections where ${MOST_FILES} files may be open`, MOST_FILES)
})

ava.serial('connections on which nothing was said yet do not keep the server from stopping', async (t) => {
  const server = await serve(t, { times: { close: TEST_LIMIT_MS } })
  const sockets = await dialMany(t, server, 5)
  const ended = sockets.map((socket) => new Promise<void>((resolve) => socket.resume().once('close', () => resolve())))
  await server.close()
  await Promise.all(ended)
  t.pass()
})

ava.serial('who waits for a post to be kept is not cut, however long that takes', async (t) => {
  const stall = 500
  const server = await serve(t, { times: { stall } })
  await post(server.url, 'lobby', { msg: 'before' })
  const lock = new RoomLock(() => join(server.directory, '.roomfile', 'lobby'), TEST_LIMIT_MS)
  const kept = await lock.hold(async () => {
    const waiting = post(server.url, 'lobby', { msg: 'kept late' })
    await Promise.race([waiting, delay(2 * stall)]) // the time itself is the point
    return { waiting }
  })
  await kept.waiting
  t.deepEqual(
    (await poll(server.url, 'lobby')).messages.map(({ msg }) => msg),
    ['before', 'kept late'],
  )
  lock.close()
})
