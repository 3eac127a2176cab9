/** Another process holds a room, because it was stopped in the middle of a commit: who posts waits for it, who reads does not. */
import { appendFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import ava, { type ExecutionContext } from 'ava'
import { EMPTY, type Backlog, type Limits } from '../../server/room/backlog.ts'
import type { RoomName } from '../../server/room/room-name.ts'
import type { Store } from '../../server/stores/store.ts'
import { fileStore } from '../../server/stores/file/file-store.ts'
import { RoomLock } from '../../server/stores/file/room-lock.ts'
import { TIMES } from '../../server/times.ts'
import { Follower, poll, post, send } from '../helpers/chat.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { said } from '../helpers/room-files.ts'
import { freshDirectory, serve } from '../helpers/serve.ts'

const test = ava.serial

const LOBBY = 'lobby' as RoomName
const LIMITS: Limits = { backlog: 10, maxMessage: 1000, maxFile: 100_000 }

/** Posts wait, and no safety look tells what an event should. */
const WAITING = { lock: TEST_LIMIT_MS, safetyLook: TEST_LIMIT_MS }

/** Does something while another process holds the lobby. */
async function whileHeld<T>(directory: string, work: (lock: RoomLock) => Promise<T>): Promise<T> {
  const lock = new RoomLock(() => join(directory, '.roomfile', 'lobby'), TEST_LIMIT_MS)
  try {
    return await lock.hold(() => work(lock))
  } finally {
    lock.close()
  }
}

const textsOf = ({ messages }: Pick<Backlog, 'messages'>): string[] => messages.map(({ msg }) => msg)

test('polls answer in their own time, and what echo added is heard when the room is free', async (t) => {
  const server = await serve(t, { times: WAITING })
  const { timestamp } = await post(server.url, 'lobby', { msg: 'before' })
  const alice = await new Follower(server.url, 'lobby').start()
  await whileHeld(server.directory, async () => {
    await appendFile(server.file('lobby'), 'by hand\n')
    const polls = Array.from({ length: 20 }, () => poll(server.url, 'lobby', { timestamp, wait: 0 }))
    for (const told of await Promise.all(polls)) t.like(told, { timestamp, messages: [] })
    const began = performance.now()
    t.like(await poll(server.url, 'lobby', { timestamp, wait: 1 }), { timestamp, messages: [] })
    t.true(performance.now() - began < TIMES.lock / 2, 'a parked poll does not end with its wait')
    t.deepEqual(textsOf(await poll(server.url, 'lobby')), ['before'])
  })
  await alice.until(({ texts }) => texts.length === 2)
  await alice.stop()
  t.deepEqual(alice.texts, ['before', 'by hand'])
  t.is(alice.resets, 0)
  t.deepEqual(
    server.log.filter((line) => line.includes('"level":40')),
    [],
  )
})

test('a post waits, and polls go on beside it', async (t) => {
  const server = await serve(t, { times: WAITING })
  const { timestamp } = await post(server.url, 'lobby', { msg: 'before' })
  let isKept = false
  const { kept } = await whileHeld(server.directory, async () => {
    const waiting = post(server.url, 'lobby', { msg: 'kept late' }).finally(() => (isKept = true))
    await appendFile(server.file('lobby'), 'by hand\n')
    for (let n = 0; n < 3; n++) t.like(await poll(server.url, 'lobby', { timestamp, wait: 0 }), { timestamp, messages: [] })
    t.false(isKept)
    return { kept: waiting }
  })
  await kept
  t.deepEqual(await said(server), ['before', 'by hand', 'kept late'])
})

test('a post is refused after a while, and the log names the room that is held', async (t) => {
  const server = await serve(t, { times: { lock: 50, readLock: 10 } })
  await post(server.url, 'lobby', { msg: 'before' })
  await whileHeld(server.directory, async () => {
    const { status, text } = await send(`${server.url}/rooms/lobby`, { body: 'never kept' })
    t.is(status, 503)
    t.regex(text, /room_busy/)
    await appendFile(server.file('lobby'), 'by hand\n')
    while (!server.log.some((line) => line.includes('could not take in') && line.includes('lobby'))) await poll(server.url, 'lobby')
  })
})

interface Stores {
  readonly directory: string
  readonly open: () => Promise<Store>
}

async function stores(t: ExecutionContext): Promise<Stores> {
  const directory = await freshDirectory(t)
  return {
    directory,
    async open() {
      const store = await fileStore({ directory, limits: LIMITS, times: { ...TIMES, ...WAITING }, warn: (message) => t.log(message) })
      t.teardown(() => store.close())
      return store
    },
  }
}

test('what was committed before is told, and what was added behind it is not yet', async (t) => {
  const { directory, open } = await stores(t)
  const [one, two, three] = [await open(), await open(), await open()]
  const backlog = { one: (await one.append(LOBBY, [{ msg: 'one' }])).backlog, two: await two.read(LOBBY) }
  t.deepEqual(backlog.two.messages, backlog.one.messages)
  const { backlog: committed } = await one.append(LOBBY, [{ msg: 'two' }])
  await whileHeld(directory, async () => {
    await appendFile(join(directory, 'lobby.jsonl'), 'by hand\n')
    for (const store of [one, two, three]) t.like(await store.read(LOBBY), { timestamp: committed.timestamp, messages: committed.messages })
    two.letGo(LOBBY)
    t.deepEqual(await two.read(LOBBY), await two.read(LOBBY))
    t.deepEqual(textsOf(await two.read(LOBBY)), ['one', 'two'])
  })
  for (const store of [three, two, one]) while (textsOf(await store.read(LOBBY)).at(-1) !== 'by hand');
  const all = await Promise.all([one, two, three].map((store) => store.read(LOBBY)))
  for (const { messages } of all)
    t.deepEqual(
      messages.map(({ msg }) => msg),
      ['one', 'two', 'by hand'],
    )
  t.is(new Set(all.map(({ timestamp }) => timestamp)).size, 1)
  for (const { edited } of all) t.is(edited, 0)
})

test('who comes first to a room in the moment of a commit waits: nothing is told as dropped that nobody dropped', async (t) => {
  const { directory, open } = await stores(t)
  const one = await open()
  const { backlog } = await one.append(LOBBY, [{ msg: 'one' }])
  const { backlog: newest } = await one.append(LOBBY, [{ msg: 'two' }])
  const two = await open()
  const { read } = await whileHeld(directory, async (lock) => {
    lock.writeStanding({ timestamp: backlog.timestamp, dropped: 0 }) // as it is while the version of `two` is in place already
    const waiting = two.read(LOBBY)
    t.is(await Promise.race([waiting, delay(2 * TIMES.readLock, 'waits')]), 'waits') // for longer than for a room that is known
    lock.writeStanding({ timestamp: newest.timestamp, dropped: 0 })
    return { read: waiting }
  })
  t.deepEqual(await read, newest)
})

test('that a file was removed once more, as another server took it in, is told again while the room is held', async (t) => {
  const { directory, open } = await stores(t)
  const [one, two] = [await open(), await open()]
  const removed = async (...readers: Store[]): Promise<Backlog[]> => {
    await one.append(LOBBY, [{ msg: 'to be removed' }])
    if (readers.length > 1) await two.read(LOBBY)
    await rm(join(directory, 'lobby.jsonl'))
    while ((await one.read(LOBBY)).messages.length > 0);
    return Promise.all(readers.map((store) => store.read(LOBBY)))
  }
  await removed(one, two)
  const [{ timestamp } = EMPTY] = await removed(one)
  t.is((await two.read(LOBBY)).timestamp, timestamp)
  await whileHeld(directory, async () => t.is((await two.read(LOBBY)).timestamp, timestamp))
})

test('an edit is not told before the room is free', async (t) => {
  const { directory, open } = await stores(t)
  const store = await open()
  const { backlog } = await store.append(LOBBY, [{ msg: 'one' }, { msg: 'two' }])
  await whileHeld(directory, async () => {
    await writeFile(join(directory, '.new'), 'only\n')
    await rename(join(directory, '.new'), join(directory, 'lobby.jsonl'))
    t.is(await store.read(LOBBY), backlog)
  })
  while ((await store.read(LOBBY)) === backlog);
  t.true(textsOf(await store.read(LOBBY)).includes('only'))
})
