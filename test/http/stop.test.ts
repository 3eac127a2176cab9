/** How a server ends: everybody is answered, what was acknowledged is kept, and nobody holds it up. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import ava from 'ava'
import { RoomLock } from '../../server/stores/file/room-lock.ts'
import { TIMES } from '../../server/times.ts'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { request, talk } from '../helpers/raw.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

/** So long that a test fails by its own limit if it is waited for. */
const EVER = 3_600_000

test('parked polls are answered at once, with their timestamp and Connection: close', async (t) => {
  const server = await serve(t, { times: { close: EVER } })
  const { timestamp } = await post(server.url, 'lobby', { msg: 'a' })
  const parked = Array.from({ length: 20 }, () => send(`${server.url}/rooms/lobby?timestamp=${timestamp}&wait=60`))
  await poll(server.url, 'lobby', { timestamp: 0 })
  await server.close()
  for (const answer of await Promise.all(parked)) {
    t.is(answer.status, 200)
    t.deepEqual(JSON.parse(answer.text), { timestamp, msg: '', messages: [] })
    t.is(answer.headers.connection, 'close')
  }
})

test('posts in flight are kept if they were acknowledged', async (t) => {
  const server = await serve(t, { rateLimit: 0 })
  const posts = Array.from({ length: 100 }, (_, n) => post(server.url, 'lobby', { msg: String(n) }).catch(() => undefined))
  await posts[0]
  await server.close()
  const acknowledged = (await Promise.all(posts)).filter((answer) => answer !== undefined)
  const kept = new Set(messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ id }) => id))
  t.true(acknowledged.length > 0)
  t.deepEqual(
    acknowledged.filter(({ id }) => !kept.has(id)),
    [],
  )
})

test('a connection that asks nothing does not hold up the end', async (t) => {
  const server = await serve(t, { times: { close: EVER } })
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  await once(socket, 'connect')
  await send(`${server.url}/healthz`)
  const ended = once(socket, 'close')
  await server.close()
  await ended
  t.is(socket.bytesRead, 0)
})

test('posts whose connections are cut are kept before the server has stopped', async (t) => {
  const server = await serve(t)
  const lock = new RoomLock(() => join(server.directory, '.roomfile', 'lobby'), TIMES.lock)
  const closing = await lock.hold(async () => {
    // No request can begin like this: the connection is cut, while the post before it waits for the room, or for the commit before its own.
    for (const msg of ['one', 'two']) {
      const answer = await talk(server.url, request('POST /rooms/lobby', msg).replace('Connection: close\r\n', '') + ': :\r\n\r\n')
      t.notRegex(answer, / 201 /)
    }
    return { done: server.close() }
  })
  await closing.done
  lock.close()
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.deepEqual(
    inFile.map(({ msg }) => msg),
    ['one', 'two'],
  )
})
