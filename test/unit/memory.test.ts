/** What is kept for convenience, and how much of it: bytes, objects and files are counted, never time. */
import { readdir, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mock } from 'node:test'
import ava, { type ExecutionContext } from 'ava'
import type { Backlog, Limits } from '../../server/room/backlog.ts'
import { BUDGETS } from '../../server/budgets.ts'
import { encode } from '../../server/dialects/answer.ts'
import { NO_NEWS, pollOfMany, questionsIn } from '../../server/dialects/native/many-rooms.ts'
import type { Pieces } from '../../server/http/http.ts'
import { Lines } from '../../server/room/lines.ts'
import { Memory } from '../../server/room/memory.ts'
import { lineOf, placed, sayingOf, type Message } from '../../server/room/message.ts'
import type { Room, Told } from '../../server/room/room.ts'
import type { RoomName } from '../../server/room/room-name.ts'
import { Rooms } from '../../server/room/rooms.ts'
import type { Store } from '../../server/stores/store.ts'
import { fileStore } from '../../server/stores/file/file-store.ts'
import { memoryStore } from '../../server/stores/memory.ts'
import { TIMES } from '../../server/times.ts'
import { Answering } from '../helpers/answering.ts'
import { freshDirectory } from '../helpers/fresh-directory.ts'
import { until } from '../helpers/until.ts'

const test = ava.serial

const MIB = 1024 * 1024
const LIMITS: Limits = { backlog: 200, maxMessage: 64 * 1024, maxFile: 8 * MIB }
const named = (name: string): RoomName => name as RoomName

/** Polls many rooms as a request does, whose client has not taken its answer yet. */
async function pollMany(rooms: Rooms, request: Answering, poll: string, ms: number): Promise<Pieces> {
  const get = (name: RoomName): Room => rooms.get(name, request)
  return await rooms.during(request, async () => {
    const many = pollOfMany(questionsIn(poll), { ms, get, look: (room) => room.look() })
    return (await rooms.until(many, request)) ?? NO_NEWS
  })
}

interface World {
  readonly rooms: Rooms
  readonly memory: Memory
  readonly store: Store
  /** Works on a room as a request does, and takes the answer at once. */
  readonly visit: <T>(name: string, work: (room: Room) => Promise<T> | T) => Promise<T>
  readonly post: (name: string, msg: string, cid?: string) => Promise<{ id: string; timestamp: number }>
}

function worldOf(t: ExecutionContext, store: Store, budget: number): World {
  const memory = new Memory(budget)
  const warn = (message: string, { error }: { error?: unknown }): void => t.fail(`${message}: ${String(error)}`)
  const rooms = new Rooms({ store, memory, leaseMs: 60_000, maxPeople: 500, times: TIMES, warn })
  t.teardown(async () => {
    rooms.endWaits()
    await rooms.endSessions()
    await store.close()
  })
  const visit: World['visit'] = async (name, work) => {
    const request = new Answering()
    const result = await rooms.during(request, () => work(rooms.get(named(name), request)))
    request.end()
    return result
  }
  const post: World['post'] = (name, msg, cid) => visit(name, (room) => room.post(cid === undefined ? { msg } : { msg, cid }))
  return { rooms, memory, store, visit, post }
}

const inMemory = (t: ExecutionContext, budget = 64 * MIB, limits = LIMITS): World => worldOf(t, memoryStore(limits), budget)

async function inFiles(t: ExecutionContext, budget = 64 * MIB): Promise<World & { directory: string }> {
  const directory = await freshDirectory(t)
  const store = await fileStore({ directory, limits: LIMITS, warn: (message) => t.fail(message) })
  return { ...worldOf(t, store, budget), directory }
}

async function newsOf(room: Room, timestamp: number): Promise<Told> {
  const news = await room.news(timestamp)
  if (!news) throw new Error('there is no news')
  return news
}

/** An answer as the pieces that are sent of it: a short one is one. */
const piecesOf = (body: string | Pieces): Pieces => (typeof body === 'string' ? { buffers: [Buffer.from(body)] } : body)

const textOf = ({ buffers }: Pieces): string => Buffer.concat(buffers).toString()

/** The bytes behind some answers: those that several share count once. */
function bytesBehind(answers: readonly Pieces[]): number {
  const memories = new Set(answers.flatMap(({ buffers }) => buffers.map(({ buffer }) => buffer)))
  return [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0)
}

test('what was used the longest ago is let go when the budget is spent', (t) => {
  const memory = new Memory(100)
  const gone: string[] = []
  for (const name of ['a', 'b', 'c']) memory.keep(name, name.toUpperCase(), 30, () => gone.push(name))
  t.is(memory.use('a'), 'A')
  memory.keep('d', 'D', 30, () => gone.push('d'))
  t.deepEqual(gone, ['b'])
  t.is(memory.bytes, 90)
  memory.forget('c')
  t.deepEqual([gone, memory.size], [['b'], 2])
  memory.keep('large', 'L', 1000, () => gone.push('large'))
  t.deepEqual(gone, ['b', 'a', 'd'])
  t.deepEqual([memory.bytes, memory.use('large')], [100, 'L'])
})

const said = (n: number, length: number): Message => placed(sayingOf({ msg: `${n} ${'x'.repeat(length)}` }), { timestamp: n, n: 0 })
const backlogOf = (messages: readonly Message[], edited = 0): Backlog => ({
  timestamp: messages.at(-1)?.timestamp ?? 1,
  messages,
  edited,
  dropped: 0,
})

test('the lines of a room are those of its messages, from whichever on, however the room went on', (t) => {
  let lines: Lines | undefined
  let messages: Message[] = []
  for (let n = 1; n < 120; n++) {
    messages = [...messages, said(n, (n * 7919) % 9000)].slice(-50)
    if (n % 7 === 0) continue // not each moment of a room is asked for
    lines = new Lines(backlogOf(messages), lines)
    for (const count of [1, 2, 17, messages.length - 1, messages.length]) {
      const expected = count > 0 ? messages.slice(-count).map(lineOf).join(',') : ''
      t.is(Buffer.concat(lines.newest(count)).toString(), expected, `${count} of ${messages.length} at ${n}`)
    }
  }
  t.deepEqual(new Lines(backlogOf([])).newest(0), [])
})

test('the lines of a moment are the bytes of the moment before, but for what was added', (t) => {
  const messages = Array.from({ length: 200 }, (_, n) => said(n + 1, 20_000))
  const moments = [new Lines(backlogOf(messages))]
  for (let n = 1; n <= 50; n++) {
    const next = [...messages, ...Array.from({ length: n }, (_, i) => said(201 + i, 10))].slice(-200)
    moments.push(new Lines(backlogOf(next), moments.at(-1)))
  }
  const behind = bytesBehind(moments.map((lines) => ({ buffers: lines.newest(200) })))
  t.true(behind < 200 * 20_100 + 50 * 33_000, `${behind} bytes behind 51 answers of 4 MB`)
})

test('after an edit nothing of the lines before is told', (t) => {
  const before = new Lines(backlogOf([said(1, 9), said(2, 9)]))
  const edited = backlogOf([said(1, 9), { ...said(2, 9), msg: 'moderated' }], 3)
  t.true(Buffer.concat(new Lines(edited, before).newest(2)).includes('moderated'))
})

test('timestamps that nobody has cost nothing: all who are told the same are told one object, with one copy of its bytes', async (t) => {
  const { visit, post } = inMemory(t)
  for (let n = 0; n < 90; n++) await post('lobby', '\u0001'.repeat(2000))
  const answers: Pieces[] = []
  await visit('lobby', async (room) => {
    const future = new Set<unknown>()
    for (let n = 1; n <= 500; n++) future.add(await newsOf(room, room.timestamp + n))
    t.is(future.size, 1)
    const told = await newsOf(room, 0)
    for (const { timestamp } of room.messages.slice(0, -20)) answers.push(piecesOf(encode(await newsOf(room, timestamp))))
    answers.push(piecesOf(encode(told)))
    t.is((JSON.parse(textOf(piecesOf(encode(told)))) as { messages: unknown[] }).messages.length, 90)
  })
  const behind = bytesBehind(answers)
  t.true(behind < 2 * 90 * 12_100, `${behind} bytes behind ${answers.length} answers of up to 1 MB`)
})

test('many clients who poll many rooms are told the same bytes, also while somebody posts', async (t) => {
  const { rooms, post } = inMemory(t)
  for (let n = 0; n < 100; n++) await post('big', 'x'.repeat(50_000))
  const answers: Pieces[] = []
  for (let n = 0; n < 50; n++) {
    const request = new Answering() // its answer is never taken
    answers.push(await pollMany(rooms, request, 'big:0,lobby:1', 0))
    await post('big', `small ${n}`)
  }
  const behind = bytesBehind(answers)
  t.true(behind < 100 * 50_200 + 50 * 34_000, `${behind} bytes behind 50 answers of 5 MB`)
  const { rooms: told } = JSON.parse(textOf(answers[49] as Pieces)) as { rooms: Record<string, { messages: Message[] }> }
  t.is(told['big']?.messages.length, 149)
})

test('a room in use is one object for all, however many others are asked for', async (t) => {
  const { rooms, visit, post } = inMemory(t, MIB)
  const request = new Answering()
  await rooms.during(request, async () => {
    const room = rooms.get(named('ops'), request)
    const session = await room.join('ann')
    for (let n = 0; n < 300; n++) await visit(`room-${n}`, (other) => other.look())
    for (let n = 0; n < 50; n++) await post(`full-${n}`, 'x'.repeat(20_000))
    await visit('ops', (same) => {
      t.is(same, room)
      t.true(same.presence.has(session.id))
    })
  })
  request.end()
  const people = await visit('ops', (same) => same.people)
  t.is(people, 1) // somebody in it is use enough
})

test('a room is in use until its answer was taken, and not for longer', async (t) => {
  const { rooms, memory } = inMemory(t, 1) // what is not in use goes as soon as something else is kept
  const request = new Answering()
  await rooms.during(request, () => rooms.get(named('ops'), request).look())
  t.deepEqual([rooms.size, memory.size], [1, 0])
  request.end()
  t.deepEqual([rooms.size, memory.size], [1, 1])
  const gone = new Answering()
  await rooms.during(gone, async () => {
    const room = rooms.get(named('ops'), gone)
    gone.end() // the client hangs up, and the work goes on
    await room.look()
    t.deepEqual([rooms.size, memory.size], [1, 0])
  })
  t.deepEqual([rooms.size, memory.size], [1, 1])
})

test('who was in a room before its first message is not told of a gap', async (t) => {
  const { visit, directory } = await inFiles(t)
  const { timestamp } = await visit('ops', async (room) => (await looked(room)).emptyAnswer)
  const other = await fileStore({ directory, limits: LIMITS, warn: (message) => t.fail(message) })
  t.teardown(() => other.close())
  await other.append(named('ops'), [{ msg: 'the first' }])
  const told = await visit('ops', async (room) => newsOf(await looked(room), timestamp))
  t.deepEqual([told.messages.length, told.gap, told.reset], [1, undefined, undefined])
})

test('rooms that nobody wrote to leave next to nothing in memory, and nothing in the directory', async (t) => {
  const { rooms, memory, directory } = await inFiles(t, MIB)
  const request = new Answering()
  const parked = Array.from({ length: 6 }, (_, n) => {
    const questions = Array.from({ length: 100 }, (_room, i) => `r${n}-${i}:1`)
    return pollMany(rooms, request, questions.join(','), 60_000)
  })
  t.deepEqual(await readdir(directory), [])
  t.is(memory.bytes, 0)
  rooms.endWaits()
  for (const answer of await Promise.all(parked)) t.is(textOf(answer), '{"rooms":{}}')
  request.end()
  t.true(rooms.size <= 600 && memory.bytes <= MIB, `${rooms.size} rooms, ${memory.bytes} bytes`)
})

test('idle rooms are kept as far as the budget goes, and come back as they were', async (t) => {
  const { rooms, memory, visit, post, directory } = await inFiles(t, MIB)
  for (let n = 0; n < 15; n++) for (let i = 0; i < 3; i++) await post(`r${n}`, `${i} ${'x'.repeat(10_000)}`)
  t.true(memory.bytes <= MIB)
  t.true(rooms.size <= 6, `${rooms.size} rooms of 190 KB each in 1 MiB`)
  for (let n = 0; n < 15; n++) {
    const texts = await visit(`r${n}`, async (room) => (await newsOf(await looked(room), 0)).messages.map(({ msg }) => msg[0]))
    t.deepEqual(texts, ['0', '1', '2'])
  }
  t.true(memory.bytes <= MIB)
  // Those of the last ones are closed as soon as it is known that no program holds an old version of them.
  await t.notThrowsAsync(until(async () => (await openFiles(join(directory, '.roomfile'))) <= rooms.size + 1))
})

const looked = async (room: Room): Promise<Room> => {
  await room.look()
  return room
}

/** How many files below a directory this process has open. */
async function openFiles(directory: string): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return paths.filter((path) => path.startsWith(directory)).length
}

test('locks are held open for some rooms only, whatever number is in use', async (t) => {
  const budget = mock.property<{ openLocks: number }, 'openLocks'>(BUDGETS, 'openLocks', 20)
  t.teardown(() => budget.mock.restore())
  const { rooms, visit, store, directory } = await inFiles(t)
  const count = BUDGETS.openLocks + 20
  for (let n = 0; n < count; n++) await writeFile(join(directory, `r${n}.jsonl`), 'hello\n')
  const request = new Answering()
  await rooms.during(request, async () => {
    for (let n = 0; n < count; n++) await rooms.get(named(`r${n}`), request).look()
  })
  t.is(rooms.size, count)
  await visit('r0', (room) => room.post({ msg: 'again' })) // the oldest is one of those that were closed
  await store.append(named(`r${count - 1}`), [])
  const most = BUDGETS.openLocks + 1
  while ((await openFiles(join(directory, '.roomfile', 'r'))) > most) await store.read(named('r0')) // each is closed in its room's turn
  request.end()
})

test('whoever has gone away does not wait', async (t) => {
  const { rooms } = await inFiles(t, MIB)
  const request = new Answering()
  const told = await rooms.during(request, () => {
    const room = rooms.get(named('ops'), request)
    request.end()
    return rooms.until({ rooms: [room], ms: 60_000, tell: () => undefined }, request)
  })
  t.is(told, undefined)
})

test('a room that is waited in may be let go, and whoever waits is told what comes', async (t) => {
  const { rooms, visit, post } = await inFiles(t, MIB)
  const request = new Answering()
  const parked = await rooms.during(request, async () => {
    const room = rooms.get(named('ops'), request)
    const { timestamp } = await room.post({ msg: 'before' })
    for (let n = 0; n < 15; n++) await post(`r${n}`, 'x'.repeat(20_000))
    t.is(room.messages.length, 0) // let go
    const polled = rooms.until({ rooms: [room], ms: 60_000, tell: () => room.news(timestamp) }, request)
    await visit('ops', (same) => same.look()) // it is as it was: nobody is woken, nothing is read
    t.is(room.messages.length, 0)
    const behind = await visit('ops', (same) => newsOf(same, timestamp - 1))
    t.deepEqual([behind.messages.map(({ msg }) => msg), behind.reset], [['before'], undefined])
    await post('ops', 'after')
    return polled
  })
  t.deepEqual(
    parked?.messages.map(({ msg }) => msg),
    ['after'],
  )
  t.deepEqual([parked?.reset, parked?.gap], [undefined, undefined])
  request.end()
})

test('of a cid is remembered what answers a retry, and not the message', async (t) => {
  const { memory, post, visit } = inMemory(t, 64 * MIB, { ...LIMITS, backlog: 5 })
  const first = await post('ops', 'x'.repeat(16_000), 'cid-first')
  for (let n = 0; n < 500; n++) await post('ops', 'x'.repeat(16_000), `cid-${n}`)
  t.true(memory.bytes < 500 * 500 + 6 * 5 * 16_100 + 10_000, `${memory.bytes} bytes for 501 cids and 5 messages`)
  t.deepEqual(await post('ops', 'x'.repeat(16_000), 'cid-first'), first)
  t.is(await visit('ops', (room) => room.messages.length), 5)
})

test('a cid whose message the room still has is known, whatever was let go', async (t) => {
  const { memory, post, visit } = await inFiles(t, MIB)
  const first = await post('ops', 'hello', 'cid-first')
  for (let n = 0; n < 15; n++) await post(`r${n}`, 'x'.repeat(20_000), `cid-${n}`)
  t.true(memory.bytes <= MIB)
  t.deepEqual(await post('ops', 'hello', 'cid-first'), first)
  t.is((await visit('ops', (room) => newsOf(room, 0))).messages.length, 1)
})
