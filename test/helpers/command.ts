/** `roomfile follow` and `roomfile post` as people run them: in a pipe, until they end. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { ExecutionContext } from 'ava'
import { run } from './serve.ts'

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Somebody who runs a command, and reads what it says line by line. */
export interface Runner {
  readonly child: ChildProcess
  /** The next line on standard output, and on standard error; undefined at its end. */
  readonly line: () => Promise<string | undefined>
  readonly note: () => Promise<string | undefined>
  /** Writes to its standard input; resolves when there is room for more. */
  readonly write: (input: string | Buffer) => Promise<void>
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>
}

export function runner(t: ExecutionContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Runner {
  const child = run(args, { TZ: 'UTC', ...env })
  t.teardown(() => child.kill('SIGKILL'))
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new Error('the command has no pipes')
  const lines = createInterface(stdout)[Symbol.asyncIterator]()
  const notes = createInterface(stderr)[Symbol.asyncIterator]()
  const exited = once(child, 'exit') as Promise<[number | null]>
  return {
    child,
    line: async () => (await lines.next()).value,
    note: async () => (await notes.next()).value,
    write: async (input) => void (stdin.write(input) || (await once(stdin, 'drain'))),
    ended: exited.then(([code]) => code),
  }
}

/** Runs a command to its end. */
export async function ended(t: ExecutionContext, args: readonly string[], input?: string | Buffer): Promise<Ended> {
  const child = run(args, { TZ: 'UTC' })
  t.teardown(() => child.kill('SIGKILL'))
  child.stdin?.on('error', () => undefined) // it may have read enough
  child.stdin?.end(input)
  const exited = once(child, 'exit') as Promise<[number | null]>
  const [[code], out, err] = await Promise.all([exited, child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : ''])
  return { code, out, err }
}
