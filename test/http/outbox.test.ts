/** The outbox on the real server, through a network that fails: nothing lost, nothing doubled, all in order. */
import ava, { type ExecutionContext } from 'ava'
import { connect, type Connection } from '../../client/api/client.ts'
import { outbox, type Outbox, type OutboxEntry } from '../../client/api/outbox.ts'
import { poll, post } from '../helpers/chat.ts'
import { RoomListener } from '../helpers/listener.ts'
import { proxy } from '../helpers/proxy.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

/** What a browser keeps for an origin. */
class MemoryStorage implements Storage {
  readonly #items = new Map<string, string>()

  get length(): number {
    return this.#items.size
  }

  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null
  }

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value)
  }

  removeItem(key: string): void {
    this.#items.delete(key)
  }

  clear(): void {
    this.#items.clear()
  }
}

interface Page {
  readonly room: Connection
  readonly heard: RoomListener
  readonly out: Outbox
  /** What the page shows as not sent yet, each time that it changed. */
  readonly shown: (readonly OutboxEntry[])[]
  /** Resolves once the entries are as `isSo` wants them. */
  until(isSo: (entries: readonly OutboxEntry[]) => boolean): Promise<void>
  /** The page goes, as it does at a reload. */
  close(): void
}

function open(t: ExecutionContext, url: string, storage?: Storage): Page {
  const ends = new AbortController()
  const room = connect(url, { room: 'lobby', retryDelay: 5, signal: ends.signal })
  const heard = new RoomListener(room)
  const shown: (readonly OutboxEntry[])[] = []
  let wakes: (() => void)[] = []
  const changed = (entries: readonly OutboxEntry[]): void => {
    shown.push(entries)
    for (const wake of wakes.splice(0)) wake()
  }
  const out = outbox({ connection: room, storage, key: 'outbox lobby', changed })
  const close = (): void => {
    out.close()
    ends.abort()
  }
  t.teardown(close)
  return {
    room,
    heard,
    out,
    shown,
    close,
    async until(isSo) {
      while (!isSo(out.entries)) await new Promise<void>((resolve) => (wakes = [...wakes, resolve]))
    },
  }
}

const isEmpty = (entries: readonly OutboxEntry[]): boolean => entries.length === 0
const textsOf = (entries: readonly { msg: string }[]): string[] => entries.map(({ msg }) => msg)
const counted = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n))

async function texts(url: string): Promise<string[]> {
  return textsOf((await poll(url, 'lobby')).messages)
}

test('messages go in the order in which they were said, each once, whatever answers are lost', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  let posts = 0
  network.loses = ({ method }) => method === 'POST' && posts++ % 3 < 2 // two of three posts are stored and not answered
  const ann = open(t, network.url)
  for (const msg of counted(20)) ann.out.add(msg, 'ann')
  t.deepEqual(textsOf(ann.out.entries), counted(20))
  await ann.until(isEmpty)
  t.deepEqual(await texts(server.url), counted(20))
  t.true(posts > 50)
})

test('what was said while the server was down arrives after a reload of the page, once and in order', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  const storage = new MemoryStorage()
  const before = open(t, network.url, storage)
  network.loses = ({ method }) => method === 'POST'
  before.out.add('stored, not answered', 'ann')
  while (!network.asked.includes('POST /rooms/lobby')) await post(server.url, 'other', { msg: 'time goes by' })
  network.target = undefined
  for (const msg of counted(5)) before.out.add(msg, 'ann')
  before.close()
  const after = open(t, network.url, storage)
  t.deepEqual(textsOf(after.out.entries), ['stored, not answered', ...counted(5)])
  t.true(after.out.entries.every(({ state, nick }) => state === 'sending' && nick === 'ann'))
  network.loses = () => false
  network.target = server.url
  await after.until(isEmpty)
  t.deepEqual(await texts(server.url), ['stored, not answered', ...counted(5)])
  t.is(storage.length, 0)
})

test('a message that the room refuses says why, lets the others pass, and can be tried again or taken out', async (t) => {
  const server = await serve(t, { maxMessage: 1024 })
  const storage = new MemoryStorage()
  const page = open(t, server.url, storage)
  const owner = connect(server.url, { room: 'lobby' })
  await owner.join('taken')
  page.out.add('x'.repeat(2000), 'ann')
  const cid = page.out.add('mine', 'taken')
  page.out.add('fine', 'ann')
  await page.until((entries) => entries.length === 2 && entries.every(({ state }) => state === 'failed'))
  t.deepEqual((await poll(server.url, 'lobby')).messages.at(-1)?.msg, 'fine')
  page.close()
  const again = open(t, server.url, storage)
  t.like(again.out.entries[0], { state: 'failed', error: { code: 'too_large', status: 413 } })
  t.like(again.out.entries[1], { state: 'failed', error: { code: 'nick_taken', status: 409 } })
  await owner.leave()
  again.out.retry(cid)
  t.is(again.out.entries[1]?.state, 'sending')
  await again.until((entries) => entries.length === 1)
  t.like((await poll(server.url, 'lobby')).messages.at(-1), { msg: 'mine', nick: 'taken', cid })
  again.out.cancel(again.out.entries[0]?.cid ?? '')
  t.is(again.out.entries.length, 0)
  t.is(storage.length, 0)
})

test('what is taken out while it waits is not sent', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  network.target = undefined
  const ann = open(t, network.url)
  const [first = '', , third = ''] = ['one', 'two', 'three'].map((msg) => ann.out.add(msg, ''))
  ann.out.cancel(first)
  ann.out.cancel(third)
  network.target = server.url
  ann.room.retry()
  await ann.until(isEmpty)
  t.deepEqual(await texts(server.url), ['two'])
})

test('a server that is down for long fails no message', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  network.target = undefined
  const ann = open(t, network.url)
  ann.out.add('patient', '')
  const posts = (): number => network.asked.filter((asked) => asked === 'POST /rooms/lobby').length
  // More tries than a post alone makes.
  while (posts() < 6) await new Promise((resolve) => setImmediate(resolve))
  t.is(ann.out.entries[0]?.state, 'sending')
  network.target = server.url
  ann.room.retry()
  await ann.until(isEmpty)
  t.deepEqual(await texts(server.url), ['patient'])
})

test('an entry is shown until its message is there: at no moment is it nowhere', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  const ann = open(t, network.url)
  await ann.heard.until(({ states }) => states.includes('connected'))
  network.stops = ({ method }) => method === 'GET'
  ann.room.retry()
  for (const msg of counted(2)) ann.out.add(msg, '')
  // The second is posted once the first was answered: nothing but the poll is missing then.
  while ((await texts(server.url)).length < 2) await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(ann.heard.texts, [])
  t.deepEqual(textsOf(ann.out.entries), counted(2))
  network.stops = () => false
  await ann.until(isEmpty)
  t.deepEqual(ann.heard.texts, counted(2))
})

/** As a browser is that blocks it: merely looking throws. */
const blocked = new Proxy(new MemoryStorage(), {
  get() {
    throw new DOMException('blocked', 'SecurityError')
  },
})

for (const [name, storage] of Object.entries({ blocked, missing: undefined })) {
  test(`where storage is ${name} messages are sent all the same`, async (t) => {
    const { url } = await serve(t)
    const ann = open(t, url, storage)
    for (const msg of counted(3)) ann.out.add(msg, '')
    await ann.until(isEmpty)
    t.deepEqual(await texts(url), counted(3))
  })
}

test('a storage that gets full does not bring back what it kept before', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  network.target = undefined
  const storage = new MemoryStorage()
  const ann = open(t, network.url, storage)
  const cid = ann.out.add('withdrawn', '')
  storage.setItem = () => {
    throw new Error('full')
  }
  ann.out.add('new', '')
  ann.out.cancel(cid)
  t.is(storage.length, 0)
  t.deepEqual(textsOf(ann.out.entries), ['new'])
})

/** What a tab leaves that died in the middle of things. */
const left = (msg: string, cid: string): string =>
  JSON.stringify({ beat: Date.now() - 100_000, isLeft: false, items: [{ cid, nick: 'bob', msg, at: 1 }] })

test('tabs leave alone what a living tab has, and take over what a crashed one left; two that do so at once send it once', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  network.target = undefined
  const storage = new MemoryStorage()
  const ann = open(t, network.url, storage)
  ann.out.add('alive', 'ann')
  t.deepEqual(open(t, network.url, storage).out.entries, [])
  storage.setItem('outbox lobby crashed', left('crashed', 'c1'))
  storage.setItem('outbox dev crashed', left("another room's", 'c2'))
  storage.setItem('outbox lobby odd', 'not ours')
  const taking = open(t, network.url, storage)
  t.deepEqual(textsOf(taking.out.entries), ['crashed'])
  storage.setItem('outbox lobby crashed', left('crashed', 'c1'))
  const race = open(t, network.url, storage)
  t.deepEqual(textsOf(race.out.entries), ['crashed'])
  network.target = server.url
  await Promise.all([ann, taking, race].map((page) => page.until(isEmpty)))
  t.deepEqual((await texts(server.url)).toSorted(), ['alive', 'crashed'])
  t.truthy(storage.getItem('outbox dev crashed'))
})
