/**
 * The moments at which it makes sense to ask again at once: the network is back, the page is looked at again, the machine has slept.
 * Knows the browser's events for that, where there are any, and a clock that jumps where there are none; knows no requests.
 */

/** How often the clock is looked at, in ms, and by how much it must be ahead of us to have jumped. */
const TICK = 5000
const JUMP = 10_000

/** Calls `wake` at each such moment, until the function that it returns is called. */
export function wakes(wake: () => void): () => void {
  const ends = new AbortController()
  const on = (name: string, listener: (event: Event) => void): void =>
    globalThis.addEventListener?.(name, listener, { signal: ends.signal })
  on('online', wake)
  on('pageshow', (event) => {
    if ((event as PageTransitionEvent).persisted) wake()
  })
  on('visibilitychange', () => {
    if (document.visibilityState === 'visible') wake()
  })
  let last = Date.now()
  const timer = setInterval(() => {
    const now = Date.now()
    if (now - last > TICK + JUMP) wake() // nobody ran us for a while: whatever was connected then may be dead
    last = now
  }, TICK)
  return () => {
    ends.abort()
    clearInterval(timer)
  }
}
