/** System calls that fail, one after the other: the post that met them is refused by name, reads go on, and nothing needs a restart. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { newCid } from '../../client/client.ts'
import { Attack, sized } from '../helpers/attack.ts'
import { Follower, messagesIn, poll, post, send } from '../helpers/chat.ts'
import { freshDirectory, serveProcess, temporariesIn, type ServedProcess } from '../helpers/serve.ts'
import { inject } from '../helpers/strace.ts'

const POSTS = sized(20, 200)

/** Ends the trouble. */
type Mend = () => Promise<unknown>

interface Trouble {
  readonly name: string
  /** A command that the server runs under. */
  readonly under?: (directory: string) => readonly string[]
  readonly start: (server: ServedProcess, files: string, attack: Attack) => Promise<Mend>
  readonly code: string
  readonly status: number
}

/** In a namespace of its own, with a small disk of its own at the directory. */
const onSmallDisk = (directory: string): readonly string[] => [
  'unshare',
  '--map-root-user',
  '--mount',
  'sh',
  '-c',
  `mount -t tmpfs -o size=128k none ${directory} && exec "$0" "$@"`,
]

/** Root may write everywhere; without this capability it has to ask, as everybody. */
const asAnybody = (): readonly string[] => (process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : [])

async function openFiles(server: ServedProcess): Promise<number[]> {
  return (await readdir(`/proc/${server.process.pid}/fd`)).map(Number)
}

async function limitOpenFiles(server: ServedProcess, most: number): Promise<void> {
  const [code] = (await once(spawn('prlimit', ['--pid', String(server.process.pid), `--nofile=${most}:`]), 'exit')) as [number]
  if (code !== 0) throw new Error(`prlimit ended with ${code}`)
}

/** Puts something else in the place of the room's file, and the file back in the end: each at one stroke, for a missing file is an edit. */
function inPlaceOf(file: string, put: () => void, away: () => void): Promise<Mend> {
  renameSync(file, `${file}.away`)
  put()
  return Promise.resolve(async () => {
    away()
    renameSync(`${file}.away`, file)
  })
}

const BALLAST = 'ballast'

async function fillDisk(files: string): Promise<void> {
  for (const size of [65_536, 4096])
    while (await writeFile(`${files}/${BALLAST}-${newCid()}`, Buffer.alloc(size)).then(() => true, isFull));
}

function isFull(error: NodeJS.ErrnoException): boolean {
  if (error.code !== 'ENOSPC') throw error
  return false
}

async function emptyDisk(files: string): Promise<void> {
  for (const name of await readdir(files)) if (name.startsWith(BALLAST)) await unlink(`${files}/${name}`)
}

const troubles: readonly Trouble[] = [
  {
    name: 'no space left on the disk',
    under: onSmallDisk,
    async start(server, files, attack) {
      let n = 0
      do await fillDisk(files)
      while ((await attack.post(server.url, `the last that fits ${n++}`))?.status === 201) // it frees what it held itself
      return () => emptyDisk(files)
    },
    status: 507,
    code: 'disk_full',
  },
  { name: 'fsync fails', start: (server) => inject(server, 'fsync:error=EIO'), status: 500, code: 'not_kept' },
  {
    name: 'fsync of the directory fails',
    under: () => ['env', 'UV_THREADPOOL_SIZE=1'], // strace counts calls by thread: every second one is a directory's
    start: (server) => inject(server, 'fsync:error=EIO:when=2+2'),
    status: 500,
    code: 'not_kept',
  },
  { name: 'rename fails', start: (server) => inject(server, 'rename:error=EIO'), status: 500, code: 'not_kept' },
  { name: 'the disk is read-only', start: (server) => inject(server, 'openat:error=EROFS'), status: 500, code: 'not_kept' },
  {
    name: 'the directory may not be written to',
    under: asAnybody,
    async start({ directory }) {
      await chmod(directory, 0o500)
      return () => chmod(directory, 0o700)
    },
    status: 500,
    code: 'not_kept',
  },
  {
    name: 'no more files can be opened',
    async start(server) {
      const open = new Set(await openFiles(server))
      let free = 0
      while (open.has(free)) free += 1
      await limitOpenFiles(server, free)
      return () => limitOpenFiles(server, 1024)
    },
    status: 503,
    code: 'too_busy',
  },
  {
    name: 'the directory is taken away, and put back',
    async start({ directory }) {
      await rename(directory, `${directory}.away`)
      return () => rename(`${directory}.away`, directory)
    },
    status: 500,
    code: 'not_kept',
  },
  {
    name: 'a directory in place of the file',
    start: (server) =>
      inPlaceOf(
        server.file('lobby'),
        () => mkdirSync(server.file('lobby')),
        () => rmdirSync(server.file('lobby')),
      ),
    status: 500,
    code: 'not_kept',
  },
  {
    name: 'a link to nothing in place of the file',
    start: (server) =>
      inPlaceOf(
        server.file('lobby'),
        () => symlinkSync('nowhere', server.file('lobby')),
        () => unlinkSync(server.file('lobby')),
      ),
    status: 500,
    code: 'not_kept',
  },
]

for (const { name, under, start, status, code } of troubles) {
  test(`${name}: ${status} ${code} for the posts that meet it, reads go on, and it is over when it is over`, async (t) => {
    const attack = new Attack(name)
    const directory = await freshDirectory(t)
    const server = await serveProcess(t, ['--rate-limit', 'off', '--backlog', '1000'], directory, under?.(directory))
    const files = `/proc/${server.process.pid}/root${directory}`
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (const msg of ['one', 'two', 'three']) await attack.post(server.url, msg, { agent })
    const alice = await new Follower(server.url, 'lobby').start()
    const mend = await start(server, files, attack)
    const before = [...attack.acknowledged]
    for (let n = 0; n < POSTS; n++) {
      const answer = await attack.post(server.url, `in trouble ${n}`, { agent })
      t.is(answer?.status, status)
      t.is((JSON.parse(answer?.text ?? '') as { error: { code: string } }).error.code, code)
    }
    const { messages } = await poll(server.url, 'lobby', { wait: 0 }, { agent })
    t.deepEqual(
      messages.map(({ msg }) => msg),
      before,
    )
    t.is((await send(`${server.url}/healthz`, { agent })).status, 200)

    await mend()
    await attack.recover(server.url, 'in trouble 0, again', performance.now(), { agent })
    await alice.until(({ texts }) => texts.includes('in trouble 0, again'))
    t.deepEqual([alice.resets, alice.gaps], [0, 0])
    t.true(server.log.filter((line) => line.includes('"level":40')).length <= 4, server.log.join('\n'))
    const texts = messagesIn(await readFile(`${files}/lobby.jsonl`, 'utf8')).map(({ msg }) => msg)
    t.deepEqual(alice.texts, texts)
    t.deepEqual(await temporariesIn(files), [], 'a temporary file is left')
    await alice.stop()
    agent.destroy()
    attack.end(t, texts)
  })
}

test('a room that nobody asked for before is read where nothing may be written, if its file is as a commit left it', async (t) => {
  const first = await serveProcess(t)
  for (const msg of ['one', 'two']) await post(first.url, 'archive', { msg })
  const told = await poll(first.url, 'archive')
  await first.stop()
  await rm(`${first.directory}/.roomfile`, { recursive: true }) // as a copy of the files alone would be
  const server = await serveProcess(t, [], first.directory, asAnybody())
  await writeFile(server.file('by-hand'), 'by hand\n')
  await chmod(first.directory, 0o500)
  t.deepEqual(await poll(server.url, 'archive'), told)
  t.is((await send(`${server.url}/rooms/archive`, { body: 'three' })).status, 500)
  t.is((await send(`${server.url}/rooms/by-hand?wait=0`)).status, 500) // its lines have no place yet that would last
  await chmod(first.directory, 0o700)
  await post(server.url, 'archive', { msg: 'three' })
  const { messages, gap, reset } = await poll(server.url, 'archive', { timestamp: told.timestamp })
  t.deepEqual([messages.map(({ msg }) => msg), gap, reset], [['three'], undefined, undefined])
  t.deepEqual(
    (await poll(server.url, 'by-hand')).messages.map(({ msg }) => msg),
    ['by hand'],
  )
})

/** Resolves once the kernel tells the server of changes in its directory: by an inotify watch on its inode. */
async function untilWatched(server: ServedProcess): Promise<void> {
  const { ino } = await stat(server.directory)
  const fdinfo = `/proc/${server.process.pid}/fdinfo`
  for (;;) {
    const open = await Promise.all((await readdir(fdinfo)).map((fd) => readFile(`${fdinfo}/${fd}`, 'utf8').catch(() => '')))
    if (open.some((info) => new RegExp(`^inotify .* ino:${ino.toString(16)} `, 'm').test(info))) return
    await delay(20)
  }
}

test('the directory is removed with all that is in it, and made anew: the room is empty, everyone is told, and posting works', async (t) => {
  const server = await serveProcess(t)
  await post(server.url, 'lobby', { msg: 'before' })
  const alice = await new Follower(server.url, 'lobby').start()
  await rm(server.directory, { recursive: true, maxRetries: 10, retryDelay: 20 }) // the server may be making its lock in it just then
  t.is((await send(`${server.url}/rooms/lobby`, { body: 'nowhere' })).status, 500)
  t.deepEqual(alice.texts, ['before'])
  await mkdir(server.directory)
  await alice.until(({ resets, messages }) => resets > 0 && messages.length === 0)
  await post(server.url, 'lobby', { msg: 'after' })
  await alice.until(({ texts }) => texts.includes('after'))
  await untilWatched(server)
  await writeFile(server.file('lobby'), 'by hand\n', { flag: 'a' })
  await alice.until(({ texts }) => texts.includes('by hand'))
  await alice.stop()
})

test('where no watch is to be had, files are looked at instead, the log says so, and it ends when there is one again', async (t) => {
  const none = ['unshare', '--map-root-user', 'sh', '-c', 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$0" "$@"']
  const server = await serveProcess(t, [], undefined, none)
  t.true(server.log.some((line) => line.includes('cannot watch the directory')))
  await post(server.url, 'lobby', { msg: 'a post' })
  const alice = await new Follower(server.url, 'lobby').start()
  await writeFile(server.file('lobby'), 'by hand\n', { flag: 'a' })
  await alice.until(({ texts }) => texts.includes('by hand'))
  await writeFile(server.file('lobby'), 'an edit\n')
  await alice.until(({ texts }) => texts.length === 1 && texts[0] === 'an edit')
  const raise = ['--target', String(server.process.pid), '--user', '--preserve-credentials', 'sh', '-c']
  await once(spawn('nsenter', [...raise, 'echo 10 > /proc/sys/user/max_inotify_instances']), 'exit')
  await untilWatched(server)
  await alice.stop()
})
