/** Retries with backoff: which errors are temporary, how long to wait, and how to end a wait early. */
import { RoomError } from './ask.ts'

/** The delay before the first retry, in ms. It is doubled with each failure in a row, up to MAX_DELAY. */
export const FIRST_DELAY = 1000
const MAX_DELAY = 30_000

/** All that sleep: each function ends one sleep. */
export type Sleepers = Set<() => void>

/** Ends the sleep of all that sleep now. */
export function wake(sleepers: Sleepers): void {
  for (const end of sleepers) end()
}

/** Refusals with 429 that may last for long: a user has to be told, instead of retrying. */
const LASTING = new Set(['too_many_sessions'])

/** Whether a retry may succeed: after network errors, 5xx, 408, 429 and temporary redirects. Any other status is a refusal. */
export function isTemporary(error: unknown): error is Error {
  if (!(error instanceof RoomError)) return error instanceof Error
  if (LASTING.has(error.code)) return false
  const { status } = error
  return (status < 400 && status !== 301 && status !== 308) || status >= 500 || status === 408 || status === 429
}

/** Milliseconds until the next retry: exponential, with jitter, and never less than Retry-After. @param failures in a row before this one */
export function backoff(failures: number, firstDelay: number, error: Error): number {
  const delay = jitter(Math.min(MAX_DELAY, firstDelay * 2 ** failures))
  return error instanceof RoomError ? Math.max(delay, error.retryAfter) : delay
}

/** A random delay from half of this one on, so that clients do not all return at the same moment. */
export const jitter = (delay: number): number => delay * (0.5 + Math.random() / 2)

/** Resolves after `delay` ms, when the signal aborts, or when the `sleepers` are woken. Without a delay there is no timer. */
export function sleep(delay: number | undefined, signal?: AbortSignal, sleepers?: Sleepers): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const timer = delay === undefined ? undefined : setTimeout(end, delay)
    signal?.addEventListener('abort', end)
    sleepers?.add(end)
    function end(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      sleepers?.delete(end)
      resolve()
    }
  })
}

export interface RetryOptions {
  /** How often to try. @default Infinity */
  readonly tries?: number
  /** Milliseconds before the first retry. @default 1000 */
  readonly firstDelay?: number | undefined
  /** Ends the retries. */
  readonly signal?: AbortSignal | undefined
  readonly sleepers?: Sleepers
  /** Called with the error before each wait. */
  readonly onRetry?: ((error: Error) => void) | undefined
}

/** Calls `work` until it succeeds. @throws what it threw last: when that is a refusal, after `tries` calls, or when the signal aborts */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { tries = Infinity, firstDelay = FIRST_DELAY, signal, sleepers, onRetry } = options
  for (let failures = 0; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted || !isTemporary(error) || failures + 1 >= tries) throw error
      onRetry?.(error)
      await sleep(backoff(failures, firstDelay, error), signal, sleepers)
    }
  }
}
