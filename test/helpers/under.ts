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
