/**
 * The events after which a retry is likely to succeed: the network is back, the page is visible again, the machine has been suspended.
 * A suspension shows as a jump of the clock, since there is no event for it.
 */

/** How often to read the clock, in ms, and how much more time than that must have passed for a jump. */
const TICK = 5000
const JUMP = 10_000

/** Calls `wake` after each such event, until the returned function is called. */
export function onWake(wake: () => void): () => void {
  const controller = new AbortController()
  const on = (name: string, listener: (event: Event) => void): void =>
    globalThis.addEventListener?.(name, listener, { signal: controller.signal })
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
    if (now - last > TICK + JUMP) wake() // connections from before the suspension may be dead
    last = now
  }, TICK)
  return () => {
    controller.abort()
    clearInterval(timer)
  }
}
