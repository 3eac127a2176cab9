/** What a start knows of its rooms: what left them, and what was done to their files while no server ran. */
import { appendFile, copyFile, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ava, { type ExecutionContext } from 'ava'
import { poll, post } from '../helpers/chat.ts'
import { serve, type Served, type ServeOptions } from '../helpers/serve.ts'

const test = ava.serial

const EMPTY = 1
const HOUR = 3_600_000

/** Posts, one after the other. @returns their timestamps */
async function say({ url }: Served, ...texts: string[]): Promise<number[]> {
  const timestamps: number[] = []
  for (const msg of texts) timestamps.push((await post(url, 'lobby', { msg })).timestamp)
  return timestamps
}

/** Stops a server, changes what it left, and starts another one. */
async function restart(
  t: ExecutionContext,
  server: Served,
  change: () => Promise<unknown> = () => Promise.resolve(),
  options?: ServeOptions,
): Promise<Served> {
  await server.close()
  await change()
  return serve(t, options, server.directory)
}

/** What a client at this timestamp is told. */
async function told({ url }: Served, timestamp: number): Promise<{ timestamp: number; texts: string[]; why?: string }> {
  const { messages, reset, gap, timestamp: next } = await poll(url, 'lobby', { timestamp, wait: 0 })
  const why = reset ? 'reset' : gap ? 'gap' : undefined
  return { timestamp: next, texts: messages.map(({ msg }) => msg), ...(why && { why }) }
}

test('who saw the room empty, or less than it dropped, is told of no gap after a restart', async (t) => {
  const server = await serve(t, { backlog: 3 })
  await say(server, 'one', 'two')
  const second = await restart(t, server, undefined, { backlog: 3 })
  t.like(await told(second, EMPTY), { texts: ['one', 'two'], why: undefined })
  const [, four = 0] = await say(second, 'three', 'four')
  await say(second, 'five', 'six', 'seven')
  const third = await restart(t, second, undefined, { backlog: 100 })
  t.like(await told(third, four), { texts: ['five', 'six', 'seven'], why: undefined })
  t.like(await told(third, four - 1), { texts: ['five', 'six', 'seven'], why: 'gap' })
})

test('what was written down of an earlier state, or of none, is not believed: then there may be a gap', async (t) => {
  const server = await serve(t, { backlog: 2 })
  const note = join(server.directory, '.roomfile', 'lobby')
  const [one = 0] = await say(server, 'one', 'two')
  const early = await readFile(note)
  await say(server, 'three', 'four')
  const second = await restart(t, server, () => writeFile(note, early))
  t.like(await told(second, one), { texts: ['three', 'four'], why: 'gap' })
  const third = await restart(t, second, () => rm(note))
  t.like(await told(third, one), { texts: ['three', 'four'], why: 'gap' })
})

for (const edited of [false, true]) {
  test(`rm while no server runs, of a room that was ${edited ? '' : 'never '}edited: a reset for everybody, once`, async (t) => {
    const server = await serve(t)
    const file = server.file('lobby')
    let [timestamp = 0] = await say(server, 'one', 'two').then((all) => all.slice(-1))
    if (edited) {
      await writeFile(file, `${(await readFile(file, 'utf8')).split('\n')[0]}\n`)
      while ((await told(server, timestamp)).timestamp === timestamp);
      timestamp = (await told(server, timestamp)).timestamp
    }
    const second = await restart(t, server, () => rm(file))
    const alice = await told(second, timestamp)
    t.like(alice, { texts: [], why: 'reset' })
    t.deepEqual(await told(second, alice.timestamp), { timestamp: alice.timestamp, texts: [] })
    const third = await restart(t, second)
    t.deepEqual(await told(third, alice.timestamp), { timestamp: alice.timestamp, texts: [] })
    await say(third, 'three')
    t.like(await told(third, timestamp), { texts: ['three'], why: 'reset' }) // bob asks only now
    t.like(await told(third, alice.timestamp), { texts: ['three'], why: undefined })
    const fourth = await restart(t, third)
    t.like(await told(fourth, timestamp), { texts: ['three'], why: 'reset' })
    t.like(await told(fourth, alice.timestamp), { texts: ['three'], why: undefined })
  })
}

test('the newest line is removed while no server runs, with the clock behind: who had it is reset, and no timestamp comes again', async (t) => {
  const ahead = Date.now() + HOUR
  const server = await serve(t)
  const file = server.file('lobby')
  await writeFile(file, `{"id":"${ahead}-0","timestamp":${ahead},"type":"msg","nick":"","msg":"from before the clock was set back"}\n`)
  await utimes(file, ahead / 1000, ahead / 1000)
  const second = await restart(t, server)
  const [, timestamp = 0] = await say(second, 'one', 'two')
  t.true(timestamp < ahead + 1000, 'the clock is not behind the room')
  const third = await restart(t, second, async () => {
    const lines = (await readFile(file, 'utf8')).split(/(?<=\n)/)
    await writeFile(file, lines.slice(0, -1).join(''))
  })
  const alice = await told(third, timestamp)
  t.like(alice, { texts: ['from before the clock was set back', 'one'], why: 'reset' })
  t.true(alice.timestamp > timestamp)
  const [three = 0] = await say(third, 'three')
  t.true(three > alice.timestamp)
})

test('a backup is put back while no server runs, with its mtime: a reset, also for who asks after the next post', async (t) => {
  const server = await serve(t)
  const file = server.file('lobby')
  await say(server, 'one')
  await copyFile(file, `${file}.1`)
  const [timestamp = 0] = await say(server, 'two')
  const second = await restart(t, server, async () => {
    const { timestamp: then } = JSON.parse(await readFile(`${file}.1`, 'utf8')) as { timestamp: number }
    await copyFile(`${file}.1`, file)
    await utimes(file, (then + 0.000_5) / 1000, (then + 0.000_5) / 1000)
  })
  await say(second, 'three')
  t.like(await told(second, timestamp), { texts: ['one', 'three'], why: 'reset' })
})

test('lines are added while no server runs: they are messages, and what was written down before does no harm', async (t) => {
  const server = await serve(t)
  const [timestamp = 0] = await say(server, 'one')
  const second = await restart(t, server, () => appendFile(server.file('lobby'), 'by hand\n'))
  const { texts, timestamp: next } = await told(second, timestamp)
  t.is(texts.at(-1), 'by hand')
  const third = await restart(t, second)
  t.deepEqual(await told(third, next), { timestamp: next, texts: [] })
})

test('a post is repeated after a restart: stored once while its message is in the file, and after that a gap tells that nobody knows', async (t) => {
  const server = await serve(t, { backlog: 2 })
  const [before = 0] = await say(server, 'before')
  const first = await post(server.url, 'lobby', { msg: 'repeated', cid: 'a' })
  await say(server, 'next')
  const second = await restart(t, server, undefined, { backlog: 2 })
  t.deepEqual(await post(second.url, 'lobby', { msg: 'repeated', cid: 'a' }), first)
  t.like(await told(second, before), { texts: ['repeated', 'next'], why: undefined })
  await say(second, 'another')
  const third = await restart(t, second, undefined, { backlog: 2 })
  t.like(await told(third, before), { texts: ['next', 'another'], why: 'gap' })
  t.not((await post(third.url, 'lobby', { msg: 'repeated', cid: 'a' })).id, first.id)
})
