/** Who is here: sessions, leases, who is typing. */
import { readFile } from 'node:fs/promises'
import ava from 'ava'
import { Follower, messagesIn, poll, post, send, type Answer, type Polled, type Send } from '../helpers/chat.ts'
import { clockOf, type Clock } from '../helpers/clock.ts'
import { TIMES } from '../../server/times.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

/** Seconds: shorter than the longest poll, and so long that no machine is too slow for it. */
const SHORT_LEASE = 15
const LEASE = 60

interface Attendance {
  readonly version: number
  readonly who: string[]
  readonly typing: string[]
}

interface AttendanceChanges {
  readonly version: number
  readonly came: string[]
  readonly left: string[]
  readonly typing: string[]
}

const join = (url: string, nick: unknown): Promise<Answer> =>
  send(`${url}/rooms/lobby/sessions`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ nick }) })

async function joined(url: string, nick: string): Promise<string> {
  return (JSON.parse((await join(url, nick)).text) as { id: string }).id
}

async function who(url: string): Promise<Attendance> {
  return JSON.parse((await send(`${url}/rooms/lobby/who`)).text) as Attendance
}

/** What has changed since this version, once something has. */
async function attendance(url: string, version: number, wait = 20): Promise<AttendanceChanges | undefined> {
  const { timestamp } = await poll(url, 'lobby', { wait: 0 })
  const { text } = await send(`${url}/rooms/lobby?timestamp=${timestamp}&presence=${version}&wait=${wait}`)
  return (JSON.parse(text) as { presence?: AttendanceChanges }).presence
}

test('join, say something, leave: the file reads like an IRC log', async (t) => {
  const server = await serve(t)
  const answer = await join(server.url, 'ann')
  t.is(answer.status, 201)
  const { id, nick } = JSON.parse(answer.text) as { id: string; nick: string }
  t.is(nick, 'ann')
  t.regex(id, /^[\da-f-]{36}$/)
  const said = await send(`${server.url}/rooms/lobby`, {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ msg: 'hi', nick: 'somebody else', session: id }),
  })
  t.is(said.status, 201)
  t.is((await send(`${server.url}/rooms/lobby/sessions/${id}`, { method: 'DELETE' })).status, 204)
  t.is((await send(`${server.url}/rooms/lobby/sessions/${id}`, { method: 'DELETE' })).status, 404)
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.deepEqual(
    inFile.map(({ type, nick: by, msg }) => [type, by, msg]),
    [
      ['join', 'ann', ''],
      ['msg', 'ann', 'hi'],
      ['part', 'ann', ''],
    ],
  )
})

test("a nick in a session is nobody else's, however it is spelled; when the session ends it is free", async (t) => {
  const { url } = await serve(t)
  const id = await joined(url, 'Zoë Straße')
  for (const nick of ['Zoë Straße', 'zoë straße', 'ZOE\u0308 STRASSE']) {
    const again = await join(url, nick)
    t.is(again.status, 409, nick)
    t.is((JSON.parse(again.text) as { error: { code: string } }).error.code, 'nick_taken')
    const stranger = await send(`${url}/rooms/lobby`, {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ msg: 'me', nick }),
    })
    t.is(stranger.status, 409, nick)
  }
  t.is((await join(url, 'Zoe')).status, 201)
  await send(`${url}/rooms/lobby/sessions/${id}`, { method: 'DELETE' })
  t.is((await join(url, 'zoë straße')).status, 201)
})

test('bad nicks and unknown sessions are refused', async (t) => {
  const { url } = await serve(t)
  for (const nick of ['', ' ann', 'ann ', 'a\tb', 'a\u2028b', 'x'.repeat(51), 7, null, undefined])
    t.is((await join(url, nick)).status, 400, String(nick))
  for (const nick of ['李', 'a b', 'x'.repeat(50), '🦊']) t.is((await join(url, nick)).status, 201, nick)
  const gone = await send(`${url}/rooms/lobby`, {
    body: 'msg=a&session=nobody',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  })
  t.is(gone.status, 404)
  t.is((await send(`${url}/rooms/lobby?session=nobody`)).status, 404)
  t.is((await send(`${url}/rooms/lobby?presence=new`)).status, 400)
})

test('two claim one nick at the same moment, 20 times: exactly one wins each time', async (t) => {
  const { url } = await serve(t, { rateLimit: 0 })
  for (let n = 0; n < 20; n++) {
    const answers = await Promise.all([join(url, `nick ${n}`), join(url, `NICK ${n}`)])
    t.deepEqual(answers.map(({ status }) => String(status)).toSorted(), ['201', '409'])
  }
})

test('a poll that knows who is here is told of who comes, types, says and goes', async (t) => {
  const clock = clockOf(t)
  const { url } = await serve(t)
  const { version } = await who(url)
  const watching = attendance(url, version)
  const id = await joined(url, 'ann')
  const came = await watching
  t.deepEqual(came?.came, ['ann'])
  const typing = attendance(url, came?.version ?? 0)
  t.is(
    (await send(`${url}/rooms/lobby/typing`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ session: id }) }))
      .status,
    204,
  )
  const types = await typing
  t.deepEqual(types?.typing, ['ann'])
  const stopping = attendance(url, types?.version ?? 0)
  clock.pass(TIMES.typing)
  const stops = await stopping
  t.deepEqual([stops?.came, stops?.left, stops?.typing], [[], [], []])
  await send(`${url}/rooms/lobby/sessions/${id}`, { method: 'DELETE' })
  t.deepEqual((await attendance(url, stops?.version ?? 0))?.left, ['ann'])
})

test('a message ends "is typing" at once', async (t) => {
  const { url } = await serve(t)
  const session = await joined(url, 'ann')
  await send(`${url}/rooms/lobby/typing`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ session }) })
  t.deepEqual((await who(url)).typing, ['ann'])
  await send(`${url}/rooms/lobby`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ session, msg: 'a' }) })
  t.deepEqual((await who(url)).typing, [])
})

test('a poll that does not ask for it is not told, and not woken, by who comes and goes', async (t) => {
  const { url } = await serve(t)
  const session = await joined(url, 'ann')
  const { timestamp } = await poll(url, 'lobby')
  const parked = poll(url, 'lobby', { timestamp, wait: 20 })
  await poll(url, 'lobby', { timestamp: 0 })
  await send(`${url}/rooms/lobby/typing`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ session }) })
  await post(url, 'lobby', { msg: 'a' })
  t.deepEqual(Object.keys(await parked), ['timestamp', 'msg', 'messages'])
})

/** Somebody in another room whom nobody holds: when they have parted, all leases have ended that are not held, and began no later. */
async function untilOverdue(url: string, clock: Clock, lease: number, nick: string, meanwhile?: () => Promise<unknown>): Promise<void> {
  const watcher = await new Follower(url, 'dev').start()
  await send(`${url}/rooms/dev/sessions`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ nick }) })
  clock.pass(lease * 750)
  await meanwhile?.()
  clock.pass(lease * 750)
  await watcher.until(({ messages }) => messages.some((message) => message.type === 'part' && message.nick === nick))
  await watcher.stop()
}

test('whoever vanishes is gone when the lease is over, and is seen to part; a parked poll holds its lease for longer', async (t) => {
  const clock = clockOf(t)
  const { url } = await serve(t, { lease: SHORT_LEASE })
  const [steady, vanishing] = [await joined(url, 'steady'), await joined(url, 'vanishing')]
  const { timestamp } = await poll(url, 'lobby')
  const ask = (session: string, more: Send = {}): Promise<Answer> =>
    send(`${url}/rooms/lobby?timestamp=${timestamp}&session=${session}&wait=60`, more)
  const parked = ask(steady)
  const cut = new AbortController()
  const lost = t.throwsAsync(ask(vanishing, { signal: cut.signal }))
  await poll(url, 'lobby')
  await untilOverdue(url, clock, SHORT_LEASE, 'brief')
  t.deepEqual((await who(url)).who, ['steady', 'vanishing'])
  cut.abort()
  await lost
  await poll(url, 'lobby')
  await untilOverdue(url, clock, SHORT_LEASE, 'brief again')
  t.deepEqual((await who(url)).who, ['steady'])
  const answer = JSON.parse((await parked).text) as Polled
  t.deepEqual(
    answer.messages.map(({ type, nick }) => [type, nick]),
    [['part', 'vanishing']],
  )
})

test('whoever polls again before the lease is over never flickers', async (t) => {
  const clock = clockOf(t)
  const { url } = await serve(t, { lease: LEASE })
  const session = await joined(url, 'steady')
  const ask = (): Promise<Answer> => send(`${url}/rooms/lobby?session=${session}&wait=0`)
  for (const nick of ['one', 'two', 'three']) {
    t.is((await ask()).status, 200)
    await untilOverdue(url, clock, LEASE, nick, ask)
  }
  const { messages } = await poll(url, 'lobby')
  t.deepEqual(
    messages.map(({ type }) => type),
    ['join'],
  )
})

test('a clean stop ends the sessions, and the file says so', async (t) => {
  const server = await serve(t)
  await joined(server.url, 'ann')
  await server.close()
  t.is(messagesIn(await readFile(server.file('lobby'), 'utf8')).at(-1)?.type, 'part')
})

test('the list counts the people', async (t) => {
  const { url } = await serve(t)
  await joined(url, 'ann')
  await joined(url, 'bob')
  const { rooms } = JSON.parse((await send(`${url}/rooms`)).text) as { rooms: Record<string, { people: number }> }
  t.is(rooms['lobby']?.people, 2)
})
