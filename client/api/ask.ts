/**
 * One request to a roomfile server, and its answer as a JSON object, or an error.
 * Knows HTTP and the format of error answers (PROTOCOL.md, "Errors"). Does not know what is asked for, and does not retry.
 */

import { discard, MAX_ANSWER, readJson, TooLarge } from './read-json.ts'

/** A request failed: the HTTP `status` (0 when there is no answer of a roomfile server), a stable `code`, and a `message` for people. */
export class RoomError extends Error {
  readonly status: number
  readonly code: string
  /** Milliseconds before which the server wants no retry (Retry-After); 0 when it did not say. */
  readonly retryAfter: number

  constructor(status: number, code: string, message: string, retryAfter = 0) {
    super(message)
    this.name = 'RoomError'
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

/** A longer Retry-After, in ms, is taken for this. */
const MAX_RETRY_AFTER = 3_600_000

/** The default timeout, in ms: for requests that the server answers at once. */
const ANSWER_TIMEOUT = 20_000

/** Longer texts of a server are cut, in characters: an error message is one sentence. */
const MAX_TEXT = 500

/** What is the same for all requests to one server. */
export interface ServerOptions {
  readonly token?: string | undefined
  /** The largest answer in bytes, unpacked. @default 67108864 (64 MiB) */
  readonly maxAnswer?: number | undefined
}

export interface AskOptions extends ServerOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Sent as JSON. */
  readonly body?: object
  /** Milliseconds for the whole answer. @default 20000 */
  readonly timeout?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Sends one request. Redirects are not followed: the message, the token and the nick are only for the server at this address.
 * @returns the JSON object that was answered, with contents that the caller has to check (validate.ts); `{}` for 204
 * @throws RoomError for any status but 2xx, and for an answer that is not JSON, too large or too slow; whatever `fetch` throws
 */
export async function ask(url: string, options: AskOptions = {}): Promise<Record<string, unknown>> {
  const { timeout = ANSWER_TIMEOUT } = options
  try {
    return await answerTo(url, options, AbortSignal.timeout(timeout))
  } catch (error) {
    if (error instanceof TooLarge) throw new RoomError(0, 'answer_too_large', `The answer is too large: ${error.message}.`)
    if (error instanceof DOMException && error.name === 'TimeoutError')
      throw new RoomError(0, 'timeout', `The server did not answer within ${timeout / 1000} s.`)
    throw error
  }
}

async function answerTo(
  url: string,
  { method, body, token, signal, maxAnswer = MAX_ANSWER }: AskOptions,
  timedOut: AbortSignal,
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: method ?? (body ? 'POST' : 'GET'),
    headers: {
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    cache: 'no-store',
    redirect: 'manual',
    signal: anySignal(signal, timedOut) ?? null,
  })
  if (response.status === 204) return {}
  if (isRedirect(response)) {
    await discard(response)
    throw redirection(response, url)
  }
  const answer = await readJson(response, maxAnswer)
  if (!response.ok) throw refusal(answer, response.status, retryAfterOf(response))
  if (!isRecord(answer)) throw notRoomfile()
  return answer
}

/** In a browser a redirect has no status and no headers, only its type. */
const isRedirect = ({ status, type }: Response): boolean => type === 'opaqueredirect' || (status >= 300 && status < 400)

function redirection({ status, headers }: Response, url: string): RoomError {
  const location = headers.get('Location')
  const where = location === null ? 'another address' : shortened(URL.parse(location, url)?.href ?? location)
  return new RoomError(
    status,
    'redirected',
    `The server redirects to ${where}. Redirects are not followed: if the address is right, use it.`,
  )
}

/** The error in an answer `{"error":{"code","message"}}`; where there is none, the status is all that is known. */
export function refusal(answer: unknown, status: number, retryAfter = 0): RoomError {
  const error = isRecord(answer) && isRecord(answer['error']) ? answer['error'] : {}
  const code = typeof error['code'] === 'string' && /^\w{1,50}$/.test(error['code']) ? error['code'] : `http_${status}`
  const message = typeof error['message'] === 'string' ? shortened(error['message']) : `HTTP ${status}`
  return new RoomError(status, code, message, retryAfter)
}

const shortened = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)

export const notRoomfile = (): RoomError =>
  new RoomError(0, 'not_roomfile', 'The answer is not one of roomfile. Is there a proxy or a sign-in page in between?')

/** Retry-After is a number of seconds or a date (RFC 9110, 10.2.3). */
function retryAfterOf(response: Response): number {
  const value = response.headers.get('Retry-After') ?? ''
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return delay > 0 ? Math.min(delay, MAX_RETRY_AFTER) : 0
}

/** A signal that aborts when any of these does. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The address of the rooms of a server. @throws TypeError if the server's address is invalid */
export function roomsAt(url: string): string {
  const address = `${(url || '.').replace(/(?<!\/)\/+$/, '')}/rooms`
  void new Request(address) // throws for an invalid address, for which each poll would fail like a broken network
  return address
}
