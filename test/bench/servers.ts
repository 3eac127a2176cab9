/**
 * The servers that are measured side by side, each a process of its own on the servers' core: roomfile on its stores, the floors without and
 * with a disk, and nginx with nchan where that is installed. Knows how each is started, filled and asked; measures nothing.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../helpers/serve.ts'
import { pin, SERVER_CORE, which } from './processes.ts'
import { requestText, timestampOf, Wire } from './wire.ts'
import { freePort } from '../helpers/free-port.ts'

export type Kind = 'bare node:http' | 'raw writes' | 'roomfile memory' | 'roomfile file' | 'nginx nchan'

/** How a server begins. */
export interface Setup {
  /** Messages that a room keeps. */
  readonly backlog?: number
  /** What has been said before. The floor without a disk keeps nothing, and nchan has one room. */
  readonly rooms?: readonly { readonly name: string; readonly lines: number }[]
  /** Characters of each of those messages. */
  readonly length?: number
}

export interface Server {
  readonly kind: Kind
  readonly pid: number
  readonly port: number
  /** Where it keeps its files. */
  readonly directory: string
  /** The request of a client that has everything up to this timestamp. */
  poll(timestamp: number): string
  post(text: string, room?: string): string
  /** How long its main thread stood still for garbage collection so far, in milliseconds; NaN where there is none. */
  gcMs(): Promise<number>
  stop(): Promise<void>
}

const NCHAN_MODULE = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules']
  .map((folder) => `${folder}/ngx_nchan_module.so`)
  .find((path) => existsSync(path))

const NGINX = which('nginx')

export const hasNchan = NCHAN_MODULE !== undefined && NGINX !== undefined

/** All kinds that can be started here and keep polls parked, the one to compare with first. */
export const KINDS: readonly Kind[] = ['bare node:http', 'roomfile memory', 'roomfile file', ...(hasNchan ? ['nginx nchan' as const] : [])]

/** The same, with the floor of what is on the disk when it is answered. */
export const KINDS_OF_WRITES: readonly Kind[] = ['bare node:http', 'raw writes', ...KINDS.slice(1)]

/** The room that is polled and posted to, where no other is named. */
export const ROOM = 'bench'

/** As the command line has it. */
const USUAL_BACKLOG = 200

/** What has been said before was said then: long ago, a millisecond each. */
const SAID_AT = 1_700_000_000_000

const FILLERS = 20
const STARTED_MS = 5000
const running = new Map<ChildProcess, string>()

process.on('exit', () => {
  for (const [child, directory] of running) {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
})

export async function startAll(kinds: readonly Kind[], setup: Setup = {}): Promise<Server[]> {
  return Promise.all(kinds.map((kind) => start(kind, setup)))
}

export async function stopAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()))
}

export async function start(kind: Kind, setup: Setup = {}): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'roomfile-bench-'))
  if (kind === 'roomfile file' || kind === 'raw writes') writeRooms(directory, setup)
  const { child, port, output } = await launch(kind, directory, setup)
  const pid = child.pid as number
  const exited = once(child, 'exit')
  running.set(child, directory)
  await pin(pid, SERVER_CORE)
  const server: Server = {
    kind,
    pid,
    port,
    directory,
    poll: (timestamp) => requestText('GET', kind === 'nginx nchan' ? '/sub' : `/rooms/${ROOM}?timestamp=${timestamp}&wait=60`),
    post: (text, room = ROOM) => requestText('POST', kind === 'nginx nchan' ? '/pub' : `/rooms/${room}`, bodyFor(kind, text)),
    async gcMs() {
      if (!output) return NaN
      child.kill('SIGUSR2')
      const { gcMs = NaN } = await output.next()
      return gcMs
    },
    async stop() {
      child.kill('SIGKILL') // how they stop is not measured, and some clients are still parked
      await exited
      running.delete(child)
      await rm(directory, { recursive: true, force: true })
    },
  }
  if (kind === 'roomfile memory') await postRooms(server, setup)
  return server
}

/** Names of rooms, so many. */
export function roomNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? ROOM : `${ROOM}-${i}`))
}

/** The rooms as files, as roomfile would have left them. */
function writeRooms(directory: string, { rooms = [], length = 100 }: Setup): void {
  const msg = 'x'.repeat(length)
  for (const { name, lines } of rooms) {
    const path = join(directory, `${name}.jsonl`)
    const line = (timestamp: number): string => JSON.stringify({ id: `${timestamp}-0`, timestamp, type: 'msg', nick: 'ann', msg })
    writeFileSync(path, Array.from({ length: lines }, (_, i) => `${line(SAID_AT + i)}\n`).join(''))
    const newest = (SAID_AT + lines - 1) / 1000
    utimesSync(path, newest, newest)
  }
}

/** The same rooms where only posts can make them. */
async function postRooms(server: Server, { rooms = [], length = 100 }: Setup): Promise<void> {
  const msg = 'x'.repeat(length)
  const requests = rooms.flatMap(({ name, lines }) => Array.from({ length: lines }, () => name)).values()
  const wires = await Wire.openMany(server.port, FILLERS)
  const fill = async (wire: Wire): Promise<void> => {
    for (const room of requests) timestampOf(await wire.fetch(server.post(msg, room)))
  }
  await Promise.all(wires.map(fill))
  for (const wire of wires) wire.close()
}

/** nchan hands on what it is given: it gets what the others make of a post. */
function bodyFor(kind: Kind, msg: string): string {
  if (kind !== 'nginx nchan') return JSON.stringify({ nick: 'ann', msg })
  const timestamp = Date.now()
  return JSON.stringify({ timestamp, msg, messages: [{ id: `${timestamp}-0`, timestamp, type: 'msg', nick: 'ann', msg }] })
}

/** An answer of a server on its standard output: where it listens, or how long it stood still. */
interface Told {
  readonly url?: string
  readonly gcMs?: number
}

/** What a server prints. All but answers is shown. */
class Output {
  #answer = Promise.withResolvers<Told>()

  constructor(child: ChildProcess) {
    child.stderr?.pipe(process.stderr)
    createInterface(child.stdout as Readable).on('line', (line) => {
      const told = line.startsWith('{') ? (JSON.parse(line) as Told) : {}
      if (told.url === undefined && told.gcMs === undefined) console.log(`  ${line}`)
      else this.#answer.resolve(told)
    })
  }

  /** The next answer. */
  async next(): Promise<Told> {
    const told = await this.#answer.promise
    this.#answer = Promise.withResolvers<Told>()
    return told
  }
}

interface Launched {
  readonly child: ChildProcess
  readonly port: number
  /** Of node's servers. */
  readonly output?: Output
}

async function launch(kind: Kind, directory: string, { backlog = USUAL_BACKLOG }: Setup): Promise<Launched> {
  if (kind === 'nginx nchan') return launchNginx(directory)
  const child =
    kind === 'bare node:http' || kind === 'raw writes' ? launchFloor(kind, directory, backlog) : launchRoomfile(kind, directory, backlog)
  const output = new Output(child)
  const ended = once(child, 'exit').then(([code]: unknown[]) => {
    throw new Error(`a server ended with ${String(code)} before it listened`)
  })
  const { url } = await Promise.race([output.next(), ended])
  return { child, port: Number(new URL(String(url)).port), output }
}

/** Each of node's servers tells how much of its time is garbage collection. */
const ENVIRONMENT = { NODE_OPTIONS: `--import=${new URL('gc.ts', import.meta.url).href}` }

function launchFloor(kind: 'bare node:http' | 'raw writes', directory: string, backlog: number): ChildProcess {
  const script = fileURLToPath(new URL(kind === 'raw writes' ? 'raw-writes.ts' : 'bare.ts', import.meta.url))
  return spawn(process.execPath, [script, directory, String(backlog)], { env: { ...process.env, ...ENVIRONMENT }, stdio: 'pipe' })
}

function launchRoomfile(kind: 'roomfile memory' | 'roomfile file', directory: string, backlog: number): ChildProcess {
  const store = kind === 'roomfile memory' ? 'memory' : 'file'
  const limits = ['--rate-limit', 'off', '--max-rooms', '20000', '--backlog', String(backlog)]
  return run(['--json-logs', '-p', '0', '-H', '127.0.0.1', ...limits, '--store', store, directory], ENVIRONMENT)
}

async function launchNginx(directory: string): Promise<Launched> {
  const port = await freePort()
  const config = join(directory, 'nginx.conf')
  await writeFile(config, nginxConfig(directory, port))
  const child = spawn(NGINX as string, ['-p', directory, '-c', config, '-e', 'stderr'], { stdio: ['ignore', 'inherit', 'inherit'] })
  for (const end = performance.now() + STARTED_MS; ; await delay(20)) {
    try {
      const wire = await Wire.open(port)
      wire.close()
      return { child, port }
    } catch (error) {
      if (performance.now() > end) throw error
    }
  }
}

/** One process does all: what is pinned and measured is the worker. */
function nginxConfig(directory: string, port: number): string {
  return `load_module ${NCHAN_MODULE};
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000; pid ${directory}/pid;
events { worker_connections 20000; }
http {
  access_log off; tcp_nodelay on; keepalive_timeout 300s; keepalive_requests 100000000;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  nchan_message_buffer_length 200; nchan_message_timeout 1h;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /pub { nchan_publisher; nchan_channel_id bench; }
    location = /sub { nchan_subscriber longpoll; nchan_subscriber_first_message newest; nchan_channel_id bench; }
  }
}
`
}
