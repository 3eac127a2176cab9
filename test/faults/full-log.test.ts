/** A log that cannot be written costs lines of the log, and nothing else: the server goes on, logs again when it can, and stops cleanly. */
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import ava, { type ExecutionContext } from 'ava'
import { poll, post, send } from '../helpers/chat.ts'
import { freePort } from '../helpers/free-port.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { needing } from '../helpers/needing.ts'
import { UNSHARE } from '../helpers/programs.ts'
import { freshDirectory, run } from '../helpers/serve.ts'
import { hurried } from '../helpers/under.ts'
import { until } from '../helpers/until.ts'

interface Silent {
  readonly url: string
  readonly directory: string
  readonly process: ChildProcess
  /** What was said on standard error. */
  readonly errors: readonly string[]
  /** Sends SIGTERM and resolves to the exit code. */
  readonly stop: () => Promise<number | null>
}

/** Starts a server of which nobody hears where it listens. @param under a command that sends its output elsewhere */
async function silent(t: ExecutionContext, args: readonly string[], under: readonly string[]): Promise<Silent> {
  t.timeout(TEST_LIMIT_MS)
  const port = String(await freePort())
  const directory = await freshDirectory(t)
  const child = run(['-p', port, '-H', '127.0.0.1', ...args, directory], {}, under)
  const exited = once(child, 'exit') as Promise<[number | null]>
  t.teardown(() => child.kill('SIGKILL'))
  const errors: string[] = []
  child.stderr?.on('data', (said: Buffer) => errors.push(String(said)))
  const url = `http://127.0.0.1:${port}`
  while ((await send(`${url}/healthz`).catch(() => undefined))?.status !== 200) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}`)
    await delay(20)
  }
  return {
    url,
    directory,
    process: child,
    errors,
    async stop() {
      child.kill('SIGTERM')
      return (await exited)[0]
    },
  }
}

/** Makes it log a warning that names the room: its file cannot be read. */
async function warn({ url, directory }: Silent, room: string): Promise<void> {
  await mkdir(join(directory, `${room}.jsonl`), { recursive: true })
  await send(`${url}/rooms/${encodeURIComponent(room)}?wait=0`)
}

async function talks(t: ExecutionContext, { url }: Silent, msg: string): Promise<void> {
  await post(url, 'lobby', { msg })
  t.is((await poll(url, 'lobby')).msg, msg)
}

const LOUD = hurried({ silence: 0, logRetry: 20 })

/** Lines in JSON and lines for people go to the same output: each kind meets two of these. */
const JSON_LOGS = ['--json-logs']

ava.serial('it lives where each line of its log meets a full disk', async (t) => {
  const server = await silent(t, [], ['sh', '-c', 'exec "$0" "$@" > /dev/full', ...LOUD])
  for (const room of ['a', 'b', 'c']) {
    await warn(server, room)
    await talks(t, server, room)
  }
  t.is(await server.stop(), 0)
})

ava.serial('it lives where nobody reads its log any more, in JSON', async (t) => {
  const pipe = join(await freshDirectory(t), 'pipe')
  const server = await silent(t, JSON_LOGS, ['sh', '-c', `mkfifo ${pipe}; true < ${pipe} & exec "$0" "$@" > ${pipe}`, ...LOUD])
  for (const room of ['a', 'b', 'c']) {
    await warn(server, room)
    await talks(t, server, room)
  }
  t.is(await server.stop(), 0)
})

ava.serial('it lives, and stops, where the reader of its log takes nothing', async (t) => {
  const pipe = join(await freshDirectory(t), 'pipe')
  const reader = `mkfifo ${pipe}; sleep 600 < ${pipe} >&- 2>&- & echo $! >&2; exec "$0" "$@" > ${pipe}`
  const server = await silent(t, [], ['sh', '-c', reader, ...LOUD])
  t.teardown(() => process.kill(Number(server.errors[0])))
  for (let n = 0; n < 100; n++) await warn(server, `${'界'.repeat(60)}${n}`) // more than a pipe holds
  await talks(t, server, 'nobody reads the log')
  t.is(await server.stop(), 0)
})

needing(UNSHARE)('it logs again once there is space, in JSON', async (t) => {
  const disk = await freshDirectory(t)
  const mounted = `mount -t tmpfs -o size=64k none ${disk} && exec "$0" "$@" >> ${disk}/log`
  const server = await silent(t, JSON_LOGS, ['unshare', '--map-root-user', '--mount', 'sh', '-c', mounted, ...LOUD])
  const [log, ballast] = ['log', 'ballast'].map((name) => `/proc/${server.process.pid}/root${disk}/${name}`) as [string, string]
  await warn(server, 'before')
  await until(async () => (await readFile(log, 'utf8')).includes('/rooms/before'))
  await t.throwsAsync(writeFile(ballast, Buffer.alloc(131_072)), { code: 'ENOSPC' })
  for (let n = 0; n < 20; n++) await warn(server, `full-${n}`)
  await talks(t, server, 'on a full disk')
  t.false((await readFile(log, 'utf8')).includes('/rooms/full-19'))
  await rm(ballast)
  await warn(server, 'after')
  await until(async () => (await readFile(log, 'utf8')).includes('/rooms/after'))
  const said = await readFile(log, 'utf8')
  for (let n = 0; n < 20; n++) t.is(said.split(`/rooms/full-${n}"`).length, 2, `${n}`)
  for (const line of said.trimEnd().split('\n')) t.notThrows(() => JSON.parse(line) as unknown, line)
  t.is(await server.stop(), 0)
})
