/** What an edit takes away: posts that its author had not seen are put back, and all else is kept aside, in a form that `cat >>` puts back. */
import { execFile } from 'node:child_process'
import { appendFile, copyFile, mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ava, { type ExecutionContext } from 'ava'
import { Follower, messagesIn, poll, post, send } from '../helpers/chat.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { keptAside, said } from '../helpers/room-files.ts'
import { serve, type Served } from '../helpers/serve.ts'

const test = ava.serial
const run = promisify(execFile)

/** Enough for a change at one stroke: that nobody touches the file. */
const QUIET = 10

async function withRoom(t: ExecutionContext, ...texts: readonly string[]): Promise<Served> {
  const server = await serve(t, { rateLimit: 0, times: { quiet: QUIET } })
  for (const msg of texts) await post(server.url, 'lobby', { msg })
  return server
}

/** What is said in the files that are kept aside. */
async function saidAside(server: Served): Promise<string[]> {
  return (await keptAside(server)).flatMap((bytes) => messagesIn(bytes.toString()).map(({ msg }) => msg))
}

/** Waits until the server has taken in what was done to the file. */
async function untilSays(server: Served, ...texts: readonly string[]): Promise<void> {
  const alice = await new Follower(server.url, 'lobby').start()
  await alice.until((follower) => JSON.stringify(follower.texts) === JSON.stringify(texts))
  await alice.stop()
}

test('an editor that was open while others talked saves in place: what they said is put back, and what it removed is aside', async (t) => {
  const server = await withRoom(t, 'one', 'two', 'three')
  const text = await readFile(server.file('lobby'), 'utf8')
  for (const msg of ['four', 'five']) await post(server.url, 'lobby', { msg })
  await writeFile(server.file('lobby'), text.replace(/.*"two".*\n/, ''))
  await untilSays(server, 'one', 'three', 'four', 'five')
  t.deepEqual(await said(server), ['one', 'three', 'four', 'five'])
  t.deepEqual(await saidAside(server), ['two'])
})

test('the same editor saves once more: what was put back is put back again', async (t) => {
  const server = await withRoom(t, 'one', 'two')
  const text = await readFile(server.file('lobby'), 'utf8')
  await post(server.url, 'lobby', { msg: 'three' })
  await writeFile(server.file('lobby'), text.replace('two', 'TWO'))
  await untilSays(server, 'one', 'TWO', 'three')
  await post(server.url, 'lobby', { msg: 'four' })
  await writeFile(server.file('lobby'), text.replace('two', 'TWO!'))
  await untilSays(server, 'one', 'TWO!', 'three', 'four')
  t.deepEqual(await said(server), ['one', 'TWO!', 'three', 'four'])
})

test('a file that was made before others talked is moved over the room: what they said stands behind it', async (t) => {
  const server = await withRoom(t, 'one', 'two')
  const beside = join(server.directory, '.beside')
  await writeFile(beside, 'by hand\n')
  // the kernel's clock ticks every few milliseconds: what is posted within a tick may have been seen
  const { birthtimeMs } = await stat(beside)
  while (Date.now() < birthtimeMs + 50) await post(server.url, 'elsewhere', { msg: 'time goes by' })
  for (const msg of ['three', 'four']) await post(server.url, 'lobby', { msg })
  await rename(beside, server.file('lobby'))
  await untilSays(server, 'three', 'four', 'by hand')
  t.deepEqual(await saidAside(server), ['one', 'two'])
})

test('lines added to an older copy are lines added: nobody starts anew', async (t) => {
  const server = await withRoom(t, 'one', 'two')
  const text = await readFile(server.file('lobby'), 'utf8')
  await post(server.url, 'lobby', { msg: 'three' })
  const alice = await new Follower(server.url, 'lobby').start()
  await writeFile(server.file('lobby'), `${text}by hand\n`)
  await alice.until(({ texts }) => texts.includes('by hand'))
  t.deepEqual(alice.texts, ['one', 'two', 'three', 'by hand'])
  t.deepEqual([alice.resets, alice.gaps], [0, 0])
  await alice.stop()
  t.deepEqual(await saidAside(server), [])
})

test('a line that a program has begun and not ended yet does not make what stands before it read', async (t) => {
  const server = await withRoom(t, 'one')
  const text = await readFile(server.file('lobby'), 'utf8')
  await post(server.url, 'lobby', { msg: 'two' })
  await appendFile(server.file('lobby'), 'begun')
  const alice = await new Follower(server.url, 'lobby').start()
  await alice.until(({ texts }) => texts.includes('begun'))
  await writeFile(server.file('lobby'), text)
  await alice.until(({ resets }) => resets > 0)
  await alice.stop()
  t.deepEqual(await said(server), ['one', 'two', 'begun'])
  t.deepEqual(await saidAside(server), [])
})

test('what somebody has read and removes is removed, however new it is; it is aside, and cat >> says it again', async (t) => {
  const server = await withRoom(t, 'one', 'two', 'spam')
  await run('sed', ['-i', '/spam/d', server.file('lobby')])
  await untilSays(server, 'one', 'two')
  t.deepEqual(await saidAside(server), ['spam'])
  const [name = ''] = await readdir(join(server.directory, 'aside'))
  await run('sh', ['-c', `cat aside/${name} >> lobby.jsonl`], { cwd: server.directory })
  await untilSays(server, 'one', 'two', 'spam')
  const ids = messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ id }) => id)
  t.is(new Set(ids).size, 3)
})

test('what was opened before a post replaced it, and read after that, was read', async (t) => {
  const server = await withRoom(t, 'one', 'spam')
  const reader = await open(server.file('lobby'))
  await post(server.url, 'lobby', { msg: 'three' })
  const text = await reader.readFile('utf8')
  await reader.close()
  await writeFile(join(server.directory, '.beside'), text.replace(/.*"spam".*\n/, ''))
  await rename(join(server.directory, '.beside'), server.file('lobby'))
  await untilSays(server, 'one', 'three')
  t.deepEqual(await saidAside(server), ['spam'])
})

test('what was read over HTTP was read', async (t) => {
  const server = await withRoom(t, 'one', 'spam')
  const { text } = await send(`${server.url}/rooms/lobby/file`)
  await writeFile(server.file('lobby'), text.replace(/.*"spam".*\n/, ''))
  await untilSays(server, 'one')
  t.deepEqual(await saidAside(server), ['spam'])
})

test('a file that was not made from the room replaces all of it, read or not; all of it is aside', async (t) => {
  const server = await withRoom(t, 'one', 'two')
  await writeFile(server.file('lobby'), 'only\n')
  await untilSays(server, 'only')
  t.deepEqual(await saidAside(server), ['one', 'two'])
})

test('an older copy with its old mtime is put back on purpose: what came since is aside', async (t) => {
  const server = await withRoom(t, 'one', 'two')
  const { mtime } = await stat(server.file('lobby'))
  const copy = join(server.directory, '.copy')
  await copyFile(server.file('lobby'), copy)
  await utimes(copy, mtime, mtime)
  await post(server.url, 'lobby', { msg: 'three' })
  await run('cp', ['-p', copy, server.file('lobby')])
  await untilSays(server, 'one', 'two')
  t.deepEqual(await saidAside(server), ['three'])
})

test('a backup that was made long ago is put back on purpose: what came since is aside', async (t) => {
  const server = await serve(t, { times: { quiet: QUIET, backup: 100 } })
  for (const msg of ['one', 'two']) await post(server.url, 'lobby', { msg })
  const backup = join(server.directory, '.backup')
  await copyFile(server.file('lobby'), backup)
  const { birthtimeMs, mtime } = await stat(backup)
  await utimes(backup, mtime, mtime)
  while (Date.now() < birthtimeMs + 150) await post(server.url, 'elsewhere', { msg: 'time goes by' })
  await post(server.url, 'lobby', { msg: 'three' })
  await rename(backup, server.file('lobby'))
  await untilSays(server, 'one', 'two')
  t.deepEqual(await saidAside(server), ['three'])
})

test('an edit that keeps size and mtime is seen', async (t) => {
  const server = await withRoom(t, 'one', 'two')
  const { mtime } = await stat(server.file('lobby'))
  const text = await readFile(server.file('lobby'), 'utf8')
  await writeFile(server.file('lobby'), text.replace('two', 'TWO'))
  await utimes(server.file('lobby'), mtime, mtime)
  await untilSays(server, 'one', 'TWO')
  await post(server.url, 'lobby', { msg: 'three' })
  t.deepEqual(await said(server), ['one', 'TWO', 'three'])
})

test('backups that people keep beside a room, whatever their names, outlive a restart', async (t) => {
  const first = await withRoom(t, 'one')
  const backups = ['lobby.jsonl.1', 'lobby.jsonl.20261121', 'lobby.jsonl.2596996162', 'lobby.jsonl~']
  for (const name of backups) await copyFile(first.file('lobby'), join(first.directory, name))
  await first.close()
  const second = await serve(t, {}, first.directory)
  await post(second.url, 'lobby', { msg: 'two' })
  const names = await readdir(first.directory)
  t.deepEqual(
    backups.filter((name) => !names.includes(name)),
    [],
  )
})

test('a first post that fails leaves no room behind', async (t) => {
  const server = await serve(t, { times: { quiet: QUIET } })
  await post(server.url, 'lobby', { msg: 'one' })
  await mkdir(join(server.directory, '.roomfile', '.versions'), { recursive: true })
  await writeFile(join(server.directory, '.roomfile', '.versions', 'dev'), 'in the way of its versions')
  t.is((await send(`${server.url}/rooms/dev`, { body: 'hello' })).status, 500)
  t.deepEqual(Object.keys((JSON.parse((await send(`${server.url}/rooms`)).text) as { rooms: object }).rooms), ['lobby'])
  await rm(join(server.directory, '.roomfile', '.versions', 'dev'))
  await post(server.url, 'dev', { msg: 'hello' })
  t.is((await poll(server.url, 'dev')).msg, 'hello')
})

test('a program that holds the file while a person replaces it is heard in the room that it is now', async (t) => {
  const server = await serve(t, { rateLimit: 0, times: { quiet: QUIET, carry: QUIET, grace: TEST_LIMIT_MS } })
  for (const msg of ['one', 'two']) await post(server.url, 'lobby', { msg })
  const pen = await open(server.file('lobby'), 'a')
  await run('sed', ['-i', 's/two/TWO/', server.file('lobby')])
  await untilSays(server, 'one', 'TWO')
  await pen.write('late\n')
  await pen.close()
  await untilSays(server, 'one', 'TWO', 'late')
  t.deepEqual(await said(server), ['one', 'TWO', 'late'])
})
