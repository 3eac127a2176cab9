/** Starts the real server as a process of its own, on a directory of its own, for one test. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'

export const BIN = fileURLToPath(new URL('../../server/bin.ts', import.meta.url))

export interface Served {
  readonly url: string
  readonly directory: string
  readonly process: ChildProcess
  /** What it has logged so far, a JSON object a line. */
  readonly log: readonly string[]
  /** The path of a room's file. */
  readonly file: (room: string) => string
  /** Sends a signal and resolves to the exit code, null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** A fresh directory that goes when the test ends. */
export async function freshDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'roomfile-test-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Commits that were not finished: what a killed server leaves in its directory, until the next one starts. */
export async function temporariesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => /\.\d+$/.test(name))
}

/** @param under a command that runs the server, such as one that limits it */
export function run(args: readonly string[], env: NodeJS.ProcessEnv = {}, under: readonly string[] = []): ChildProcess {
  const [command = '', ...rest] = [...under, process.execPath, BIN, ...args]
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ROOMFILE_.*|PORT|HOST)$/.test(name)))
  return spawn(command, rest, { env: { ...clean, ...env }, stdio: 'pipe' })
}

/**
 * Starts a server on a free port of localhost.
 * @param args options of the command line
 * @param directory a directory that another server uses as well, or used before; a fresh one if none is given
 */
export async function serve(
  t: ExecutionContext,
  args: readonly string[] = [],
  directory?: string,
  under?: readonly string[],
): Promise<Served> {
  const dir = directory ?? (await freshDirectory(t))
  const child = run(['--json-logs', '-p', '0', '-H', '127.0.0.1', ...args, dir], {}, under)
  const exited = once(child, 'exit') as Promise<[number | null]>
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const log: string[] = []
  const url = await listening(child, t, log)
  return {
    url,
    directory: dir,
    process: child,
    log,
    file: (room) => join(dir, `${room}.jsonl`),
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      const [code] = await exited
      return code
    },
  }
}

/** Resolves to the address that the server says it listens on; tells the test what else it says. */
function listening(child: ChildProcess, t: ExecutionContext, log: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it listened`)))
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue
      createInterface(stream).on('line', (line) => {
        log.push(line)
        const { url } = line.startsWith('{') ? (JSON.parse(line) as { url?: string }) : {}
        if (url !== undefined) resolve(url)
        else if (!line.includes('answering parked polls')) t.log(line)
      })
    }
  })
}
