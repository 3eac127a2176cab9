/** Programs that keep a file open, and write to what they opened, whatever has its name by now. Processes of their own; they know no server. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ExecutionContext } from 'ava'

/** A program that does what it is told, a line each, and says when it is done. */
interface Told {
  readonly tell: (line: string) => Promise<void>
  readonly end: () => Promise<void>
}

async function told(t: ExecutionContext, command: string, args: readonly string[]): Promise<Told> {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  const { stdin, stdout } = child
  if (!stdin || !stdout) throw new Error(`${command} has no pipes`)
  const said = createInterface(stdout)[Symbol.asyncIterator]()
  const done = async (): Promise<void> => {
    if ((await said.next()).done === true) throw new Error(`${command} has ended`)
  }
  await done() // the file is open
  return {
    tell(line) {
      stdin.write(`${line}\n`)
      return done()
    },
    async end() {
      stdin.end()
      await exited
    },
  }
}

export interface Appender {
  /** Adds a line at the end of the file, and resolves when it is there. */
  readonly say: (line: string) => Promise<void>
  /** Closes the file. */
  readonly letGo: () => Promise<void>
}

/** A shell that opens a file once, to add to it: `exec 3>> file`, or what journalctl -f >> file does. */
export async function appender(t: ExecutionContext, file: string): Promise<Appender> {
  const script = String.raw`exec 3>> "$0"; echo open; while read -r line; do printf '%s\n' "$line" >&3; echo written; done`
  const { tell, end } = await told(t, 'sh', ['-c', script, file])
  return { say: tell, letGo: end }
}

export interface Rewriter {
  /** Empties the file and writes this, at one stroke. */
  readonly rewrite: (text: string) => Promise<void>
  /** Writes behind what it wrote before. */
  readonly write: (text: string) => Promise<void>
  /** Closes the file. */
  readonly letGo: () => Promise<void>
}

/** A program that opens a file to read and write it, and writes it anew in place. */
export async function rewriter(t: ExecutionContext, file: string): Promise<Rewriter> {
  const script = `
    const { ftruncateSync, openSync, writeSync } = require('node:fs')
    const fd = openSync(process.argv[1], 'r+')
    console.log('open')
    require('node:readline').createInterface(process.stdin).on('line', (line) => {
      const { afresh, text } = JSON.parse(line)
      if (afresh) ftruncateSync(fd)
      writeSync(fd, text)
      console.log('done')
    })`
  const { tell, end } = await told(t, process.execPath, ['-e', script, file])
  return {
    rewrite: (text) => tell(JSON.stringify({ afresh: true, text })),
    write: (text) => tell(JSON.stringify({ afresh: false, text })),
    letGo: end,
  }
}
