/**
 * The servers that are measured side by side, each a process of its own on the servers' core: roomfile on its stores, the bare floor,
 * and nginx with nchan where that is installed. Knows how each is started and asked; measures nothing.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../helpers/serve.ts'
import { pin, SERVER_CORE, which } from './processes.ts'
import { requestText, Wire } from './wire.ts'
import { freePort } from '../helpers/free-port.ts'

export type Kind = 'bare node:http' | 'roomfile memory' | 'roomfile file' | 'nginx nchan'

export interface Server {
  readonly kind: Kind
  readonly pid: number
  readonly port: number
  /** Where it keeps its files. */
  readonly directory: string
  /** The request of a client that has everything up to this timestamp. */
  poll(timestamp: number): string
  post(text: string): string
  stop(): Promise<void>
}

const NCHAN_MODULE = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules']
  .map((folder) => `${folder}/ngx_nchan_module.so`)
  .find((path) => existsSync(path))

const NGINX = which('nginx')

export const hasNchan = NCHAN_MODULE !== undefined && NGINX !== undefined

/** All kinds that can be started here, the one to compare with first. */
export const KINDS: readonly Kind[] = ['bare node:http', 'roomfile memory', 'roomfile file', ...(hasNchan ? ['nginx nchan' as const] : [])]

const ROOM = '/rooms/bench'
const STARTED_MS = 5000
const running = new Map<ChildProcess, string>()

process.on('exit', () => {
  for (const [child, directory] of running) {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
})

export async function startAll(kinds: readonly Kind[]): Promise<Server[]> {
  return Promise.all(kinds.map(start))
}

export async function stopAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()))
}

export async function start(kind: Kind): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'roomfile-bench-'))
  const { child, port } = await launch(kind, directory)
  const pid = child.pid as number
  const exited = once(child, 'exit')
  running.set(child, directory)
  await pin(pid, SERVER_CORE)
  return {
    kind,
    pid,
    port,
    directory,
    poll: (timestamp) => requestText('GET', kind === 'nginx nchan' ? '/sub' : `${ROOM}?timestamp=${timestamp}&wait=60`),
    post: (text) => requestText('POST', kind === 'nginx nchan' ? '/pub' : ROOM, bodyFor(kind, text)),
    async stop() {
      child.kill('SIGKILL') // how they stop is not measured, and some clients are still parked
      await exited
      running.delete(child)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** nchan hands on what it is given: it gets what the others make of a post. */
function bodyFor(kind: Kind, msg: string): string {
  if (kind !== 'nginx nchan') return JSON.stringify({ nick: 'ann', msg })
  const timestamp = Date.now()
  return JSON.stringify({ timestamp, msg, messages: [{ id: `${timestamp}-0`, timestamp, type: 'msg', nick: 'ann', msg }] })
}

async function launch(kind: Kind, directory: string): Promise<{ child: ChildProcess; port: number }> {
  if (kind === 'nginx nchan') return launchNginx(directory)
  const store = kind === 'roomfile memory' ? 'memory' : 'file'
  const child =
    kind === 'bare node:http'
      ? spawn(process.execPath, [fileURLToPath(new URL('bare.ts', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] })
      : run(['--json-logs', '-p', '0', '-H', '127.0.0.1', '--rate-limit', 'off', '--store', store, directory])
  return { child, port: Number(new URL(await urlOf(child)).port) }
}

/** The address that a server says it listens on. What else it says is shown. */
function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a server ended with ${code} before it listened`)))
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue
      createInterface(stream).on('line', (line) => {
        const { url } = line.startsWith('{') ? (JSON.parse(line) as { url?: string }) : {}
        if (url === undefined) console.log(`  ${line}`)
        else resolve(url)
      })
    }
  })
}

async function launchNginx(directory: string): Promise<{ child: ChildProcess; port: number }> {
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
