/** `roomfile follow` and `roomfile post`: in this process, or as a process of its own where signals, pipes and variables are the point. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { PassThrough, Readable, type Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { ExecutionContext } from 'ava'
import { commandNamed } from '../../server/command/cli.ts'
import type { Terminal } from '../../server/command/terminal.ts'
import { run } from './serve.ts'

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs a command in this process, to its end. */
export async function ended([name = '', ...args]: readonly string[], input: string | Buffer = ''): Promise<Ended> {
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const terminal: Terminal = { input: Readable.from([Buffer.from(input)]), output, errors, onInterrupt: () => undefined }
  const [out, err] = [text(output), text(errors)]
  const code = (await commandNamed(name)?.(args, terminal)) ?? null
  output.end()
  errors.end()
  return { code, out: await out, err: await err }
}

/** The same for a command that is a process. */
export async function endedProcess(child: ChildProcess, input?: string): Promise<Ended> {
  child.stdin?.end(input)
  const exited = once(child, 'exit') as Promise<[number | null]>
  const [[code], out, err] = await Promise.all([exited, child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : ''])
  return { code, out, err }
}

/** A command that runs, as somebody uses it who reads what it says line by line. */
export interface Runner {
  /** The next line on standard output, and on standard error; undefined at its end. */
  readonly line: () => Promise<string | undefined>
  readonly note: () => Promise<string | undefined>
  /** Its standard input. */
  readonly input: Writable
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>
  /** Ctrl-C; resolves to the exit code. */
  readonly stop: () => Promise<number | null>
}

/** Starts a command in this process. */
export function runner(t: ExecutionContext, [name = '', ...args]: readonly string[], isTTY = false): Runner {
  const [input, output, errors] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY }), new PassThrough()]
  const interrupts: (() => void)[] = []
  const terminal: Terminal = { input, output, errors, onInterrupt: (end) => void interrupts.push(end) }
  const exited = commandNamed(name)?.(args, terminal) ?? Promise.resolve(null)
  const stop = (): Promise<number | null> => {
    for (const interrupt of interrupts) interrupt()
    input.end()
    return exited
  }
  t.teardown(stop)
  return { ...reading(output, errors), input, ended: exited, stop }
}

/** Starts a command as a process of its own, which a signal ends. */
export function runnerProcess(t: ExecutionContext, args: readonly string[], signal: NodeJS.Signals): Runner {
  const child = run(args)
  const exited = once(child, 'exit') as Promise<[number | null]>
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new Error('the command has no pipes')
  const code = exited.then(([first]) => first)
  const stop = (): Promise<number | null> => {
    child.kill(signal)
    return code
  }
  return { ...reading(stdout, stderr), input: stdin, ended: code, stop }
}

function reading(output: NodeJS.ReadableStream, errors: NodeJS.ReadableStream): Pick<Runner, 'line' | 'note'> {
  const lines = createInterface(output)[Symbol.asyncIterator]()
  const notes = createInterface(errors)[Symbol.asyncIterator]()
  return { line: async () => (await lines.next()).value, note: async () => (await notes.next()).value }
}
