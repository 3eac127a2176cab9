/**
 * One request to roomfile and its JSON answer, or a RoomError that says why there is none.
 * Knows HTTP and the form of our errors; does not know what is asked, and never asks twice.
 */

/** An answer that is not the one hoped for: `status` of HTTP (0 when the answer is not roomfile's), stable `code`, a `message` for people. */
export class RoomError extends Error {
  readonly status: number
  readonly code: string
  /** Milliseconds that the server wants to be left alone (Retry-After); 0 when it did not say. */
  readonly retryAfter: number

  constructor(status: number, code: string, message: string, retryAfter = 0) {
    super(message)
    this.name = 'RoomError'
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

/** The longest that we believe a server wants to be left alone. */
const MAX_RETRY_AFTER = 3_600_000

/** How long a request may take that is answered at once. */
const ANSWER_TIMEOUT = 20_000

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Sent as JSON. */
  readonly body?: object
  readonly token?: string | undefined
  /** Milliseconds after which the connection is taken for dead. @default 20000 */
  readonly timeout?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks, and resolves to the JSON object that was answered; to an empty one for 204.
 * @throws RoomError for whatever is no 2xx, and for an answer that is not ours; whatever `fetch` throws
 */
export async function ask(
  url: string,
  { method, body, token, timeout = ANSWER_TIMEOUT, signal }: Ask = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: method ?? (body ? 'POST' : 'GET'),
    headers: {
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    cache: 'no-store',
    signal: either(signal, AbortSignal.timeout(timeout)) ?? null,
  })
  if (response.status === 204) return {}
  const answer: unknown = await response.json().catch((error: unknown) => {
    if (error instanceof SyntaxError) return undefined
    throw error
  })
  if (!response.ok) throw refusal(answer, response.status, retryAfterOf(response))
  if (!isRecord(answer)) throw notOurs()
  return answer
}

/** The error that `{"error":{"code","message"}}` tells of. */
export function refusal(answer: unknown, status: number, retryAfter = 0): RoomError {
  const error = isRecord(answer) && isRecord(answer['error']) ? answer['error'] : {}
  const code = typeof error['code'] === 'string' ? error['code'] : `http_${status}`
  const message = typeof error['message'] === 'string' ? error['message'] : `HTTP ${status}`
  return new RoomError(status, code, message, retryAfter)
}

export const notOurs = (): RoomError =>
  new RoomError(0, 'not_roomfile', 'The answer is not one of roomfile. Is there a proxy or a sign-in page in between?')

/** Retry-After is a number of seconds or a date (RFC 9110, 10.2.3). */
function retryAfterOf(response: Response): number {
  const value = response.headers.get('Retry-After') ?? ''
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return delay > 0 ? Math.min(delay, MAX_RETRY_AFTER) : 0
}

/** A signal that is aborted with the first of those that are given. */
export function either(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** The address of the rooms below a server's address. Throws a TypeError when that is none. */
export function roomsAt(url: string): string {
  const address = `${(url || '.').replace(/(?<!\/)\/+$/, '')}/rooms`
  void new Request(address) // an address that is none throws here, and not with every poll as if the network were down
  return address
}
