/**
 * The monotonic clock of this process, which a test sets forward: leases, polls and "is typing" end at once that would take a minute, and
 * none of them ends because a machine is slow. A server in this process goes by it. Tests that use it run one after the other.
 */
import { mock } from 'node:test'
import type { ExecutionContext } from 'ava'

export interface Clock {
  /** Sets it forward, in milliseconds; whatever is due then happens soon. */
  readonly pass: (ms: number) => void
}

export function clockOf(t: ExecutionContext): Clock {
  return clockThat(t, performance.now.bind(performance))
}

/** The same, of a clock that stands still but for what the test says: for work that is measured by it. */
export function stoppedClockOf(t: ExecutionContext): Clock {
  return clockThat(t, () => 0)
}

function clockThat(t: ExecutionContext, now: () => number): Clock {
  let ahead = 0
  const mocked = mock.method(performance, 'now', () => now() + ahead)
  t.teardown(() => mocked.mock.restore())
  return { pass: (ms) => void (ahead += ms) }
}
