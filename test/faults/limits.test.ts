/** Limits that keep one client, or all together, from taking what others need: rooms, people, connections. */
import { once } from 'node:events'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import ava, { type ExecutionContext } from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { poll, post, send, type Answer } from '../helpers/chat.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { needing } from '../helpers/needing.ts'
import { UTIL_LINUX } from '../helpers/programs.ts'
import { serve, serveProcess } from '../helpers/serve.ts'

const test = ava.serial

/** The headers of a request that a trusted proxy passes on for this address. */
const from = (address: string): Record<string, string> => ({ 'X-Forwarded-For': address })

const say = (url: string, room: string, headers: Record<string, string> = {}): Promise<Answer> =>
  send(`${url}/rooms/${room}`, { body: 'a', headers })

const join = (url: string, room: string, nick: string, headers: Record<string, string> = {}): Promise<Answer> =>
  send(`${url}/rooms/${room}/sessions`, { headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify({ nick }) })

const codeOf = ({ status, text }: Answer): string | number =>
  status < 300 ? status : (JSON.parse(text) as { error: { code: string } }).error.code

const idOf = ({ text }: Answer): string => (JSON.parse(text) as { id: string }).id

for (const store of ['file', 'memory'] as const) {
  test(`${store}: with as many rooms as there may be no post or join makes another, and those that are there go on`, async (t) => {
    const { url } = await serve(t, { maxRooms: 3, store, rateLimit: 0 })
    for (const room of ['a', 'b', 'c']) t.is(codeOf(await say(url, room)), 201)
    t.is((await say(url, 'd')).status, 409)
    t.is(codeOf(await say(url, 'd')), 'too_many_rooms')
    t.is(codeOf(await join(url, 'd', 'ann')), 'too_many_rooms')
    t.is(codeOf(await say(url, 'a')), 201)
    t.is(codeOf(await join(url, 'b', 'ann')), 201)
    t.is(codeOf(await say(url, 'lobby')), 201, 'some clients know no other room')
    t.deepEqual((await poll(url, 'd', { wait: 0 })).messages, [])
    t.is(codeOf(await join(url, 'a', 'ann')), 201, 'and the nick is free')
  })
}

test('of rooms that are made at the same moment no more are made than may be', async (t) => {
  const { url, directory } = await serve(t, { maxRooms: 5, rateLimit: 0 })
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => say(url, `room-${n}`)))
  t.is(answers.filter(({ status }) => status === 201).length, 5)
  t.is((await readdir(directory)).filter((name) => name.endsWith('.jsonl')).length, 5)
})

test('a room that was removed by hand leaves its place to another as soon as the directory says so', async (t) => {
  const { url, file } = await serve(t, { maxRooms: 2, rateLimit: 0, times: { safetyLook: 2 * TEST_LIMIT_MS } })
  await say(url, 'a')
  await say(url, 'b')
  t.is(codeOf(await say(url, 'c')), 'too_many_rooms')
  await rm(file('a'))
  while ((await say(url, 'c')).status !== 201) await send(`${url}/healthz`)
  t.is(codeOf(await say(url, 'd')), 'too_many_rooms')
})

test('one address makes so many rooms a minute, another one goes on, and posts to rooms that are there do not count', async (t) => {
  const { url, file } = await serve(t, { trustProxy: ['loopback'] })
  await writeFile(file('by-hand'), 'hello\n')
  for (let n = 0; n < BUDGETS.newRooms; n++) {
    t.is(codeOf(await say(url, `room-${n}`, from('10.0.0.1'))), 201)
    t.is(codeOf(await say(url, n % 2 ? 'by-hand' : 'room-0', from('10.0.0.1'))), 201)
  }
  const refused = await say(url, 'one-more', from('10.0.0.1'))
  t.is(refused.status, 429)
  t.is(codeOf(refused), 'too_many_new_rooms')
  t.true(Number(refused.headers['retry-after']) >= 1)
  t.is(codeOf(await join(url, 'one-more', 'ann', from('10.0.0.1'))), 'too_many_new_rooms')
  t.is(codeOf(await say(url, 'room-1', from('10.0.0.1'))), 201)
  t.is(codeOf(await say(url, 'one-more', from('10.0.0.2'))), 201)
})

test('a client that has a whole IPv6 network is one, whatever address of it it takes; another network is another client', async (t) => {
  const { url } = await serve(t, { trustProxy: ['loopback'], store: 'memory' })
  for (let n = 0; n < BUDGETS.newRooms; n++) t.is(codeOf(await say(url, `room-${n}`, from(`2001:db8:1:2::${n.toString(16)}`))), 201)
  t.is(codeOf(await say(url, 'one-more', from('2001:db8:1:2:ffff::1'))), 'too_many_new_rooms')
  t.is(codeOf(await say(url, 'one-more', from('2001:db8:1:3::1'))), 201)
})

test('a room takes so many people; whoever leaves makes a place', async (t) => {
  const { url } = await serve(t, { maxPeople: 3 })
  const [first] = await Promise.all(['a', 'b', 'c'].map((nick) => join(url, 'lobby', nick)))
  const refused = await join(url, 'lobby', 'd')
  t.is(refused.status, 409)
  t.is(codeOf(refused), 'room_full')
  t.is((await send(`${url}/join?nick=d`)).status, 409, 'node_chat')
  t.is(codeOf(await join(url, 'dev', 'd')), 201)
  t.is(codeOf(await say(url, 'lobby')), 201, 'to read and to write needs no place')
  await send(`${url}/rooms/lobby/sessions/${first ? idOf(first) : ''}`, { method: 'DELETE' })
  t.is(codeOf(await join(url, 'lobby', 'd')), 201)
})

test('one address has so many sessions, in all rooms together; each that ends makes a place', async (t) => {
  const { url } = await serve(t, { trustProxy: ['loopback'], rateLimit: 1000, store: 'memory' })
  const ids: string[] = []
  for (let n = 0; n < BUDGETS.sessions; n++) ids.push(idOf(await join(url, `room-${n % 5}`, `nick ${n}`, from('10.0.0.1'))))
  const refused = await join(url, 'lobby', 'one more', from('10.0.0.1'))
  t.is(refused.status, 429)
  t.is(codeOf(refused), 'too_many_sessions')
  t.is(codeOf(await join(url, 'lobby', 'ann', from('10.0.0.2'))), 201)
  t.is(codeOf(await join(url, 'lobby', 'ann', from('10.0.0.1'))), 'nick_taken')
  await send(`${url}/rooms/room-0/sessions/${ids[0]}`, { method: 'DELETE' })
  t.is(codeOf(await join(url, 'lobby', 'one more', from('10.0.0.1'))), 201)
  t.is(codeOf(await join(url, 'lobby', 'two more', from('10.0.0.1'))), 'too_many_sessions')
})

test('--rate-limit off lifts what an address may have', async (t) => {
  const { url } = await serve(t, { rateLimit: 0, store: 'memory' })
  for (let n = 0; n <= Math.max(BUDGETS.sessions, BUDGETS.newRooms); n++) t.is(codeOf(await join(url, `room-${n}`, 'ann')), 201)
})

test('a name that tools take for an option names no room', async (t) => {
  const { url, file, directory } = await serve(t)
  t.is(codeOf(await say(url, '-rf')), 'bad_room')
  t.is(codeOf(await join(url, '-rf', 'ann')), 'bad_room')
  t.is(codeOf(await send(`${url}/rooms/-rf`)), 'bad_room')
  await writeFile(file('-n'), 'somebody made it\n')
  t.deepEqual(JSON.parse((await send(`${url}/rooms`)).text), { rooms: {} })
  t.is(codeOf(await say(url, 'a-rf')), 201)
  t.deepEqual(
    (await readdir(directory)).filter((name) => name.startsWith('-')),
    ['-n.jsonl'],
  )
})

/** Under this many open files, connections may be 300. */
const FILES = ['prlimit', '--nofile=400:400']
const SHARE = Math.floor(400 * BUDGETS.connections * BUDGETS.connectionsOfAddress)

/** A connection from one of this machine's many addresses. */
async function dial(t: ExecutionContext, url: string, localAddress: string): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress })
  t.teardown(() => socket.destroy())
  socket.on('error', () => socket.destroy()) // being cut is what it is here for
  await once(socket, 'connect')
  return socket
}

/** What a server answers first on a connection; nothing where it hangs up. */
async function heard(socket: Socket): Promise<string> {
  const said = once(socket, 'data').then(([data]) => String(data))
  return Promise.race([said, once(socket, 'close').then(() => '')])
}

needing(UTIL_LINUX)('one address cannot take the connections of all others: beyond its share it is told, and cut', async (t) => {
  const { url } = await serveProcess(t, [], undefined, FILES)
  await post(url, 'lobby', { msg: 'a' })
  const greedy = await Promise.all(Array.from({ length: SHARE + 10 }, () => dial(t, url, '127.0.0.2')))
  const last = greedy.slice(SHARE)
  const answers = last.map((socket) => heard(socket))
  for (const socket of last) socket.write('GET /rooms/lobby HTTP/1.1\r\nHost: localhost\r\n\r\n')
  for (const answer of await Promise.all(answers)) t.regex(answer, /^HTTP\/1\.1 429 [^]*Connection: close[^]*too_many_connections/i)
  for (const socket of last) if (!socket.destroyed) await once(socket, 'close')
  // The address goes on dialling: whatever it does, others come in.
  const more = await Promise.all(Array.from({ length: 200 }, () => dial(t, url, '127.0.0.2')))
  const others = Array.from({ length: SHARE - 20 }, () => new Agent({ keepAlive: true, localAddress: '127.0.0.3' }))
  for (const agent of others) t.is((await send(`${url}/rooms/lobby?wait=0`, { agent })).status, 200)
  for (const agent of others) agent.destroy()
  for (const socket of [...greedy, ...more]) socket.destroy()
})

for (const [args, whose] of [
  [['--rate-limit', 'off'], 'without limits of an address'],
  [['--trust-proxy', '127.0.0.2'], 'of a proxy that is trusted'],
] as const) {
  needing(UTIL_LINUX)(`the connections ${whose} are not counted`, async (t) => {
    const { url } = await serveProcess(t, [...args], undefined, FILES)
    const many = await Promise.all(Array.from({ length: SHARE + 50 }, () => dial(t, url, '127.0.0.2')))
    const [last] = many.slice(-1)
    if (!last) throw new Error('there is no connection')
    last.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.regex(await heard(last), /^HTTP\/1\.1 200 /)
  })
}
