/**
 * The real server for one test: in the test's own process (`serve`), or as a process of its own where the process is the point (`serveProcess`):
 * signals, kills, system calls, the command line. Each on a directory of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import { roomfile, type Config, type Roomfile } from '../../server/index.ts'
import type { Times } from '../../server/times.ts'
import { keepEvidence } from './evidence.ts'
import { freshDirectory } from './fresh-directory.ts'
import { TEST_LIMIT_MS } from './limits.ts'

export { freshDirectory } from './fresh-directory.ts'

export const BIN = fileURLToPath(new URL('../../server/bin.ts', import.meta.url))

export interface Served {
  readonly url: string
  readonly directory: string
  /** What it has logged so far, a JSON object a line. */
  readonly log: readonly string[]
  /** What it holds in memory. */
  readonly held: Roomfile['held']
  /** The path of a room's file. */
  readonly file: (room: string) => string
  /** Stops it cleanly. */
  readonly close: () => Promise<void>
}

export interface ServedProcess extends Omit<Served, 'close' | 'held'> {
  readonly process: ChildProcess
  /** Sends a signal and resolves to the exit code, null when the signal ended it. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>
}

/** What differs from the defaults of the command line, and durations that are shorter than the usual ones. */
export interface ServeOptions extends Partial<Config> {
  readonly times?: Partial<Times>
}

/** Commits that were not finished: what a killed server leaves in its directory, until the next one starts. */
export async function temporariesIn(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, '.roomfile', '.versions'), { recursive: true }).catch(() => [])
  return names.filter((name) => /\.new$|\.[\w-]{43}\.\d+\.\d+$/.test(name))
}

/**
 * Starts a server in this process, on a free port of 127.0.0.1.
 * @param directory one that another server uses as well, or used before; a fresh one if none is given
 */
export async function serve(t: ExecutionContext, { times = {}, ...options }: ServeOptions = {}, directory?: string): Promise<Served> {
  t.timeout(TEST_LIMIT_MS)
  const dataDir = directory ?? (await freshDirectory(t))
  const log: string[] = []
  keepEvidence(t, dataDir, log)
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line.trimEnd()) })
  const server = await roomfile({ host: '127.0.0.1', port: 0, dataDir, ...options }, logger, times)
  let closed: Promise<void> | undefined
  const closeOnce = (): Promise<void> => (closed ??= server.close())
  t.teardown(closeOnce)
  return { url: server.url, directory: dataDir, log, held: server.held, file: (room) => join(dataDir, `${room}.jsonl`), close: closeOnce }
}

/** @param under a command that runs the server, such as one that limits it */
export function run(args: readonly string[], env: NodeJS.ProcessEnv = {}, under: readonly string[] = []): ChildProcess {
  const [command = '', ...rest] = [...under, process.execPath, BIN, ...args]
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ROOMFILE_.*|PORT|HOST)$/.test(name)))
  return spawn(command, rest, { env: { ...clean, ...env }, stdio: 'pipe' })
}

/**
 * Starts a server as a process of its own, on a free port of 127.0.0.1.
 * @param args options of the command line
 * @param directory one that another server uses as well, or used before; a fresh one if none is given
 */
export async function serveProcess(
  t: ExecutionContext,
  args: readonly string[] = [],
  directory?: string,
  under?: readonly string[],
): Promise<ServedProcess> {
  t.timeout(TEST_LIMIT_MS)
  const dataDir = directory ?? (await freshDirectory(t))
  const log: string[] = []
  keepEvidence(t, dataDir, log)
  const child = run(['--json-logs', '-p', '0', '-H', '127.0.0.1', ...args, dataDir], {}, under)
  const exited = once(child, 'exit') as Promise<[number | null]>
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return {
    url: await listening(child, log),
    directory: dataDir,
    process: child,
    log,
    file: (room) => join(dataDir, `${room}.jsonl`),
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      const [code] = await exited
      return code
    },
  }
}

/** Resolves to the address that the server says it listens on; keeps what it logs. */
function listening(child: ChildProcess, log: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error([`the server ended with ${code} before it listened`, ...log].join('\n'))))
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue
      createInterface(stream).on('line', (line) => {
        log.push(line)
        const { url } = line.startsWith('{') ? (JSON.parse(line) as { url?: string }) : {}
        if (url !== undefined) resolve(url)
      })
    }
  })
}
