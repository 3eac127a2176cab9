/** One poll for many rooms: messages, who is here, sessions, and rooms that cannot be polled. */
import { mkdir } from 'node:fs/promises'
import ava from 'ava'
import { post, send, type Polled } from '../helpers/chat.ts'
import { clockOf } from '../helpers/clock.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

interface Told extends Polled {
  readonly presence?: { readonly version: number; readonly who?: string[]; readonly came?: string[]; readonly typing: string[] }
  readonly lost?: string[]
  readonly error?: { readonly status: number; readonly code: string; readonly message: string }
}

async function pollMany(url: string, questions: readonly string[], wait = 20): Promise<Record<string, Told>> {
  const { text } = await send(`${url}/rooms?poll=${questions.map(encodeURIComponent).join(',')}&wait=${wait}`)
  return (JSON.parse(text) as { rooms: Record<string, Told> }).rooms
}

async function join(url: string, room: string, nick: string, cid?: string): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  const { text } = await send(`${url}/rooms/${room}/sessions`, { headers, body: JSON.stringify({ nick, cid }) })
  return (JSON.parse(text) as { id: string }).id
}

const leave = (url: string, room: string, id: string): Promise<unknown> => send(`${url}/rooms/${room}/sessions/${id}`, { method: 'DELETE' })

test('a poll that names a version of who is here is told of who comes and goes, in each room by itself', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'a' })
  const first = await pollMany(url, [`lobby:${timestamp}:0`, 'dev:1'])
  t.deepEqual(Object.keys(first), ['lobby'])
  t.deepEqual(first['lobby']?.presence?.who, [])
  const parked = pollMany(url, [`lobby:${timestamp}:${first['lobby']?.presence?.version}`, 'dev:1:'])
  await join(url, 'lobby', 'ann')
  const told = await parked
  t.deepEqual(Object.keys(told), ['lobby'])
  t.deepEqual(told['lobby']?.presence?.came, ['ann'])
})

test('a parked poll holds the sessions that it names, and is told at once of one that ends', async (t) => {
  const clock = clockOf(t)
  const { url } = await serve(t, { lease: 20 })
  const ann = await join(url, 'lobby', 'ann')
  const held = await join(url, 'dev', 'held')
  const { lobby } = await pollMany(url, ['lobby:0'])
  const { dev } = await pollMany(url, ['dev:0'])
  const parked = pollMany(url, [`lobby:${lobby?.timestamp}::${ann}`, `dev:${dev?.timestamp}::${held}`], 60)
  // Somebody whom nobody holds goes when the lease is over: by then these two would have gone as well.
  await join(url, 'ops', 'brief')
  clock.pass(30_000)
  let ops = await pollMany(url, ['ops:0'])
  while (!ops['ops']?.messages.some(({ type }) => type === 'part')) ops = await pollMany(url, [`ops:${ops['ops']?.timestamp}`])
  await leave(url, 'dev', held)
  const told = await parked
  t.deepEqual(told['dev']?.lost, [held])
  t.deepEqual(Object.keys(told), ['dev'])
  t.deepEqual((await pollMany(url, [`lobby:${lobby?.timestamp}:0`]))['lobby']?.presence?.who, ['ann'])
})

test('a session that the server does not know is lost, and the poll goes on', async (t) => {
  const { url } = await serve(t)
  await post(url, 'lobby', { msg: 'a' })
  const { lobby } = await pollMany(url, ['lobby:0:0:nobody'])
  t.deepEqual(lobby?.lost, ['nobody'])
  t.is(lobby?.messages.length, 1)
  t.deepEqual(lobby?.presence?.who, [])
})

test('a join with the cid of a session that lives goes on with it, and the room hears nothing', async (t) => {
  const { url } = await serve(t)
  const id = await join(url, 'lobby', 'ann', 'secret')
  t.is(await join(url, 'lobby', 'ann', 'secret'), id)
  const { lobby } = await pollMany(url, ['lobby:0:0'])
  t.deepEqual(
    lobby?.messages.map(({ type }) => type),
    ['join'],
  )
  t.false(JSON.stringify(lobby).includes('secret'))
  const headers = { 'Content-Type': 'application/json' }
  const others = [{ nick: 'ann', cid: 'guess' }, { nick: 'ANN', cid: 'secret' }, { nick: 'ann' }]
  for (const body of others)
    t.is((await send(`${url}/rooms/lobby/sessions`, { headers, body: JSON.stringify(body) })).status, 409, JSON.stringify(body))
  await leave(url, 'lobby', id)
  t.not(await join(url, 'lobby', 'ann', 'secret'), id)
})

test('a room that cannot be polled says why, and costs the others nothing', async (t) => {
  const server = await serve(t)
  await post(server.url, 'lobby', { msg: 'a' })
  await mkdir(server.file('folder'))
  const told = await pollMany(server.url, ['lobby:0', 'no room!:0', 'folder:0'], 60)
  t.is(told['lobby']?.messages.length, 1)
  t.like(told['no room!']?.error, { status: 400, code: 'bad_room' })
  t.like(told['folder']?.error, { status: 500, code: 'not_readable' })
})

test('a hundred rooms fit into one poll, and no more', async (t) => {
  const { url } = await serve(t)
  const rooms = Array.from({ length: 100 }, (_, n) => `${'房'.repeat(60)}${n}:1:0`)
  t.is(Object.keys(await pollMany(url, rooms)).length, 100)
  const { status, text } = await send(`${url}/rooms?poll=${[...rooms, 'one'].map(encodeURIComponent).join(',')}`)
  t.is(status, 400)
  t.regex(text, /100 rooms, not 101/)
})

test('what is not a room, a timestamp, a version and sessions is refused', async (t) => {
  const { url } = await serve(t)
  for (const [poll, code] of [
    ['lobby', 'bad_poll'],
    ['', 'bad_poll'],
    ['lobby:now', 'bad_timestamp'],
    ['lobby:1:new', 'bad_presence'],
  ]) {
    const { status, text } = await send(`${url}/rooms?poll=${poll}`)
    t.is(status, 400, poll)
    t.true(text.includes(`"${code}"`), poll)
  }
})
