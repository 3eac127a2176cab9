/**
 * Park and wake. Knows who waits and until when; does not know for what, nor what they are told.
 * Thousands may wait: a wake-up is one walk over a set, and all deadlines share one clock.
 */

type Wake = () => void

/** Those who wait in one room. In most rooms that is nobody, or one. */
export class Waiters {
  /** A set from the second on: one takes as much memory as all else of a room that nobody wrote to. */
  #parked: Wake | Set<Wake> | undefined

  get size(): number {
    if (this.#parked === undefined) return 0
    return this.#parked instanceof Set ? this.#parked.size : 1
  }

  add(wake: Wake): void {
    if (this.#parked === undefined) this.#parked = wake
    else if (this.#parked instanceof Set) this.#parked.add(wake)
    else this.#parked = new Set([this.#parked, wake])
  }

  delete(wake: Wake): void {
    if (this.#parked === wake) this.#parked = undefined
    else if (this.#parked instanceof Set) this.#parked.delete(wake)
  }

  /** Ends every wait of this moment. Whoever parks while that goes on waits for the next one. */
  wake(): void {
    const woken = this.#parked
    this.#parked = undefined
    if (woken instanceof Set) for (const wake of woken) wake()
    else woken?.()
  }
}

/** How exactly a deadline is kept, in milliseconds. A wait may end this much early, never late by more than a tick. */
const TICK_MS = 100

/** One clock for all deadlines: whatever their number, one timer. It runs on monotonic time, so a stepped system clock moves no deadline. */
export class Deadlines {
  #due = new Map<number, Set<() => void>>()
  #done = 0
  #timer: NodeJS.Timeout | undefined

  /** Calls `end` once, after at most `ms` milliseconds; the returned function calls it off. */
  after(ms: number, end: () => void): () => void {
    if (!this.#timer) {
      this.#done = tickAt(performance.now())
      this.#timer = setInterval(() => this.#run(), TICK_MS)
    }
    const tick = Math.max(tickAt(performance.now() + ms), this.#done + 1)
    const due = this.#due.get(tick) ?? new Set()
    this.#due.set(tick, due.add(end))
    return () => {
      due.delete(end)
      if (due.size === 0) this.#forget(tick)
    }
  }

  #run(): void {
    const now = tickAt(performance.now())
    while (this.#done < now) {
      this.#done += 1
      const due = this.#due.get(this.#done)
      if (!due) continue
      this.#forget(this.#done)
      for (const end of due) end()
    }
  }

  #forget(tick: number): void {
    this.#due.delete(tick)
    if (this.#due.size === 0) this.stop()
  }

  /** Calls all deadlines off. */
  stop(): void {
    this.#due.clear()
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

function tickAt(ms: number): number {
  return Math.floor(ms / TICK_MS)
}

/**
 * Waits until one of the rooms is woken, `ms` milliseconds have passed, or the signal is aborted because the client went away.
 * A wake-up is a hint: whoever gets it looks again.
 */
export function park(rooms: readonly Waiters[], deadlines: Deadlines, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const wake = (): void => {
      for (const room of rooms) room.delete(wake)
      callOff()
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const callOff = deadlines.after(ms, wake)
    for (const room of rooms) room.add(wake)
    signal.addEventListener('abort', wake)
  })
}
