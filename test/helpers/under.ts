/** Commands that a server of its own process runs under, and what they change for it. Knows no tests, and starts nothing. */
import type { Times } from '../../server/times.ts'

/** An option of Node: lets a debugger in, on a port that the log names. */
export const INSPECTED = '--inspect=127.0.0.1:0'

/** Other durations than the usual ones. @param options more options of Node */
export function hurried(times: Partial<Times>, ...options: readonly string[]): readonly string[] {
  const load = `--import=${new URL('hurry.ts', import.meta.url).href}`
  return ['env', `TEST_TIMES=${JSON.stringify(times)}`, `NODE_OPTIONS=${[load, ...options].join(' ')}`]
}

/** Root may write everywhere; without this capability it has to ask, as everybody. */
export function asAnybody(): readonly string[] {
  return process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : []
}

/**
 * Makes system calls fail or wait, from the start on: for what a server may try once and remember. @param fault calls and what becomes of
 * them, as strace writes it: `renameat2:error=EINVAL`
 */
export function meddled(fault: string): readonly string[] {
  const calls = fault.split(':')[0] ?? ''
  // -D: the server stays the process that was started. --seccomp-bpf: all other calls are as fast as without it.
  return ['strace', '-D', '-f', '--seccomp-bpf', '-e', `trace=${calls}`, '-e', `inject=${fault}`, '-o', '/dev/null']
}
