/** Who is here: sessions, leases, who is typing. */
import { readFile } from 'node:fs/promises'
import test from 'ava'
import { Follower, messagesIn, poll, post, send, type Answer } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

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

test('two claim one nick at the same moment, 100 times: exactly one wins each time', async (t) => {
  const { url } = await serve(t, { rateLimit: 0 })
  for (let n = 0; n < 100; n++) {
    const answers = await Promise.all([join(url, `nick ${n}`), join(url, `NICK ${n}`)])
    t.deepEqual(answers.map(({ status }) => String(status)).toSorted(), ['201', '409'])
  }
})

test('a poll that knows who is here is told of who comes, types, says and goes', async (t) => {
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
  const stops = await attendance(url, types?.version ?? 0)
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

test('whoever vanishes leaves within the lease and is seen to part; whoever polls on never flickers', async (t) => {
  const { url } = await serve(t, { lease: 4 })
  const watcher = await new Follower(url, 'lobby').start()
  const steady = await joined(url, 'steady')
  const vanishing = await joined(url, 'vanishing')
  const cut = new AbortController()
  const { timestamp } = await poll(url, 'lobby')
  const lost = t.throwsAsync(send(`${url}/rooms/lobby?timestamp=${timestamp}&session=${vanishing}`, { signal: cut.signal }))
  const watched = new AbortController()
  const polls = (async () => {
    let at = timestamp
    while (!watched.signal.aborted)
      at = (JSON.parse((await send(`${url}/rooms/lobby?timestamp=${at}&session=${steady}&wait=1`)).text) as { timestamp: number }).timestamp
  })()
  cut.abort()
  await lost
  await watcher.until(({ messages }) => messages.some(({ type, nick }) => type === 'part' && nick === 'vanishing'))
  t.deepEqual((await who(url)).who, ['steady'])
  // Three leases of its own later it is still here: each of these comes, and goes a lease later.
  for (const nick of ['one', 'two', 'three']) {
    await joined(url, nick)
    await watcher.until(({ messages }) => messages.some((message) => message.type === 'part' && message.nick === nick))
  }
  t.deepEqual((await who(url)).who, ['steady'])
  t.false(watcher.messages.some(({ type, nick }) => type === 'part' && nick === 'steady'))
  watched.abort()
  await polls
  await watcher.stop()
})

test('a parked poll holds its lease for longer than the lease is', async (t) => {
  const { url } = await serve(t, { lease: 4 })
  const watcher = await new Follower(url, 'dev').start()
  const session = await joined(url, 'parked')
  const { timestamp } = await poll(url, 'lobby')
  const parked = send(`${url}/rooms/lobby?timestamp=${timestamp}&session=${session}&wait=60`)
  await poll(url, 'lobby', { timestamp: 0 })
  // Somebody in another room, whose lease began later and ends by itself, is the clock.
  await send(`${url}/rooms/dev/sessions`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ nick: 'brief' }) })
  await watcher.until(({ messages }) => messages.some(({ type }) => type === 'part'))
  t.deepEqual((await who(url)).who, ['parked'])
  await post(url, 'lobby', { msg: 'end of the wait' })
  t.regex((await parked).text, /end of the wait/)
  await watcher.stop()
})

test('a clean stop ends the sessions, and the file says so', async (t) => {
  const server = await serve(t)
  await joined(server.url, 'ann')
  t.is(await server.stop(), 0)
  t.is(messagesIn(await readFile(server.file('lobby'), 'utf8')).at(-1)?.type, 'part')
})

test('the list counts the people', async (t) => {
  const { url } = await serve(t)
  await joined(url, 'ann')
  await joined(url, 'bob')
  const { rooms } = JSON.parse((await send(`${url}/rooms`)).text) as { rooms: Record<string, { people: number }> }
  t.is(rooms['lobby']?.people, 2)
})
