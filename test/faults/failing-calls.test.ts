/** System calls that fail, one after the other: the post that met them is refused by name, reads go on, and nothing needs a restart. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { appendFile, chmod, cp, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import ava, { type ExecutionContext } from 'ava'
import { newCid } from '../../client/api/client.ts'
import { TIMES } from '../../server/times.ts'
import { Attack, sized } from '../helpers/attack.ts'
import { Follower, messagesIn, poll, post, send } from '../helpers/chat.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { needing } from '../helpers/needing.ts'
import { STRACE, UNSHARE, UTIL_LINUX, type Program } from '../helpers/programs.ts'
import { freshDirectory, serve, serveProcess, temporariesIn, type Served, type ServedProcess } from '../helpers/serve.ts'
import { inject } from '../helpers/strace.ts'
import { asAnybody, hurried } from '../helpers/under.ts'

const POSTS = sized(5, 200)

/** Ends the trouble. */
type Mend = () => Promise<unknown>

interface Trouble {
  readonly name: string
  readonly code: string
  readonly status: number
  /** What /healthz says meanwhile, where it knows: 503. @default 200 */
  readonly health?: number
}

/** One that is made from outside: a server in the test's own process can meet it. */
interface OutsideTrouble extends Trouble {
  readonly start: (server: Served) => Promise<Mend>
}

/** One that is a server process's own. */
interface InsideTrouble extends Trouble {
  readonly needs: readonly Program[]
  /** A command that the server runs under. */
  readonly under?: (directory: string) => readonly string[]
  readonly start: (server: ServedProcess, files: string, attack: Attack) => Promise<Mend>
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

const insideTroubles: readonly InsideTrouble[] = [
  {
    name: 'no space left on the disk',
    needs: [UNSHARE],
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
  {
    name: 'the directory may not be written to',
    needs: [UTIL_LINUX],
    under: asAnybody,
    async start({ directory }) {
      await chmod(directory, 0o500)
      return () => chmod(directory, 0o700)
    },
    status: 500,
    health: 503,
    code: 'not_kept',
  },
  {
    name: 'no more files can be opened',
    needs: [UTIL_LINUX],
    under: () => hurried({ grace: TEST_LIMIT_MS }), // an old inode that is let go of would make room for a file
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
]

/** Calls that fail one after the other in one server, as strace writes it. */
const FAILING: readonly (readonly [name: string, fault: string])[] = [
  ['fsync fails', 'fsync:error=EIO'],
  ['fsync of the directory fails', 'fsync:error=EIO:when=2+2'],
  ['the disk is full when the directory is to be synced', 'fsync:error=ENOSPC:when=2+2'], // the message is there by then
  ['rename fails', 'rename:error=EIO'],
  ['the disk is read-only', 'openat:error=EROFS'],
]

/** strace counts calls by thread: with one thread for files, every second fsync is a directory's. */
const ONE_THREAD = ['env', 'UV_THREADPOOL_SIZE=1']

const outsideTroubles: readonly OutsideTrouble[] = [
  {
    name: 'the directory is taken away, and put back',
    async start({ directory }) {
      await rename(directory, `${directory}.away`)
      return () => rename(`${directory}.away`, directory)
    },
    status: 500,
    health: 503,
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

/** How often each kind of warning was logged: once, and again only after a while, however many posts meet the trouble. */
function warningsIn(log: readonly string[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const line of log) {
    const { level, msg, err } = JSON.parse(line) as { level: number; msg: string; err?: { message: string } }
    const kind = `${msg} ${err?.message ?? ''}`.replaceAll(/\d+/g, '#') // the names of temporary files differ
    if (level === 40) times.set(kind, (times.get(kind) ?? 0) + 1)
  }
  return times
}

/** Posts in trouble and after it, while somebody follows. @param files where the server's directory is seen from here */
async function meet(
  t: ExecutionContext,
  { url, log }: Pick<Served, 'url' | 'log'>,
  files: string,
  { name, status, code, health = 200 }: Trouble,
  start: (attack: Attack) => Promise<Mend>,
): Promise<void> {
  const attack = new Attack(name)
  const logged = log.length
  const earlier = (await poll(url, 'lobby', { wait: 0 })).messages.map(({ msg }) => msg)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (const msg of ['one', 'two', 'three']) await attack.post(url, msg, { agent })
  const alice = await new Follower(url, 'lobby').start()
  const begin = performance.now()
  const mend = await start(attack)
  const before = [...earlier, ...attack.acknowledged]
  for (let n = 0; n < POSTS; n++) {
    const answer = await attack.post(url, `in trouble ${n}`, { agent })
    t.is(answer?.status, status, name)
    t.is((JSON.parse(answer?.text ?? '') as { error: { code: string } }).error.code, code, name)
  }
  const { messages } = await poll(url, 'lobby', { wait: 0 }, { agent })
  t.deepEqual(
    messages.map(({ msg }) => msg),
    before,
    name,
  )
  t.is((await send(`${url}/healthz`, { agent })).status, health, name)

  await mend()
  await attack.recover(url, 'in trouble 0, again', performance.now(), { agent })
  await alice.until(({ texts }) => texts.lastIndexOf('in trouble 0, again') >= before.length)
  t.deepEqual([alice.resets, alice.gaps], [0, 0], name)
  const again = Math.floor((performance.now() - begin) / TIMES.silence)
  for (const [warning, times] of warningsIn(log.slice(logged))) t.true(times <= 1 + again, `${times} times: ${warning}\n${log.join('\n')}`)
  const texts = messagesIn(await readFile(`${files}/lobby.jsonl`, 'utf8')).map(({ msg }) => msg)
  t.deepEqual(alice.texts, texts, name)
  t.deepEqual(await temporariesIn(files), [], `${name}: a temporary file is left`)
  await alice.stop()
  attack.end(t, texts.slice(earlier.length))
}

const titleOf = ({ name, status, code }: Trouble): string =>
  `${name}: ${status} ${code} for the posts that meet it, reads go on, and it is over when it is over`

for (const trouble of insideTroubles) {
  needing(...trouble.needs)(titleOf(trouble), async (t) => {
    const directory = await freshDirectory(t)
    const server = await serveProcess(t, ['--rate-limit', 'off', '--backlog', '1000'], directory, trouble.under?.(directory))
    const files = `/proc/${server.process.pid}/root${directory}`
    await meet(t, server, files, trouble, (attack) => trouble.start(server, files, attack))
  })
}

needing(STRACE)(
  `${FAILING.map(([name]) => name).join('; ')}: each is 500 not_kept for the posts that meet it, reads go on, and it is over when it is over`,
  async (t) => {
    const server = await serveProcess(t, ['--rate-limit', 'off', '--backlog', '1000'], undefined, ONE_THREAD)
    for (const [name, fault] of FAILING)
      await meet(t, server, server.directory, { name, status: 500, code: 'not_kept' }, () => inject(server, fault))
  },
)

for (const trouble of outsideTroubles) {
  ava.serial(titleOf(trouble), async (t) => {
    const server = await serve(t, { rateLimit: 0, backlog: 1000 })
    await meet(t, server, server.directory, trouble, () => trouble.start(server))
  })
}

needing(UTIL_LINUX)(
  'a room that nobody asked for before is read where nothing may be written, if its file is as a commit left it',
  async (t) => {
    const first = await serve(t)
    for (const msg of ['one', 'two']) await post(first.url, 'archive', { msg })
    const told = await poll(first.url, 'archive')
    await first.close()
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
  },
)

ava.serial(
  'the directory is removed with all that is in it, and made anew: the room is empty, everyone is told, and posting works',
  async (t) => {
    // Only a watch on the new directory can tell of what is written by hand there.
    const server = await serve(t, { times: { safetyLook: TEST_LIMIT_MS } })
    await post(server.url, 'lobby', { msg: 'before' })
    const alice = await new Follower(server.url, 'lobby').start()
    // It goes in steps: the server may make its lock in it again meanwhile, and a file that is gone for a moment is an edit already.
    await rm(server.directory, { recursive: true, maxRetries: 100, retryDelay: 1 })
    t.is((await send(`${server.url}/rooms/lobby`, { body: 'nowhere' })).status, 500)
    await mkdir(server.directory)
    await alice.until(({ resets, messages }) => resets > 0 && messages.length === 0)
    await post(server.url, 'lobby', { msg: 'after' })
    await alice.until(({ texts }) => texts.includes('after'))
    for (const line of ['by hand', 'and again']) {
      await appendFile(server.file('lobby'), `${line}\n`)
      await alice.until(({ texts }) => texts.includes(line))
    }
    t.deepEqual(alice.texts, ['after', 'by hand', 'and again'])
    while (!process.getActiveResourcesInfo().includes('FSEventWrap')) await delay(20, undefined, { ref: false }) // the old watch is gone: this one is on the new directory
    await alice.stop()
  },
)

ava.serial('a directory that was replaced while nobody waited is watched as soon as somebody does', async (t) => {
  const server = await serve(t, { times: { safetyLook: TEST_LIMIT_MS, directoryLook: 5 } })
  await post(server.url, 'lobby', { msg: 'before' })
  await rename(server.directory, `${server.directory}-old`)
  t.teardown(() => rm(`${server.directory}-old`, { recursive: true }))
  await cp(`${server.directory}-old`, server.directory, { recursive: true, preserveTimestamps: true })
  const alice = await new Follower(server.url, 'lobby').start()
  await appendFile(server.file('lobby'), 'by hand\n')
  await alice.until(({ texts }) => texts.includes('by hand'))
  t.deepEqual(alice.texts, ['before', 'by hand'])
  await alice.stop()
})

/** Resolves once the kernel tells the server of changes in a directory. */
async function untilWatching(server: ServedProcess): Promise<void> {
  const fdinfo = `/proc/${server.process.pid}/fdinfo`
  for (;;) {
    const open = await Promise.all((await readdir(fdinfo)).map((fd) => readFile(`${fdinfo}/${fd}`, 'utf8').catch(() => '')))
    if (open.some((info) => /^inotify wd:/m.test(info))) return
    await delay(20)
  }
}

needing(UNSHARE)(
  'where no watch is to be had, files are looked at instead, the log says so, and it ends when there is one again',
  async (t) => {
    const none = ['unshare', '--map-root-user', 'sh', '-c', 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$0" "$@"']
    const server = await serveProcess(t, [], undefined, [...none, ...hurried({ watchRetry: 500, safetyLook: TEST_LIMIT_MS })])
    t.true(server.log.some((line) => line.includes('cannot watch the directory')))
    await post(server.url, 'lobby', { msg: 'a post' })
    const alice = await new Follower(server.url, 'lobby').start()
    await appendFile(server.file('lobby'), 'by hand\n')
    await alice.until(({ texts }) => texts.includes('by hand'))
    await writeFile(server.file('lobby'), 'an edit\n')
    await alice.until(({ texts }) => texts.length === 1 && texts[0] === 'an edit')
    const raise = ['--target', String(server.process.pid), '--user', '--preserve-credentials', 'sh', '-c']
    await once(spawn('nsenter', [...raise, 'echo 10 > /proc/sys/user/max_inotify_instances']), 'exit')
    await untilWatching(server)
    await alice.stop()
  },
)
