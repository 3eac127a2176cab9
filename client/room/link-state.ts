/**
 * What the page says about the connection, and from when on: a hiccup is not worth a word, the second failure or two seconds are.
 * Pure rules over the client's state events and a clock.
 */
import type { StateEvent } from '../api/client.ts'

/** ms without a connection after which a reader is told. */
const SHOWN_AFTER_MS = 2000

export class LinkState {
  event: StateEvent = { type: 'state', state: 'connecting' }
  /** Since when there is no connection, in ms since the epoch; undefined while there is one. */
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

  /** Whether it is time to say so. */
  isTroubled(now: number): boolean {
    return this.downSince !== undefined && (this.failures >= 2 || now - this.downSince >= SHOWN_AFTER_MS)
  }

  /** Seconds until the next try, 0 while one is under way. */
  secondsLeft(now: number): number {
    return this.event.state === 'waiting' ? Math.max(0, Math.ceil((this.event.retryAt - now) / 1000)) : 0
  }
}
