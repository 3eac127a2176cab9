/** What a kill leaves among the versions of a room's file: each of them is known by its name, and nothing that a person wrote is removed. */
import { hash } from 'node:crypto'
import { appendFile, mkdir, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import ava, { type ExecutionContext } from 'ava'
import { poll, post, send } from '../helpers/chat.ts'
import { randomOf } from '../helpers/random.ts'
import { keptAside, said } from '../helpers/room-files.ts'
import { freshDirectory, serve, temporariesIn, type Served } from '../helpers/serve.ts'

const test = ava.serial

const MOVES = 30

/** About as long as a commit takes. */
const COMMIT_MS = 5

interface Left {
  readonly directory: string
  readonly versions: string
  readonly file: Served['file']
  /** The name of a version that was to be exchanged with a file. */
  readonly nameFor: (timestamp: number, ino: bigint, bytes: Buffer) => string
}

/** A directory with a room of one message, and no server. */
async function left(t: ExecutionContext): Promise<Left> {
  const server = await serve(t)
  await post(server.url, 'lobby', { msg: 'one' })
  await server.close()
  const versions = join(server.directory, '.roomfile', '.versions', 'lobby')
  await mkdir(versions, { recursive: true })
  return {
    directory: server.directory,
    versions,
    file: server.file,
    nameFor: (timestamp, ino, bytes) =>
      join(versions, [timestamp, ino, 0, bytes.length, hash('sha256', bytes, 'base64url'), bytes.length].join('.')),
  }
}

/** A server on what was left, once it has looked at the room. */
async function start(t: ExecutionContext, { directory }: Left): Promise<Served> {
  const server = await serve(t, {}, directory)
  await poll(server.url, 'lobby')
  return server
}

test('a file of a person that a commit took out, and had no time to put back, is kept aside', async (t) => {
  const there = await left(t)
  await writeFile(there.nameFor(Date.now(), 1n, Buffer.from('')), 'by hand\n')
  const server = await start(t, there)
  t.deepEqual(await said(there), ['one'])
  t.deepEqual(await keptAside(there), [Buffer.from('by hand\n')])
  await server.close()
  t.deepEqual(await readdir(join(there.versions, '..')), [])
})

test('a version that was never put in place is removed, and so is one that was not written to its end', async (t) => {
  const there = await left(t)
  const now = Date.now()
  const version = there.nameFor(now, 1n, Buffer.from(''))
  await writeFile(version, 'never acknowledged\n')
  await utimes(version, (now + 0.000_5) / 1000, (now + 0.000_5) / 1000) // as the server sets it
  await writeFile(`${version}.1234567890`, 'never acknow')
  await writeFile(join(there.versions, `${now}.new`), 'never acknowledged\n')
  await start(t, there)
  t.deepEqual(await readdir(join(there.versions, '..')), [])
  t.deepEqual(await keptAside(there), [])
  t.deepEqual(await said(there), ['one'])
})

/** A version that another one replaced, and all of which is in the room. @returns its path */
async function replacedIn({ directory, versions, nameFor }: Left, timestamp = 1): Promise<string> {
  const before = join(directory, '.before')
  await writeFile(before, 'taken in already\n')
  const { ino } = await stat(before, { bigint: true })
  const path = nameFor(timestamp, ino, await readFile(before))
  await mkdir(versions, { recursive: true })
  await rename(before, path)
  return path
}

test('what was added to a version after it was replaced is carried over, once', async (t) => {
  const there = await left(t)
  await appendFile(await replacedIn(there), 'late\n')
  const server = await start(t, there)
  while ((await poll(server.url, 'lobby')).msg !== 'late');
  await server.close()
  t.deepEqual(await said(there), ['one', 'late'])
  t.deepEqual(await keptAside(there), [])
})

test('two servers find the same version: what is added to it is carried over once', async (t) => {
  const there = await left(t)
  const path = await replacedIn(there)
  const servers = [await start(t, there), await start(t, there)]
  await appendFile(path, 'late\n')
  for (const { url } of servers) while ((await poll(url, 'lobby')).msg !== 'late');
  for (const server of servers) await server.close()
  t.deepEqual(await said(there), ['one', 'late'])
})

test('a version is left to the process that replaced it just now, and is found later if that was killed', async (t) => {
  const there = await left(t)
  const server = await serve(t, { times: { grace: 50 } }, there.directory)
  for (const msg of ['two', 'three']) await post(server.url, 'lobby', { msg }) // it has looked for versions by now
  await untilSwept(server)
  const replacedAt = Date.now() + 500
  await appendFile(await replacedIn(there, replacedAt), 'late\n')
  while (Date.now() < replacedAt) t.is((await poll(server.url, 'lobby', { wait: 0 })).msg, 'three')
  while ((await poll(server.url, 'lobby', { wait: 0 })).msg !== 'late');
  await server.close()
  t.deepEqual(await said(there), ['one', 'two', 'three', 'late'])
})

/** Until no version of the rooms' files is left that is not theirs; a server that leaves one lets the test run into its timeout. */
async function untilSwept({ url, directory }: Served): Promise<void> {
  while ((await temporariesIn(directory)).length > 0) await poll(url, 'lobby', { wait: 0 })
}

test('the directory is taken away and put back under posts: what commits could not remove meanwhile goes while the server runs', async (t) => {
  const random = randomOf(t)
  const parent = await freshDirectory(t)
  const directory = join(parent, 'data')
  const server = await serve(t, { rateLimit: 0, times: { grace: 50 } }, directory)
  const acknowledged: string[] = []
  const refused: string[] = []
  const moving = new AbortController()
  t.teardown(() => moving.abort())
  const poster = (async () => {
    for (let n = 0; !moving.signal.aborted; n++) {
      const { status } = await send(`${server.url}/rooms/lobby`, { body: `post ${n}` })
      const answered = status === 201 ? acknowledged : refused
      answered.push(`post ${n}`)
    }
  })()
  for (let n = 0; n < MOVES; n++) {
    const posts = acknowledged.length
    while (acknowledged.length === posts) await turn()
    await delay(random() * COMMIT_MS) // the instant is the point
    await rename(directory, `${directory}.away`)
    const errors = refused.length
    while (refused.length === errors) await turn()
    t.deepEqual(await readdir(parent), ['data.away'], 'something was made in its place')
    await rename(`${directory}.away`, directory)
  }
  moving.abort()
  await poster
  await untilSwept(server)
  const kept = new Set(await said(server))
  t.deepEqual(
    acknowledged.filter((text) => !kept.has(text)),
    [],
  )
})
