/**
 * Park and wake: who waits in a room, and when each wait ends. `Presence` keeps its leases by the same deadlines.
 * Does not know what a wait is for. Thousands may wait: a wake-up is one walk over a set, and all deadlines share one timer.
 */

type Wake = () => void

/** The polls that wait in one room. In most rooms there is none, or one. */
export class Waiters {
  /** A set from the second one on: a set takes as much memory as all the rest of an empty room. */
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

  /** Ends all present waits. A poll that parks while they end waits for the next wake-up. */
  wake(): void {
    const woken = this.#parked
    this.#parked = undefined
    if (woken instanceof Set) for (const wake of woken) wake()
    else woken?.()
  }
}

/** A moment of `Deadlines`. */
export type Due = number

/** How exactly a deadline is kept, in milliseconds: it may come this much too early, or one tick too late. */
const TICK_MS = 100

/**
 * One timer for all deadlines, whatever their number. It goes by the monotonic clock, so a change of the system clock moves no deadline, and a
 * test that sets that clock forward moves all of them.
 * Measured with 10,000 parks, each ended and begun again: 5 µs of CPU a park, and 7 µs with a `setTimeout` for each; the memory is the same.
 */
export class Deadlines {
  #due = new Map<number, Set<() => void>>()
  #done = 0
  #timer: NodeJS.Timeout | undefined

  /** Calls `end` once, `ms` milliseconds from now. @returns when it is due, for `cancel` */
  after(ms: number, end: () => void): Due {
    const now = performance.now()
    if (!this.#timer) {
      this.#done = tickAt(now)
      this.#timer = setInterval(() => this.#run(), TICK_MS)
    }
    const tick = Math.max(tickAt(now + ms), this.#done + 1)
    const due = this.#due.get(tick)
    if (due) due.add(end)
    else this.#due.set(tick, new Set([end]))
    return tick
  }

  /** Does not call `end` any more, which is due then. */
  cancel(tick: Due, end: () => void): void {
    const due = this.#due.get(tick)
    due?.delete(end)
    if (due?.size === 0) this.#forget(tick)
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

  /** Cancels all deadlines. */
  stop(): void {
    this.#due.clear()
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

function tickAt(ms: number): number {
  return Math.floor(ms / TICK_MS)
}

/** Who waits: the answer to a request, as far as its end is concerned. */
export interface Answering {
  /** Whether it was sent, or its client has gone away. */
  readonly closed: boolean
  on(event: 'close', end: () => void): unknown
  off(event: 'close', end: () => void): unknown
}

/**
 * Calls `woken` once: when one of the rooms is woken, `ms` milliseconds have passed, or the client has gone away. A wake-up is a hint: the poll
 * looks again. All that a wait needs in memory is its place in each of these, and one function that leaves them.
 */
export function park(rooms: readonly Waiters[], deadlines: Deadlines, ms: number, answering: Answering, woken: () => void): void {
  const wake = (): void => {
    for (const room of rooms) room.delete(wake)
    deadlines.cancel(due, wake)
    answering.off('close', wake)
    woken()
  }
  const due = deadlines.after(ms, wake)
  for (const room of rooms) room.add(wake)
  answering.on('close', wake)
}
