/** What is kept aside: under a name that was free, on the disk, and only removed lines go after a while. */
import { execFile } from 'node:child_process'
import { appendFile, link, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import ava, { type ExecutionContext } from 'ava'
import { Aside } from '../../server/stores/file/aside.ts'
import { Follower, post } from '../helpers/chat.ts'
import { freshDirectory, serve } from '../helpers/serve.ts'

const test = ava.serial

const DAY = 86_400_000

interface Kept {
  readonly aside: Aside
  /** The data directory. */
  readonly above: string
  readonly directory: string
  readonly warnings: readonly string[]
}

async function asideFor(t: ExecutionContext, keepMs = Infinity): Promise<Kept> {
  const above = await freshDirectory(t)
  const directory = join(above, 'aside')
  const warnings: string[] = []
  const aside = new Aside({ directory, keepMs, warn: (message, { file = '' }) => void warnings.push(`${message}: ${String(file)}`) })
  t.teardown(() => aside.close())
  return { aside, above, directory, warnings }
}

/** Makes files of which each was last written to two days ago. */
async function makeOld(directory: string, names: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const name of names) {
    await writeFile(join(directory, name), 'a line\n')
    await utimes(join(directory, name), (Date.now() - 2 * DAY) / 1000, (Date.now() - 2 * DAY) / 1000)
  }
}

test('bytes are kept under the first name that is free', async (t) => {
  const { aside, directory } = await asideFor(t)
  t.is(await aside.keep('ops-7', Buffer.from([0xff, 0x0a])), join(directory, 'ops-7.jsonl'))
  t.is(await aside.keep('ops-7', Buffer.from('second\n')), join(directory, 'ops-7.1.jsonl'))
  t.is(await aside.keep('ops-7', Buffer.from('third\n')), join(directory, 'ops-7.2.jsonl'))
  t.deepEqual(await readFile(join(directory, 'ops-7.jsonl')), Buffer.from([0xff, 0x0a]))
  t.is(await readFile(join(directory, 'ops-7.2.jsonl'), 'utf8'), 'third\n')
})

test('a file is kept by a second name of its own, or of what a link leads to', async (t) => {
  const { aside, above } = await asideFor(t)
  const file = join(above, 'ops.jsonl')
  await writeFile(file, 'one\n')
  await symlink('ops.jsonl', join(above, 'link.jsonl'))
  const kept = await aside.keep('ops-7', file)
  const linked = await aside.keep('ops-7', join(above, 'link.jsonl'))
  t.true(linked.endsWith('ops-7.1.jsonl'))
  await appendFile(file, 'written later\n')
  for (const path of [kept, linked]) {
    t.is((await stat(path)).ino, (await stat(file)).ino)
    t.is(await readFile(path, 'utf8'), 'one\nwritten later\n')
  }
})

test('the longest name of a room fits into a name here, with all that is behind it', async (t) => {
  const { aside } = await asideFor(t)
  for (const room of ['𠀀'.repeat(57), 'x'.repeat(64)])
    for (let n = 0; n < 2; n++)
      t.regex((await aside.keepRemoved(room, 1_795_219_764_123, ['a'])) ?? '', /\.removed-1795219764123(\.1)?\.jsonl$/)
})

test('what cannot be kept is an error, and leaves nothing', async (t) => {
  const { aside, above, directory } = await asideFor(t)
  await t.throwsAsync(aside.keep('ops-7', join(above, 'nowhere.jsonl')), { code: 'ENOENT' })
  t.deepEqual(await readdir(directory), [])
})

test('removed lines are kept one a line, under the room and the time', async (t) => {
  const { aside, directory } = await asideFor(t, DAY)
  t.is(await aside.keepRemoved('ops', 1_795_219_764_123, ['{"msg":"one"}', 'two']), join(directory, 'ops.removed-1795219764123.jsonl'))
  t.is(await readFile(join(directory, 'ops.removed-1795219764123.jsonl'), 'utf8'), '{"msg":"one"}\ntwo\n')
  t.is(await aside.keepRemoved('ops', 1_795_219_764_123, ['three']), join(directory, 'ops.removed-1795219764123.1.jsonl'))
})

test('no lines make no file, nor do any when removed lines are not kept', async (t) => {
  const { aside, above } = await asideFor(t, DAY)
  t.is(await aside.keepRemoved('ops', 7, []), undefined)
  const off = new Aside({ directory: join(above, 'aside'), keepMs: 0, warn: (message) => t.log(message) })
  t.is(await off.keepRemoved('ops', 7, ['one']), undefined)
  t.deepEqual(await readdir(above), [])
})

const REMOVED = ['lobby.removed-1795219764123.jsonl', 'café.removed-1795219764123.1.jsonl', 'a-b_c.removed-7.22.jsonl']

/** Neither ours, nor a room's, nor of exactly this form. */
const OTHERS = [
  'lobby-1795219764123.jsonl',
  'lobby-1795219764123.1.jsonl',
  'lobby.jsonl',
  'lobby.removed-.jsonl',
  'lobby.removed-12x.jsonl',
  'lobby.removed-7.0.jsonl',
  'lobby.removed-7.json',
  'lobby.removed-7.jsonl.gz',
  'lobby.removed-7.jsonl\n',
  '-x.removed-7.jsonl',
  'my room.removed-7.jsonl',
  'cafe\u0301.removed-7.jsonl',
  '.removed-7.jsonl',
  'a.b.removed-7.jsonl',
  'removed-7.jsonl',
]

test('of old files only removed lines of a room go, by exactly the name that we give them', async (t) => {
  const { aside, directory, warnings } = await asideFor(t, DAY)
  await makeOld(directory, [...REMOVED, ...OTHERS])
  const fresh = await aside.keepRemoved('lobby', 8, ['just removed'])
  await link(join(directory, 'lobby.jsonl'), join(directory, 'ops-9.jsonl'))
  await mkdir(join(directory, 'lobby.removed-9.jsonl'))
  await symlink('/', join(directory, 'lobby.removed-10.jsonl'))
  await aside.expire()
  const left = [...OTHERS, 'lobby.removed-8.jsonl', 'lobby.removed-9.jsonl', 'lobby.removed-10.jsonl', 'ops-9.jsonl']
  t.deepEqual((await readdir(directory)).toSorted(), left.toSorted())
  t.is(await readFile(fresh ?? '', 'utf8'), 'just removed\n')
  t.deepEqual(warnings, [])
})

test('for ever is for ever', async (t) => {
  const { aside, directory } = await asideFor(t)
  await makeOld(directory, REMOVED)
  await aside.expire()
  t.is((await readdir(directory)).length, REMOVED.length)
})

test('a directory that is not there is nothing, one that is none costs a warning', async (t) => {
  const { aside, directory, warnings } = await asideFor(t, DAY)
  await aside.expire()
  t.deepEqual(warnings, [])
  await writeFile(directory, 'a file')
  await aside.expire()
  t.is(warnings.length, 1)
})

/** Resolves once a running one has removed what is old, twice. */
async function untilExpiredTwice(directory: string): Promise<void> {
  for (let n = 0; n < 2; n++) {
    await makeOld(directory, REMOVED)
    while ((await readdir(directory)).length > 0) await delay(5)
  }
}

test('it begins with the start, goes on while it runs, and ends with it', async (t) => {
  const { directory } = await asideFor(t)
  const options = { keepMs: DAY, times: { expire: 5 }, warn: (message: string) => t.log(message) }
  const aside = new Aside({ ...options, directory })
  aside.start()
  await untilExpiredTwice(directory)
  await aside.close()
  await makeOld(directory, REMOVED)
  const other = await asideFor(t)
  const running = new Aside({ ...options, directory: other.directory })
  running.start()
  await untilExpiredTwice(other.directory) // meanwhile the first would have, too
  await running.close()
  t.is((await readdir(directory)).length, REMOVED.length)
})

test('a server begins with it: --aside says how old removed lines get', async (t) => {
  for (const [aside, left] of [
    [DAY, 0],
    [3 * DAY, REMOVED.length],
    [Infinity, REMOVED.length],
    [0, 0],
  ] as const) {
    const data = await freshDirectory(t)
    await makeOld(join(data, 'aside'), REMOVED)
    const server = await serve(t, { aside }, data)
    await server.close()
    t.is((await readdir(join(data, 'aside'))).length, left, String(aside))
  }
})

test('`cat aside/… >> room` says what was removed again, as new lines at the end', async (t) => {
  const server = await serve(t)
  for (const [nick, msg] of [
    ['ann', 'one'],
    ['bob', '**two**'],
    ['ann', 'three'],
  ] as const)
    await post(server.url, 'lobby', { nick, msg })
  const alice = await new Follower(server.url, 'lobby').start()
  const [first = '', second = '', third = ''] = (await readFile(server.file('lobby'), 'utf8')).trimEnd().split('\n')
  const aside = new Aside({ directory: join(server.directory, 'aside'), keepMs: Infinity, warn: (message) => t.log(message) })
  const kept = await aside.keepRemoved('lobby', Date.now(), [first, second, 'plain text'])
  await writeFile(server.file('lobby'), `${third}\n`)
  await alice.until(({ texts }) => texts.length === 1)
  await promisify(execFile)('sh', ['-c', 'cat "$0" >> "$1"', kept ?? '', server.file('lobby')])
  await alice.until(({ texts }) => texts.length === 4)
  await alice.stop()
  t.deepEqual(
    alice.messages.map(({ nick, msg }) => `${nick}: ${msg}`),
    ['ann: three', 'ann: one', 'bob: **two**', alice.messages.at(-1)?.nick + ': plain text'],
  )
  t.is(alice.resets, 1, 'for the edit, and not for what was put back')
  t.is(new Set(alice.messages.map(({ id }) => id)).size, 4)
})
