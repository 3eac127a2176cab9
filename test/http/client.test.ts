/** The client on the real server: many rooms in one poll, sessions that go on, who is typing. */
import { readFile, writeFile } from 'node:fs/promises'
import { setImmediate as immediate } from 'node:timers/promises'
import ava, { type ExecutionContext } from 'ava'
import { connect, RoomError, type ConnectOptions, type Connection } from '../../client/api/client.ts'
import { PollingHub } from '../../client/api/polling-hub.ts'
import { TIMES } from '../../server/times.ts'
import { poll, post, send } from '../helpers/chat.ts'
import { clockOf } from '../helpers/clock.ts'
import { RoomListener } from '../helpers/listener.ts'
import { proxy } from '../helpers/proxy.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

function meet(t: ExecutionContext, url: string, options: Partial<ConnectOptions> = {}): { room: Connection; heard: RoomListener } {
  const ends = new AbortController()
  t.teardown(() => ends.abort())
  const room = connect(url, { room: 'lobby', presence: true, retryDelay: 5, signal: ends.signal, ...options })
  return { room, heard: new RoomListener(room) }
}

async function who(url: string): Promise<string[]> {
  return (JSON.parse((await send(`${url}/rooms/lobby/who`)).text) as { who: string[] }).who
}

test('many connections on one hub follow many rooms with one poll at a time, and each hears its own', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  const hub = new PollingHub(network.url)
  for (const room of ['a', 'b']) await post(server.url, room, { msg: `in ${room}` })
  const heard = ['a', 'b', 'a', '大厅'].map((room) => meet(t, network.url, { room, hub }).heard)
  await Promise.all(heard.slice(0, 3).map((one) => one.until(({ texts }) => texts.length === 1)))
  for (let n = 0; n < 20; n++) for (const room of ['a', 'b', '大厅']) await post(server.url, room, { msg: String(n) })
  const late = meet(t, network.url, { room: 'a', hub }).heard
  await Promise.all(heard.map((one) => one.until(({ texts }) => texts.at(-1) === '19')))
  await late.until(({ texts }) => texts.at(-1) === '19')
  const counted = Array.from({ length: 20 }, (_, n) => String(n))
  t.deepEqual(
    [...heard, late].map(({ texts }) => texts),
    [['in a', ...counted], ['in b', ...counted], ['in a', ...counted], counted, ['in a', ...counted]],
  )
  // One that was called off may still be on its way out while the next comes in.
  while (network.polls.now !== 1) await immediate()
  for (const room of ['a', 'b', '大厅'])
    t.true(
      network.polls.latest.split(',').some((asked) => asked.startsWith(`${room}:`)),
      room,
    )
})

test('a newcomer to a room that is followed hears all of it at once, and who is here, and the others hear nothing again', async (t) => {
  const server = await serve(t)
  const hub = new PollingHub(server.url)
  await post(server.url, 'lobby', { msg: 'one' })
  const ann = meet(t, server.url, { hub })
  await ann.room.join('ann')
  await ann.heard.until(({ presence }) => presence?.who[0] === 'ann')
  const bob = meet(t, server.url, { hub })
  await bob.heard.until(({ texts, presence }) => texts.length === 1 && presence?.who[0] === 'ann')
  await post(server.url, 'lobby', { msg: 'two' })
  await Promise.all([ann, bob].map(({ heard }) => heard.until(({ texts }) => texts.length === 2)))
  t.deepEqual(
    [ann.heard.texts, bob.heard.texts],
    [
      ['one', 'two'],
      ['one', 'two'],
    ],
  )
})

test('an edit by hand resets those who were there, while somebody comes in', async (t) => {
  const server = await serve(t)
  const hub = new PollingHub(server.url)
  for (const msg of ['keep', 'spam']) await post(server.url, 'lobby', { msg })
  const ann = meet(t, server.url, { hub })
  await ann.heard.until(({ texts }) => texts.length === 2)
  const text = await readFile(server.file('lobby'), 'utf8')
  await writeFile(server.file('lobby'), text.replace(/.*spam.*\n/, ''))
  const others = Array.from({ length: 5 }, () => meet(t, server.url, { hub }).heard)
  await post(server.url, 'lobby', { msg: 'after' })
  for (const heard of [ann.heard, ...others]) {
    await heard.until(({ texts }) => texts.at(-1) === 'after')
    t.deepEqual(heard.texts, ['keep', 'after'])
  }
})

test('a room that is refused ends its own connection, and no other', async (t) => {
  const { url } = await serve(t)
  const hub = new PollingHub(url)
  const ann = meet(t, url, { hub })
  for (const room of ['no room', 'a:b', 'a,b', '', '__proto__:']) {
    const error = await meet(t, url, { hub, room }).heard.ended
    t.true(error instanceof RoomError && error.code === 'bad_room', room)
  }
  const proto = meet(t, url, { hub, room: '__proto__' })
  await post(url, '__proto__', { msg: 'odd' })
  await post(url, 'lobby', { msg: 'a' })
  await ann.heard.until(({ texts }) => texts.length === 1)
  await proto.heard.until(({ texts }) => texts[0] === 'odd')
})

test('a nick in use is refused, and free again as soon as its owner leaves', async (t) => {
  const { url } = await serve(t)
  const ann = meet(t, url)
  const bob = meet(t, url)
  await ann.room.join('ann')
  const error = await t.throwsAsync(bob.room.join('Ann'), { instanceOf: RoomError })
  t.like(error, { code: 'nick_taken', status: 409 })
  t.like(await t.throwsAsync(bob.room.join('')), { code: 'bad_nick', status: 400 })
  await t.throwsAsync(bob.room.post('I am ann', { nick: 'ann', tries: 1 }), { message: /taken/ })
  await ann.room.leave()
  await ann.heard.until(({ sessions }) => sessions.length === 2)
  t.deepEqual(
    ann.heard.sessions.map(({ nick }) => nick),
    ['ann', undefined],
  )
  await bob.room.join('ann')
  t.deepEqual(await who(url), ['ann'])
})

test('another nick ends the session under the one before, and a nick that is taken leaves it', async (t) => {
  const { url } = await serve(t)
  const ann = meet(t, url)
  await ann.room.join('ann')
  await meet(t, url).room.join('carol')
  await t.throwsAsync(ann.room.join('carol'), { message: /taken/ })
  t.deepEqual((await who(url)).toSorted(), ['ann', 'carol'])
  await ann.room.join('anna')
  t.deepEqual((await who(url)).toSorted(), ['anna', 'carol'])
  await ann.room.post('me')
  t.is((await poll(url, 'lobby')).messages.at(-1)?.nick, 'anna')
})

test('a session outlives a restart of the server: it is begun again by itself', async (t) => {
  const first = await serve(t)
  const ann = meet(t, first.url)
  const { nick } = await ann.room.join('ann')
  t.is(nick, 'ann')
  await first.close()
  const second = await serve(t, { port: Number(new URL(first.url).port) }, first.directory)
  await ann.heard.until(({ sessions }) => sessions.length === 2)
  t.is(ann.heard.sessions[1]?.nick, 'ann')
  t.deepEqual(await who(second.url), ['ann'])
  await ann.room.post('still me')
  t.is((await poll(second.url, 'lobby')).messages.at(-1)?.nick, 'ann')
})

test('who finds the nick taken after a restart is told so', async (t) => {
  const first = await serve(t)
  const network = await proxy(t, first.url)
  const ann = meet(t, network.url)
  await ann.room.join('ann')
  network.target = undefined
  await first.close()
  const second = await serve(t, {}, first.directory)
  await meet(t, second.url).room.join('ann')
  network.target = second.url
  await ann.heard.until(({ sessions }) => sessions.length === 2)
  const lost = ann.heard.sessions[1]
  t.is(lost?.nick, undefined)
  t.like(lost?.error, { code: 'nick_taken' })
})

test('a post under a session that the server has just forgotten begins it again', async (t) => {
  const first = await serve(t)
  const ends = new AbortController()
  t.teardown(() => ends.abort())
  const network = await proxy(t, first.url)
  const ann = connect(network.url, { room: 'lobby', retryDelay: 5, signal: ends.signal })
  await ann.join('ann')
  await first.close()
  const second = await serve(t, {}, first.directory)
  network.target = second.url
  await ann.post('me again')
  t.is((await poll(second.url, 'lobby')).messages.at(-1)?.nick, 'ann')
  t.deepEqual(await who(second.url), ['ann'])
})

test('a join whose answer is lost is the same session when it is tried again', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  let lost = 0
  network.loses = ({ url }) => url?.endsWith('/sessions') === true && lost++ < 2
  await meet(t, network.url).room.join('ann')
  const { messages } = await poll(server.url, 'lobby')
  t.deepEqual(
    messages.map(({ type }) => type),
    ['join'],
  )
  t.is(lost, 3)
})

test('a post waits for the join under its nick', async (t) => {
  const { url } = await serve(t)
  const { room } = meet(t, url)
  const [, { id }] = await Promise.all([room.join('ann'), room.post('hi', { nick: 'ann', tries: 1 })])
  t.is((await poll(url, 'lobby')).messages.at(-1)?.id, id)
})

test('typing is seen, is said once for many keys, and ends by itself or with the message', async (t) => {
  const clock = clockOf(t)
  const server = await serve(t)
  const network = await proxy(t, server.url)
  const ann = meet(t, network.url)
  const bob = meet(t, server.url)
  ann.room.typing() // nobody yet: it says nothing
  await ann.room.join('ann')
  for (let key = 0; key < 50; key++) ann.room.typing()
  await bob.heard.until(({ presence }) => presence?.typing[0] === 'ann')
  t.is(network.asked.filter((asked) => asked === 'POST /rooms/lobby/typing').length, 1)
  clock.pass(TIMES.typing)
  await bob.heard.until(({ presence }) => presence?.typing.length === 0)
  for (const msg of ['one', 'two']) {
    await ann.room.post(msg)
    ann.room.typing()
    await bob.heard.until(({ presence }) => presence?.typing[0] === 'ann')
  }
  await ann.room.post('said')
  await bob.heard.until(({ presence }) => presence?.typing.length === 0)
})

test('a message that was posted has been delivered when the connection says so', async (t) => {
  const { url } = await serve(t)
  const { room, heard } = meet(t, url)
  for (let n = 0; n < 20; n++) {
    const { id, timestamp } = await room.post(String(n))
    await room.delivered(timestamp)
    t.is(heard.messages.at(-1)?.id, id)
  }
})
