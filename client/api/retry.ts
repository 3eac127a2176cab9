/**
 * Retries: which failures pass by themselves, how long to wait before the next try, and how such a wait is cut short.
 * Knows errors and clocks; does not know what is being tried.
 */
import { RoomError } from './ask.ts'

/** The first delay, in ms, doubled with each failure in a row up to the last. */
export const FIRST_DELAY = 1000
const MAX_DELAY = 30_000

/** Those who wait for their next try: each is a function that ends its wait. */
export type Waits = Set<() => void>

/** Ends all waits of this moment. */
export function wake(waits: Waits): void {
  for (const end of waits) end()
}

/** Places that others have for as long as they like: whoever waits for one has to be told. */
const TAKEN = new Set(['too_many_sessions'])

/**
 * Whether waiting may help: everything passes (a network that is down, 5xx, 408, 429, a redirect to a page that says sorry), except a
 * refusal that the server means. That it has moved for good (301, 308) is one.
 */
export function isPassing(error: unknown): error is Error {
  if (!(error instanceof RoomError)) return error instanceof Error
  if (TAKEN.has(error.code)) return false
  const { status } = error
  return (status < 400 && status !== 301 && status !== 308) || status >= 500 || status === 408 || status === 429
}

/** Milliseconds until the try after that many failures in a row: doubling, with jitter, and never less than Retry-After. */
export function delayAfter(failures: number, firstDelay: number, error: Error): number {
  const delay = jitter(Math.min(MAX_DELAY, firstDelay * 2 ** failures))
  return error instanceof RoomError ? Math.max(delay, error.retryAfter) : delay
}

/** So that the clients of a server that comes back do not come back together. */
export const jitter = (delay: number): number => delay * (0.5 + Math.random() / 2)

/** Ends after `delay` ms, when the signal aborts, or when somebody wakes those in `waits`. Without a delay only then. */
export function sleep(delay: number | undefined, signal?: AbortSignal, waits?: Waits): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const timer = delay === undefined ? undefined : setTimeout(end, delay)
    signal?.addEventListener('abort', end)
    waits?.add(end)
    function end(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      waits?.delete(end)
      resolve()
    }
  })
}

export interface RetryOptions {
  /** How often to try. @default Infinity */
  readonly tries?: number
  readonly firstDelay?: number | undefined
  /** Gives up. */
  readonly signal?: AbortSignal | undefined
  readonly waits?: Waits
  /** Told why, before each wait for another try. */
  readonly onRetry?: ((error: Error) => void) | undefined
}

/** Does something again and again, until it is done, or refused, or there have been enough tries; then throws what it threw last. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { tries = Infinity, firstDelay = FIRST_DELAY, signal, waits, onRetry } = options
  for (let failures = 0; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted || !isPassing(error) || failures + 1 >= tries) throw error
      onRetry?.(error)
      await sleep(delayAfter(failures, firstDelay, error), signal, waits)
    }
  }
}
