/** The list of rooms: in pages, by what has changed, and whatever else lies in the directory. */
import { once } from 'node:events'
import { appendFile, mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import ava from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import type { RoomName } from '../../server/room/room-name.ts'
import { fileStore } from '../../server/stores/file/file-store.ts'
import { TIMES } from '../../server/times.ts'
import { post, send } from '../helpers/chat.ts'
import { clockOf } from '../helpers/clock.ts'
import { needing } from '../helpers/needing.ts'
import { UTIL_LINUX } from '../helpers/programs.ts'
import { freshDirectory, serve, serveProcess } from '../helpers/serve.ts'

const test = ava.serial

interface Listed {
  readonly timestamp?: number
  readonly messages?: number
  readonly people?: number
  readonly error?: { readonly status: number; readonly code: string }
}

interface List {
  readonly rooms: Record<string, Listed>
  readonly next?: string
}

async function list(url: string, query = ''): Promise<List> {
  const { status, text } = await send(`${url}/rooms${query}`)
  if (status !== 200) throw new Error(`the list answered ${status}: ${text}`)
  return JSON.parse(text) as List
}

const line = (n: number): string => `${JSON.stringify({ id: `${n}-0`, timestamp: n, type: 'msg', nick: '', msg: 'a' })}\n`

/** Files of this many rooms, named in their order. */
async function makeRooms(directory: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, n) => `room-${String(n).padStart(6, '0')}`)
  for (let n = 0; n < count; n += 100)
    await Promise.all(names.slice(n, n + 100).map((name) => writeFile(join(directory, `${name}.jsonl`), line(1))))
  return names
}

test('the list comes in pages, which name the room to go on behind', async (t) => {
  const { url, directory } = await serve(t)
  const names = await makeRooms(directory, 25)
  const read: string[] = []
  let pages = 0
  for (let next: string | undefined = ''; next !== undefined; pages++) {
    const page: List = await list(url, `?limit=10&after=${next}`)
    t.true(Object.keys(page.rooms).length <= 10)
    read.push(...Object.keys(page.rooms))
    next = page.next
  }
  t.deepEqual(read, names)
  t.is(pages, 3)
  t.deepEqual(Object.keys((await list(url, '?after=room-000023x')).rooms), ['room-000024'])
  t.deepEqual(await list(url, '?after=zzz'), { rooms: {} })
  t.is((await list(url, '?limit=25')).next, undefined)
})

test('a limit that is none is refused', async (t) => {
  const { url } = await serve(t)
  for (const limit of ['0', '-1', 'all', '1e3', '', String(BUDGETS.listedRooms + 1)]) {
    const answer = await send(`${url}/rooms?limit=${limit}`)
    t.is(answer.status, 400, limit)
    t.is((JSON.parse(answer.text) as { error: { code: string } }).error.code, 'bad_list')
  }
})

test('of more rooms than a page has one answer tells a page', async (t) => {
  const directory = await freshDirectory(t)
  const names = await makeRooms(directory, BUDGETS.listedRooms + 1)
  const { url } = await serve(t, {}, directory)
  const first = await list(url)
  t.deepEqual(Object.keys(first.rooms), names.slice(0, BUDGETS.listedRooms))
  t.is(first.next, names[BUDGETS.listedRooms - 1])
  t.deepEqual(first.rooms['room-000000'], { timestamp: first.rooms['room-000000']?.timestamp ?? 0, messages: 1, people: 0 })
})

test('what is posted, made, appended, moved and removed is in the list at once, or as soon as the directory says so', async (t) => {
  const { url, directory, file } = await serve(t)
  await post(url, 'b', { msg: 'a' })
  t.deepEqual(Object.keys((await list(url)).rooms), ['b'])
  const { timestamp } = await post(url, 'b', { msg: 'a' })
  await post(url, 'a', { msg: 'a' })
  const now = (await list(url)).rooms
  t.deepEqual(Object.keys(now), ['a', 'b'])
  t.deepEqual(now['b'], { timestamp, messages: 2, people: 0 })
  /** Asks until the list is so; a list that never is lets the test run into its timeout. */
  const until = async (isSo: (rooms: Record<string, Listed>) => boolean): Promise<void> => {
    while (!isSo((await list(url)).rooms)) await send(`${url}/healthz`)
  }
  await appendFile(file('b'), line(3))
  await until((rooms) => rooms['b']?.messages === 3)
  await writeFile(join(directory, 'd.jsonl'), line(1))
  await until((rooms) => rooms['d']?.messages === 1)
  await rename(file('d'), file('e'))
  await until((rooms) => !rooms['d'] && rooms['e']?.messages === 1)
  await rm(file('a'))
  await until((rooms) => !rooms['a'])
  t.pass()
})

test('a file that is bad costs its own room only', async (t) => {
  const { url, directory, file } = await serve(t)
  const { timestamp } = await post(url, 'good', { msg: 'a' })
  await mkdir(file('directory'))
  await symlink('loop.jsonl', file('loop'))
  await symlink(join(directory, 'nowhere'), file('nowhere'))
  const socket = createServer().listen(file('socket'))
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  const huge = await open(file('huge'), 'w')
  await huge.truncate(2_400_000_000) // takes no room on the disk
  await huge.close()
  let listed = (await list(url)).rooms
  while (!listed['huge'] || !listed['loop']) listed = (await list(url)).rooms // until the directory has said so
  t.deepEqual(Object.keys(listed), ['good', 'huge', 'loop'])
  t.deepEqual(listed['good'], { timestamp, messages: 1, people: 0 })
  t.is(listed['huge']?.messages, 0)
  t.like(listed['loop'], { error: { status: 500, code: 'not_readable' } })
  await rm(file('loop'))
  await writeFile(file('loop'), line(1))
  while (listed['loop']?.messages !== 1) listed = (await list(url)).rooms // as soon as the cause is gone
  t.is((await post(url, 'good', { msg: 'b' })).timestamp > timestamp, true)
})

test('a file that is too large is not read into memory to be sent', async (t) => {
  // The room is known, its file then grows: it is not taken in before it was left alone, so somebody asks while it is as it should not be.
  const { url, file } = await serve(t, { maxFile: 100_000, times: { quiet: 3_600_000, safetyLook: 3_600_000 } })
  await post(url, 'grows', { msg: 'a' })
  const grown = await open(file('grows'), 'r+')
  await grown.truncate(2_400_000_000)
  await grown.close()
  const before = process.memoryUsage().arrayBuffers
  const answer = await send(`${url}/rooms/grows/file`)
  t.is(answer.status, 500)
  t.is((JSON.parse(answer.text) as { error: { code: string } }).error.code, 'not_readable')
  t.true(process.memoryUsage().arrayBuffers - before < 50_000_000)
})

test('all who ask while nothing changes are told one and the same, and only what changed is looked at again', async (t) => {
  const directory = await freshDirectory(t)
  await makeRooms(directory, 300)
  const limits = { backlog: 200, maxMessage: 1000, maxFile: 100_000 }
  const store = await fileStore({ directory, limits, times: { ...TIMES, safetyLook: 3_600_000 }, warn: (message) => t.fail(message) })
  t.teardown(() => store.close())
  const first = await store.list({ limit: 100 })
  for (const again of await Promise.all(Array.from({ length: 50 }, () => store.list({ limit: 100 })))) t.is(again, first)
  const [changed = '', other] = first.map(({ name }) => name)
  await store.append(changed as RoomName, [{ msg: 'b' }])
  const next = await store.list({ limit: 100 })
  t.like(next[0], { name: changed, messages: 2 })
  t.is(next[1], first[1], other)
})

test('a bad file is looked at again once in a while, and not for each who asks', async (t) => {
  const clock = clockOf(t)
  const [directory, elsewhere] = [await freshDirectory(t), await freshDirectory(t)]
  await symlink('file', join(elsewhere, 'file')) // a link to itself
  await symlink(join(elsewhere, 'file'), join(directory, 'bad.jsonl'))
  const limits = { backlog: 200, maxMessage: 1000, maxFile: 100_000 }
  const times = { ...TIMES, badFile: 1_000_000, safetyLook: 3_600_000 }
  const store = await fileStore({ directory, limits, times, warn: (message) => t.fail(message) })
  t.teardown(() => store.close())
  const first = await store.list()
  t.like(first[0], { name: 'bad', error: { code: 'not_readable' } })
  await rm(join(elsewhere, 'file'))
  await writeFile(join(elsewhere, 'file'), line(1)) // nothing happens in the directory of the rooms
  t.is(await store.list(), first)
  clock.pass(1_000_001)
  t.like((await store.list())[0], { name: 'bad', messages: 1 })
})

test('a bad file that is there at the start does not end the watch of the others', async (t) => {
  const directory = await freshDirectory(t)
  await symlink('bad.jsonl', join(directory, 'bad.jsonl'))
  const limits = { backlog: 200, maxMessage: 1000, maxFile: 100_000 }
  const times = { ...TIMES, safetyLook: 3_600_000, directoryLook: 3_600_000 }
  const store = await fileStore({ directory, limits, times, warn: (message) => t.fail(message) })
  t.teardown(() => store.close())
  t.is((await store.list()).length, 1)
  await writeFile(join(directory, 'good.jsonl'), line(1))
  while ((await store.list()).length < 2) await rm(join(directory, 'none'), { force: true }) // until the directory has said so
  await appendFile(join(directory, 'good.jsonl'), line(2))
  for (let listed = await store.list(); ; listed = await store.list()) {
    const good = listed[1]
    if (good && 'messages' in good && good.messages === 2) break
  }
  t.pass()
})

needing(UTIL_LINUX)('rooms that were never counted do not take all open files', async (t) => {
  const directory = await freshDirectory(t)
  const names = await makeRooms(directory, 300)
  const { url } = await serveProcess(t, [], directory, ['prlimit', '--nofile=100:100'])
  const pages = await Promise.all(Array.from({ length: 10 }, () => list(url)))
  for (const { rooms } of pages) {
    t.deepEqual(Object.keys(rooms), names)
    t.true(Object.values(rooms).every(({ messages }) => messages === 1))
  }
})
