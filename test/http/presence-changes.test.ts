/** Who is here, told as what changed: to whom a version is known, and no more than there is to tell. */
import { setImmediate } from 'node:timers/promises'
import ava, { type ExecutionContext } from 'ava'
import { connect } from '../../client/api/client.ts'
import { BUDGETS } from '../../server/budgets.ts'
import { Presence, type Attendance, type AttendanceChanges } from '../../server/room/presence.ts'
import { Deadlines } from '../../server/room/waiters.ts'
import { poll, send } from '../helpers/chat.ts'
import { randomOf } from '../helpers/random.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

async function join(url: string, nick: string): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  const { text } = await send(`${url}/rooms/lobby/sessions`, { headers, body: JSON.stringify({ nick }) })
  return (JSON.parse(text) as { id: string }).id
}

const leave = (url: string, id: string): Promise<unknown> => send(`${url}/rooms/lobby/sessions/${id}`, { method: 'DELETE' })

/** What a poll that knows this version, and all messages, is told of who is here. */
async function told(url: string, version: number): Promise<Attendance | AttendanceChanges> {
  const { timestamp } = await poll(url, 'lobby', { wait: 0 })
  const { text } = await send(`${url}/rooms/lobby?timestamp=${timestamp}&presence=${version}&wait=20`)
  return (JSON.parse(text) as { presence: Attendance | AttendanceChanges }).presence
}

test('who knows a version is told what has changed since; who knows none, everybody', async (t) => {
  const { url } = await serve(t)
  const ann = await join(url, 'ann')
  await join(url, 'bob')
  const all = await told(url, 0)
  t.like(all, { who: ['ann', 'bob'], typing: [] })
  await join(url, 'carol')
  await leave(url, ann)
  const brief = await join(url, 'brief')
  await leave(url, brief)
  const { version } = await told(url, 0)
  t.deepEqual(await told(url, all.version), { version, since: all.version, came: ['carol'], left: ['ann'], typing: [] })
  for (const unknown of [1, all.version - 1000, version + 1000]) t.like(await told(url, unknown), { version, who: ['bob', 'carol'] })
  const { text } = await send(`${url}/rooms?poll=lobby:1:${all.version}&wait=0`)
  t.like((JSON.parse(text) as { rooms: Record<string, object> }).rooms['lobby'], { presence: { since: all.version, came: ['carol'] } })
})

test('a join is told to everybody in bytes that do not grow with the room', async (t) => {
  const { url } = await serve(t, { rateLimit: 0, maxPeople: 2000, store: 'memory' })
  const sizes: number[] = []
  for (let n = 0; n < 300; n++) {
    const { version } = n % 100 === 99 ? await told(url, 0) : { version: 0 }
    await join(url, `somebody with a long name ${n}`)
    if (version > 0) sizes.push(JSON.stringify(await told(url, version)).length)
  }
  t.is(sizes.length, 3)
  for (const size of sizes) t.true(size < 200, `${size} bytes`)
})

test('however many are typing, a few are named', async (t) => {
  const { url } = await serve(t, { rateLimit: 0, store: 'memory' })
  for (let n = 0; n < BUDGETS.namedTyping + 10; n++) {
    const session = await join(url, `nick ${n}`)
    const headers = { 'Content-Type': 'application/json' }
    await send(`${url}/rooms/lobby/typing`, { headers, body: JSON.stringify({ session }) })
  }
  t.is((await told(url, 0)).typing.length, BUDGETS.namedTyping)
})

/** Who is here for somebody who was told this. */
function after(known: Attendance | undefined, news: Attendance | AttendanceChanges): Attendance {
  if ('who' in news) return news
  if (known?.version !== news.since) throw new Error('these are changes of something else')
  return { ...news, who: [...known.who.filter((nick) => !news.left.includes(nick)), ...news.came] }
}

function presence(t: ExecutionContext): Presence {
  const deadlines = new Deadlines()
  t.teardown(() => deadlines.stop())
  return new Presence({ leaseMs: 60_000, typingMs: 6000, most: 1000, deadlines, expired: () => t.fail('nobody is silent for so long') })
}

test('whoever applies the changes knows who is here, in the same order, whatever they missed', (t) => {
  const random = randomOf(t)
  const room = presence(t)
  const readers: (Attendance | undefined)[] = Array.from({ length: 10 }, () => undefined)
  const ids = new Map<string, string>()
  for (let n = 0; n < 5000; n++) {
    const nick = `nick ${Math.floor(random() * 30)}`
    const id = ids.get(nick)
    if (id === undefined) ids.set(nick, room.join(nick).id)
    else if (random() < 0.3) room.type(id)
    else {
      room.leave(id)
      ids.delete(nick)
    }
    const reader = Math.floor(random() ** 3 * readers.length) // some come rarely
    const known = readers[reader]
    const now = after(known, room.since(known?.version ?? 0))
    t.deepEqual(now.who, room.attendance.who)
    readers[reader] = now
  }
})

test('what is remembered of who came and went is bounded, and so is each answer', (t) => {
  const room = presence(t)
  const { version } = room
  room.join('the first')
  const { version: first } = room
  for (let n = 1; n < BUDGETS.presenceChanges; n++) room.join(`nick ${n}`)
  const all = room.since(version)
  t.is('came' in all && all.came.length, BUDGETS.presenceChanges)
  t.is(room.since(version), all, 'one object for all who know the same')
  room.join('one more')
  t.true('who' in room.since(version))
  t.like(room.since(first), { since: first })
})

test('a client hears the same events as before, and asks anew for what it cannot apply', async (t) => {
  const { url } = await serve(t)
  const ann = await join(url, 'ann')
  const ends = new AbortController()
  const heard: string[] = []
  const steps: (() => Promise<unknown>)[] = [() => join(url, 'bob'), () => leave(url, ann), () => join(url, 'ann')]
  for await (const event of connect(url, { room: 'lobby', presence: true, signal: ends.signal })) {
    if (event.type !== 'presence') continue
    heard.push(event.who.join(' '))
    const step = steps.shift()
    if (!step) ends.abort()
    await step?.()
    await setImmediate()
  }
  t.deepEqual(heard, ['ann', 'ann bob', 'bob', 'bob ann'])
})
