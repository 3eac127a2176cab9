/** Looks on, or meddles, as a server calls the system. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ServedProcess } from './serve.ts'

/**
 * Attaches strace to a running server, all its threads.
 * @param args what to trace, to inject, to write where
 * @returns what lets go of the server again
 * @throws when strace may not, with what it says
 */
export async function strace(server: ServedProcess, args: readonly string[]): Promise<() => Promise<void>> {
  const child = spawn('strace', ['-f', ...args, '-p', String(server.process.pid)], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  const [said] = (await once(child.stderr, 'data')) as [Buffer]
  if (!said.includes(' attached')) throw new Error(said.toString())
  return async () => {
    child.kill('SIGINT')
    await exited
  }
}

/** Makes system calls fail. @param fault calls and error, as strace writes them: `fsync:error=EIO` */
export function inject(server: ServedProcess, fault: string): Promise<() => Promise<void>> {
  const calls = fault.split(':')[0] ?? ''
  return strace(server, ['-e', `trace=${calls}`, '-e', `inject=${fault}`, '-o', '/dev/null'])
}
