/**
 * The state of the connection, as it is shown. A short interruption is not shown: only the second failure in a row, or two seconds without
 * a connection. Pure: the caller gives the events and the time.
 */
import type { StateEvent } from '../api/client.ts'

/** An interruption that lasts longer, in ms, is shown. */
const SHOWN_AFTER_MS = 2000

export class LinkState {
  event: StateEvent = { type: 'state', state: 'connecting' }
  /** When the connection was lost, in ms since the epoch; undefined while there is one. */
  private downSince: number | undefined
  private failures = 0

  constructor(now: number) {
    this.downSince = now
  }

  take(event: StateEvent, now: number): void {
    this.event = event
    if (event.state === 'connected') {
      this.downSince = undefined
      this.failures = 0
    } else {
      this.downSince ??= now
      if (event.state === 'waiting') this.failures = event.failures
    }
  }

  get isDown(): boolean {
    return this.downSince !== undefined
  }

  /** Whether to show that there is no connection. */
  isTroubled(now: number): boolean {
    return this.downSince !== undefined && (this.failures >= 2 || now - this.downSince >= SHOWN_AFTER_MS)
  }

  /** Seconds until the next retry; 0 during a retry. */
  secondsLeft(now: number): number {
    return this.event.state === 'waiting' ? Math.max(0, Math.ceil((this.event.retryAt - now) / 1000)) : 0
  }
}
