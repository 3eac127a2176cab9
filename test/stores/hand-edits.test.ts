/** People at the file, with the tools that they have: each of their changes reaches a parked poll, and posting goes on. */
import { exec } from 'node:child_process'
import { appendFile, copyFile, open, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import ava, { type ExecutionContext } from 'ava'
import { closeFile } from '../../server/stores/file/durable.ts'
import { Holders } from '../../server/stores/file/holders.ts'
import { placeOf } from '../../server/stores/file/place.ts'
import { snapshotOf } from '../../server/stores/file/snapshot.ts'
import { Writing } from '../../server/stores/file/writing.ts'
import { TIMES } from '../../server/times.ts'
import { Follower, messagesIn, poll, post, type Polled } from '../helpers/chat.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { randomOf } from '../helpers/random.ts'
import { freshDirectory, serve, type Served } from '../helpers/serve.ts'

const test = ava.serial

const sh = promisify(exec)

/** Enough for a change at one stroke: that nobody touches the file. */
const QUIET = 10

/** Longer than a busy machine takes from one step of an edit to the next, however slow it is. */
const QUIET_BETWEEN_STEPS = 600

async function withThree(t: ExecutionContext, quiet = QUIET): Promise<{ server: Served; timestamp: number }> {
  const server = await serve(t, { times: { quiet } })
  for (const msg of ['one', 'two']) await post(server.url, 'lobby', { msg })
  const { timestamp } = await post(server.url, 'lobby', { msg: 'three' })
  return { server, timestamp }
}

const texts = ({ messages }: Polled): string[] => messages.map(({ msg }) => msg)

interface Change {
  readonly name: string
  /** Done in the directory, with lobby.jsonl there: three messages. */
  readonly change: (server: Served) => Promise<unknown>
  readonly shows: readonly string[]
  readonly reset: boolean
  /** Whether the file says something else for a moment before it is done. */
  readonly inSteps?: boolean
}

const changes: readonly Change[] = [
  { name: 'echo >>', change: ({ directory }) => sh('echo hello >> lobby.jsonl', { cwd: directory }), shows: ['hello'], reset: false },
  {
    name: 'printf of two lines >>',
    change: ({ directory }) => sh(String.raw`printf 'a\nb\n' >> lobby.jsonl`, { cwd: directory }),
    shows: ['a', 'b'],
    reset: false,
  },
  {
    name: 'a line without a newline',
    change: ({ directory }) => sh('printf last >> lobby.jsonl', { cwd: directory }),
    shows: ['last'],
    reset: false,
  },
  {
    name: 'a JSON line in any spelling',
    change: ({ directory }) => sh(`echo '{ "nick": "cron",  "msg": "done" }' >> lobby.jsonl`, { cwd: directory }),
    shows: ['done'],
    reset: false,
  },
  {
    name: 'echo >',
    change: ({ directory }) => sh('echo only > lobby.jsonl', { cwd: directory }),
    shows: ['only'],
    reset: true,
    inSteps: true,
  },
  { name: 'truncating', change: ({ directory }) => sh(': > lobby.jsonl', { cwd: directory }), shows: [], reset: true },
  { name: 'rm', change: ({ file }) => rm(file('lobby')), shows: [], reset: true },
  {
    name: 'sed -i s',
    change: ({ directory }) => sh('sed -i s/two/2/ lobby.jsonl', { cwd: directory }),
    shows: ['one', '2', 'three'],
    reset: true,
  },
  { name: 'sed -i 1d', change: ({ directory }) => sh('sed -i 1d lobby.jsonl', { cwd: directory }), shows: ['two', 'three'], reset: true },
  { name: 'sed -i $d', change: ({ directory }) => sh("sed -i '$d' lobby.jsonl", { cwd: directory }), shows: ['one', 'two'], reset: true },
  {
    name: 'a line put in between',
    change: ({ directory }) => sh("sed -i '1a in between' lobby.jsonl", { cwd: directory }),
    shows: ['one', 'in between', 'two', 'three'],
    reset: true,
  },
  {
    name: 'mv over it',
    change: ({ directory }) => sh('grep -v two lobby.jsonl > new; mv new lobby.jsonl', { cwd: directory }),
    shows: ['one', 'three'],
    reset: true,
  },
  {
    name: 'touch -d 2099-01-01',
    change: ({ directory }) => sh('touch -d 2099-01-01 lobby.jsonl', { cwd: directory }),
    shows: ['one', 'two', 'three'],
    reset: true,
  },
  {
    name: 'touch -d 1999-01-01',
    change: ({ directory }) => sh('touch -d 1999-01-01 lobby.jsonl', { cwd: directory }),
    shows: ['one', 'two', 'three'],
    reset: true,
  },
  {
    name: 'an editor that writes in steps',
    async change({ file }) {
      const text = await readFile(file('lobby'), 'utf8')
      await writeFile(file('lobby'), text.slice(0, 30))
      await writeFile(file('lobby'), text.replace('two', 'TWO'))
    },
    shows: ['one', 'TWO', 'three'],
    reset: true,
    inSteps: true,
  },
]

for (const { name, change, shows, reset, inSteps = false } of changes) {
  test(`${name} reaches a parked poll, and posting goes on`, async (t) => {
    const { server, timestamp } = await withThree(t, inSteps ? QUIET_BETWEEN_STEPS : QUIET)
    const parked = poll(server.url, 'lobby', { timestamp, wait: 60 })
    await poll(server.url, 'lobby', { timestamp: 0, wait: 0 }) // by its answer, the poll before it is parked
    await change(server)
    const told = await parked
    t.deepEqual(texts(told), shows)
    t.is(told.reset ?? false, reset)
    t.true(told.timestamp > timestamp)

    const { timestamp: next } = await post(server.url, 'lobby', { msg: 'next' })
    t.true(next > told.timestamp)
    t.deepEqual(texts(await poll(server.url, 'lobby', { timestamp: told.timestamp, wait: 0 })), ['next'])
    const everything = await poll(server.url, 'lobby', { wait: 0 })
    const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
    t.deepEqual(everything.messages, inFile)
    t.is(Math.round((await stat(server.file('lobby'))).mtimeMs), next)
    t.is(new Set(inFile.map(({ id }) => id)).size, inFile.length)
  })
}

test('cp -p of an older copy reaches a parked poll as a reset', async (t) => {
  const { server } = await withThree(t, QUIET_BETWEEN_STEPS)
  await copyFile(server.file('lobby'), join(server.directory, 'old'))
  const { mtime } = await stat(server.file('lobby'))
  await utimes(join(server.directory, 'old'), mtime, mtime)
  const { timestamp } = await post(server.url, 'lobby', { msg: 'four' })
  const parked = poll(server.url, 'lobby', { timestamp, wait: 60 })
  await sh('cp -p old lobby.jsonl', { cwd: server.directory })
  const told = await parked
  t.true(told.reset)
  t.deepEqual(texts(told), ['one', 'two', 'three'])
  t.true(told.timestamp > timestamp)
  t.true((await post(server.url, 'lobby', { msg: 'five' })).timestamp > told.timestamp)
})

test('60 lines by echo and 60 posts at the same time: all 120 are in the room, once', async (t) => {
  const server = await serve(t, { backlog: 1000, rateLimit: 0, times: { quiet: QUIET, carry: QUIET, grace: TEST_LIMIT_MS } })
  await post(server.url, 'lobby', { msg: 'start' })
  const follower = await new Follower(server.url, 'lobby').start()
  // A program, and not the shell itself: the file is open for as long as it takes to start.
  const echoes = sh('for n in $(seq 60); do /bin/echo "echo $n" >> lobby.jsonl; done', { cwd: server.directory, shell: '/bin/sh' })
  const posts = (async () => {
    for (let n = 1; n <= 60; n++) await post(server.url, 'lobby', { msg: `post ${n}` })
  })()
  await Promise.all([echoes, posts])
  const expected = ['start', ...Array.from({ length: 60 }, (_, n) => [`echo ${n + 1}`, `post ${n + 1}`]).flat()].toSorted()
  await follower.until(({ messages }) => messages.length >= expected.length)
  await follower.stop()
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.deepEqual(inFile.map(({ msg }) => msg).toSorted(), expected)
  t.deepEqual(follower.messages, inFile)
  t.is(follower.resets, 0)
})

test('the first post and the first line by hand at the same moment are both in the room, whatever the moment', async (t) => {
  const server = await serve(t, { rateLimit: 0, times: { quiet: QUIET, carry: QUIET, grace: TEST_LIMIT_MS } })
  const random = randomOf(t)
  const rooms = Array.from({ length: 40 }, (_, n) => `room-${n}`)
  await Promise.all(rooms.map((room) => poll(server.url, room)))
  let took = 0
  for (const room of rooms) {
    const begin = performance.now()
    const instant = begin + random() * took // while the post is made, which takes as long as the one before it
    const posted = post(server.url, room, { msg: 'a post' }).then(() => (took = performance.now() - begin))
    while (performance.now() < instant) await setImmediate()
    await Promise.all([posted, appendFile(server.file(room), 'by hand\n')])
  }
  for (const room of rooms) {
    const follower = await new Follower(server.url, room).start()
    await follower.until(({ messages }) => messages.length === 2)
    t.deepEqual(follower.texts.toSorted(), ['a post', 'by hand'])
    await follower.stop()
  }
})

test('a pen that opened the file fifty posts ago writes its line into the room', async (t) => {
  const server = await serve(t, { rateLimit: 0, times: { carry: QUIET, grace: TEST_LIMIT_MS } })
  const alice = await new Follower(server.url, 'lobby').start()
  await post(server.url, 'lobby', { msg: 'before' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const pen = await open(server.file('lobby'), 'a')
  for (let n = 1; n <= 50; n++) await post(server.url, 'lobby', { msg: `post ${n}` }, agent)
  await pen.write('at last\n')
  await pen.close()
  await alice.until((follower) => follower.texts.includes('at last'))
  t.deepEqual(
    alice.texts,
    messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ msg }) => msg),
  )
  await alice.stop()
})

test('a line with bytes that are not UTF-8 is shown as far as it can be, and the file is kept aside as it was', async (t) => {
  const { server, timestamp } = await withThree(t)
  const before = await readFile(server.file('lobby'))
  const bad = Buffer.concat([Buffer.from('caf'), Buffer.from([0xe9]), Buffer.from(' au lait\n')])
  await writeFile(server.file('lobby'), bad, { flag: 'a' })
  t.deepEqual(texts(await poll(server.url, 'lobby', { timestamp, wait: 60 })), ['caf\ufffd au lait'])
  const [kept = ''] = await readdir(join(server.directory, 'aside'))
  t.deepEqual(await readFile(join(server.directory, 'aside', kept)), Buffer.concat([before, bad]))
})

test('more lines by hand than a room keeps: the newest are its messages, and all of them are kept aside', async (t) => {
  const { server } = await withThree(t)
  const lines = Array.from({ length: 1000 }, (_, n) => `line ${n}\n`).join('')
  const before = await readFile(server.file('lobby'), 'utf8')
  await writeFile(join(server.directory, 'new'), before + lines)
  await rename(join(server.directory, 'new'), server.file('lobby'))
  const follower = await new Follower(server.url, 'lobby').start()
  await follower.until(({ texts: all }) => all.at(-1) === 'line 999')
  await follower.stop()
  t.is(follower.messages.length, 200)
  const [kept = ''] = await readdir(join(server.directory, 'aside'))
  t.is(await readFile(join(server.directory, 'aside', kept), 'utf8'), before + lines)
})

test('lines copied from another room are new messages here', async (t) => {
  const { server, timestamp } = await withThree(t)
  const { timestamp: other } = await post(server.url, 'dev', { msg: 'from dev' })
  const { timestamp: later } = await post(server.url, 'lobby', { msg: 'four' })
  t.true(other > timestamp && later > other)
  const parked = poll(server.url, 'lobby', { timestamp: later, wait: 60 })
  await sh('tail -1 dev.jsonl >> lobby.jsonl', { cwd: server.directory })
  const told = await parked
  t.deepEqual(texts(told), ['from dev'])
  t.is(told.reset, undefined)
  t.true((told.messages[0]?.timestamp ?? 0) > later)
})

test('keys that a person added to a line stay in the file', async (t) => {
  const { server, timestamp } = await withThree(t)
  const parked = poll(server.url, 'lobby', { timestamp, wait: 60 })
  await sh(`echo '{"msg":"deployed","build":417}' >> lobby.jsonl`, { cwd: server.directory })
  await parked
  await post(server.url, 'lobby', { msg: 'next' })
  const line: object | undefined = messagesIn(await readFile(server.file('lobby'), 'utf8')).find(({ msg }) => msg === 'deployed')
  t.like(line, { msg: 'deployed', nick: '', type: 'msg', build: 417 })
})

test('an edit whose writer ends while the server asks who writes is not taken in as it was before', async (t) => {
  const file = join(await freshDirectory(t), 'lobby.jsonl')
  await writeFile(file, 'the first half\n')
  const snapshot = await snapshotOf(placeOf(file), undefined, { backlog: 10, maxMessage: 100, maxFile: 1000 })
  t.teardown(() => closeFile(snapshot.fd as number))
  class Leaving extends Holders {
    override async mayBeWrittenOver(): Promise<boolean> {
      await appendFile(file, 'the second half\n')
      return false
    }
  }
  const writing = new Writing(new Leaving(), TIMES)
  writing.isQuiet(snapshot)
  t.true(await writing.isHeld(snapshot))
})
