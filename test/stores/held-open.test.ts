/**
 * Programs that keep the room's file open while posts replace it: what they add is heard for as long as they hold it, also after a restart;
 * what they write anew in a file that has lost its name is kept, and repeats nothing.
 */
import { exec } from 'node:child_process'
import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import ava, { type ExecutionContext } from 'ava'
import type { Message } from '../../server/room/message.ts'
import { Follower, post } from '../helpers/chat.ts'
import { appender, rewriter } from '../helpers/holder.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { freshDirectory, serve, serveProcess, type Served } from '../helpers/serve.ts'
import { hurried } from '../helpers/under.ts'
import { until } from '../helpers/until.ts'

const test = ava.serial

/** How long a replaced file is watched though nobody seems to hold it, and how often. */
const TIMES = { grace: 60, carry: 20 }

/** Nothing happens for long enough that the server could lose patience: the time is the point. */
const muchLater = (): Promise<void> => delay(5 * TIMES.grace)

/** For long enough that the server may look in between. Should it not, the test asks for less. */
const aLook = (): Promise<void> => delay(5 * TIMES.carry)

type Room = Pick<Served, 'url' | 'directory' | 'file'>

function follow({ url }: Room): Promise<Follower> {
  return new Follower(url, 'lobby').start()
}

/** What the room's file says, with lines that are not taken in yet as they are. */
async function said({ file }: Room): Promise<string[]> {
  const lines = (await readFile(file('lobby'), 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line) => (line.startsWith('{') ? (JSON.parse(line) as Message).msg : line))
}

const hears =
  (text: string) =>
  ({ texts }: Follower): boolean =>
    texts.includes(text)

const numbered = (what: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${what} ${n + 1}`)

/** Checks that the room has these, in this order each, once, and nothing else; that the file says the same; and stops to listen. */
async function hasHeard(t: ExecutionContext, room: Room, follower: Follower, ...inOrder: readonly string[][]): Promise<void> {
  await follower.stop()
  t.deepEqual(follower.texts.toSorted(), inOrder.flat().toSorted())
  for (const expected of inOrder)
    t.deepEqual(
      follower.texts.filter((text) => expected.includes(text)),
      expected,
    )
  t.deepEqual(await said(room), follower.texts)
  t.deepEqual([follower.resets, follower.gaps], [0, 0])
}

/** The files that are kept because somebody may hold them. */
async function replacedIn({ directory }: Room): Promise<string[]> {
  const replaced = await readdir(join(directory, '.roomfile', '.versions'), { recursive: true, withFileTypes: true }).catch(() => [])
  return replaced.filter((entry) => entry.isFile()).map(({ name }) => name)
}

test('a program that keeps the file open is heard for as long as it does, however many posts have replaced the file', async (t) => {
  const server = await serve(t, { times: TIMES })
  const alice = await follow(server)
  await post(server.url, 'lobby', { msg: 'post 1' })
  const holder = await appender(t, server.file('lobby'))
  await holder.say('held 1')
  await alice.until(hears('held 1'))
  await post(server.url, 'lobby', { msg: 'post 2' })
  await muchLater()
  for (const n of [2, 3, 4]) {
    await holder.say(`held ${n}`)
    await post(server.url, 'lobby', { msg: `post ${n + 1}` })
  }
  await alice.until(hears('held 4'))
  await muchLater()
  await holder.say('held 5')
  await alice.until(hears('held 5'))
  await muchLater()
  await holder.say('held 6')
  await holder.letGo()
  await alice.until(hears('held 6'))
  await hasHeard(t, server, alice, numbered('held', 6), numbered('post', 5))
})

test('three programs that opened the file at different times are heard, each in its order', async (t) => {
  const server = await serve(t, { times: TIMES })
  const alice = await follow(server)
  const holders = []
  for (const msg of numbered('post', 3)) {
    await post(server.url, 'lobby', { msg })
    holders.push(await appender(t, server.file('lobby')))
  }
  await post(server.url, 'lobby', { msg: 'post 4' })
  await muchLater()
  for (const n of [1, 2]) for (const [i, { say }] of holders.entries()) await say(`held by ${i}: ${n}`)
  const expected = holders.map((_, i) => numbered(`held by ${i}:`, 2))
  await alice.until(({ texts }) => expected.flat().every((text) => texts.includes(text)))
  await hasHeard(t, server, alice, ...expected, numbered('post', 4))
})

for (const whileDown of [false, true]) {
  const title = 'a server is killed and started again: a program that holds the file all along is heard'
  test(whileDown ? `${title}, also with what it wrote while no server ran` : title, async (t) => {
    const directory = await freshDirectory(t)
    const first = await serveProcess(t, [], directory, hurried(TIMES))
    await post(first.url, 'lobby', { msg: 'post 1' })
    const holder = await appender(t, first.file('lobby'))
    const bob = await follow(first)
    await holder.say('held 1')
    await bob.until(hears('held 1'))
    await post(first.url, 'lobby', { msg: 'post 2' })
    await holder.say('held 2')
    await bob.until(hears('held 2'))
    await bob.stop()
    t.is(await first.stop('SIGKILL'), null)
    if (whileDown) await holder.say('held 3')

    const second = await serveProcess(t, [], directory, hurried(TIMES))
    const alice = await follow(second)
    if (!whileDown) await holder.say('held 3')
    await alice.until(hears('held 3'))
    await post(second.url, 'lobby', { msg: 'post 3' })
    await muchLater()
    for (const n of [4, 5]) {
      await holder.say(`held ${n}`)
      await post(second.url, 'lobby', { msg: `post ${n}` })
    }
    await alice.until((follower) => hears('held 5')(follower) && hears('post 5')(follower))
    await hasHeard(t, second, alice, numbered('held', 5), ['post 1', 'post 2', 'post 3', 'post 4', 'post 5'])
  })
}

test('a replaced file is kept while a program holds it, and let go with the others when the program does', async (t) => {
  const server = await serve(t, { rateLimit: 0, times: TIMES })
  await post(server.url, 'lobby', { msg: 'before' })
  const holder = await appender(t, server.file('lobby'))
  for (const msg of numbered('post', 20)) await post(server.url, 'lobby', { msg })
  await muchLater()
  await until(async () => (await replacedIn(server)).length > 0)
  const alice = await follow(server)
  await holder.say('still here')
  await alice.until(hears('still here'))
  await alice.stop()
  t.true((await replacedIn(server)).length > 0)
  await holder.letGo()
  await until(async () => (await replacedIn(server)).length === 0)
})

interface Rewriting {
  readonly name: string
  /** What is written one after the other, the first together with emptying the file. */
  readonly parts: (lines: readonly string[]) => readonly string[]
}

const rewritings: readonly Rewriting[] = [
  { name: 'at one stroke', parts: (lines) => [lines.join('')] },
  { name: 'after it was empty for a while', parts: (lines) => ['', lines.join('')] },
  { name: 'slowly', parts: (lines) => ['', lines.slice(0, 2).join(''), lines.slice(2).join('')] },
]

for (const { name, parts } of rewritings) {
  test(`a file that has lost its name is emptied, and written anew ${name}: it is kept aside, and the room repeats nothing`, async (t) => {
    const server = await serve(t, { times: { ...TIMES, grace: TEST_LIMIT_MS } })
    const posts = numbered('post', 4)
    for (const msg of posts.slice(0, 3)) await post(server.url, 'lobby', { msg })
    const before = await readFile(server.file('lobby'), 'utf8')
    const lines = [...before.replace('post 2', 'post 2, by hand').split(/(?<=\n)/), 'the end\n']
    const holder = await rewriter(t, server.file('lobby'))
    await post(server.url, 'lobby', { msg: 'post 4' })
    const [first = '', ...rest] = parts(lines)
    await holder.rewrite(first)
    for (const part of rest) {
      await aLook()
      await holder.write(part)
    }
    const isAside = async (): Promise<boolean> => {
      const kept = await bytesAside(server)
      return lines.every((line) => kept.includes(line))
    }
    await until(async () => (await isAside()) || (await said(server)).length > posts.length)
    await server.close()
    const texts = await said(server)
    t.deepEqual(
      texts.filter((text) => posts.includes(text)),
      posts,
    )
    t.is(new Set(texts).size, texts.length)
    t.true(await isAside(), 'bytes are gone')
  })
}

async function bytesAside({ directory }: Room): Promise<string> {
  const aside = join(directory, 'aside')
  const names = await readdir(aside).catch(() => [])
  return (await Promise.all(names.map((name) => readFile(join(aside, name), 'utf8')))).join('')
}

test('who writes a copy of the room so slowly that it is taken in before its end repeats nothing', async (t) => {
  const server = await serve(t, { times: { ...TIMES, quiet: 10, edit: 50, grace: TEST_LIMIT_MS } })
  const posts = numbered('post', 4)
  for (const msg of posts) await post(server.url, 'lobby', { msg })
  const lines = (await readFile(server.file('lobby'), 'utf8')).split(/(?<=\n)/)
  const alice = await follow(server)
  const holder = await rewriter(t, server.file('lobby'))
  await holder.rewrite(lines.slice(0, 2).join(''))
  await alice.until(({ resets }) => resets > 0)
  await post(server.url, 'lobby', { msg: 'post 5' })
  await holder.write(`${lines.slice(2).join('')}the end\n`)
  await alice.until(hears('the end'))
  await alice.stop()
  const texts = await said(server)
  t.deepEqual(texts.toSorted(), ['post 1', 'post 2', 'post 3', 'post 4', 'post 5', 'the end'])
})

/** A program has as long as it wants for an edit. */
const PATIENT = { ...TIMES, quiet: 10, edit: TEST_LIMIT_MS }

test('a file that is written anew in pieces is taken in when its writer has closed it, as one edit, and posts go behind it', async (t) => {
  const server = await serve(t, { times: PATIENT })
  const posts = numbered('post', 4)
  for (const msg of posts) await post(server.url, 'lobby', { msg })
  const lines = (await readFile(server.file('lobby'), 'utf8')).replace('post 2', 'post 2, by hand').split(/(?<=\n)/)
  const alice = await follow(server)
  const holder = await rewriter(t, server.file('lobby'))
  await holder.rewrite('')
  let isKept = false
  const kept = post(server.url, 'lobby', { msg: 'post 5' }).finally(() => (isKept = true))
  for (const line of lines) {
    await delay(5 * PATIENT.quiet)
    await holder.write(line)
  }
  await delay(5 * PATIENT.quiet)
  t.deepEqual([alice.texts, alice.resets, isKept], [posts, 0, false])
  await holder.letGo()
  await kept
  await alice.until(hears('post 5'))
  await alice.stop()
  const expected = ['post 1', 'post 2, by hand', 'post 3', 'post 4', 'post 5']
  t.deepEqual([alice.texts, alice.resets, await said(server)], [expected, 1, expected])
  t.deepEqual((await bytesAside(server)).match(/post \d/g), ['post 2'])
})

test('a file is emptied by hand that a program keeps open to add to it: nobody waits for that program', async (t) => {
  const server = await serve(t, { times: PATIENT })
  await post(server.url, 'lobby', { msg: 'post 1' })
  const holder = await appender(t, server.file('lobby'))
  const alice = await follow(server)
  await truncate(server.file('lobby'))
  await alice.until(({ resets }) => resets > 0)
  await holder.say('held 1')
  await alice.until(hears('held 1'))
  await alice.stop()
  t.deepEqual(alice.texts, ['held 1'])
})

/** Nothing is ever quiet for long enough: an edit is taken in only because its writer is known to be done. */
const IMPATIENT = { ...TIMES, quiet: TEST_LIMIT_MS, released: 10, grace: TEST_LIMIT_MS }

for (const edit of [
  `sed -i 's/post 2/post 2, by hand/' lobby.jsonl`,
  `sed 's/post 2/post 2, by hand/' lobby.jsonl > new && mv new lobby.jsonl`,
  `sed 's/post 2/post 2, by hand/' lobby.jsonl > new && cat new > lobby.jsonl`,
  `sed '2d' lobby.jsonl > new && mv new lobby.jsonl && printf '%s' 'post 2, by hand' >> lobby.jsonl`,
])
  test(`an edit is taken in as soon as no program has the file open to write: ${edit}`, async (t) => {
    const server = await serve(t, { times: IMPATIENT })
    for (const msg of numbered('post', 3)) await post(server.url, 'lobby', { msg })
    const alice = await follow(server)
    await promisify(exec)(edit, { cwd: server.directory })
    await alice.until(hears('post 2, by hand'))
    await alice.stop()
    t.deepEqual((await said(server)).toSorted(), ['post 1', 'post 2, by hand', 'post 3'])
  })

test('an edit is not taken in while its writer has the file open', async (t) => {
  const server = await serve(t, { times: { ...IMPATIENT, quiet: 200 } })
  for (const msg of numbered('post', 3)) await post(server.url, 'lobby', { msg })
  const alice = await follow(server)
  const holder = await rewriter(t, server.file('lobby'))
  await holder.rewrite('one line\n')
  await delay(10 * IMPATIENT.released)
  t.deepEqual(alice.texts, numbered('post', 3))
  await holder.write('and another\n')
  await holder.letGo()
  await alice.until(hears('and another'))
  await alice.stop()
  t.deepEqual([alice.texts, alice.resets], [['one line', 'and another'], 1])
})
