/**
 * One request to roomfile and its JSON answer, or a RoomError that says why there is none.
 * Knows HTTP and the form of our errors; does not know what is asked, and never asks twice.
 */

import { discard, jsonOf, MOST_ANSWER, TooLarge } from './read-json.ts'

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

/** The longest reason of a refusal that is handed on, in characters: it is one sentence. */
const MOST_REASON = 500

/** What all requests to a server have in common. */
export interface Manner {
  readonly token?: string | undefined
  /** Bytes that an answer may have. @default 64 MiB */
  readonly maxAnswer?: number | undefined
}

export interface Ask extends Manner {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Sent as JSON. */
  readonly body?: object
  /** Milliseconds after which the connection is taken for dead. @default 20000 */
  readonly timeout?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks, and resolves to the JSON object that was answered; to an empty one for 204. What it holds is checked by whoever asked (validate.ts).
 * A redirect is not followed: the message, the token and the nick are for the server that was named.
 * @throws RoomError for whatever is no 2xx, and for an answer that is not ours, too large or too slow; whatever `fetch` throws
 */
export async function ask(url: string, options: Ask = {}): Promise<Record<string, unknown>> {
  const { timeout = ANSWER_TIMEOUT } = options
  try {
    return await answerTo(url, options, AbortSignal.timeout(timeout))
  } catch (error) {
    if (error instanceof TooLarge) throw new RoomError(0, 'answer_too_large', `The answer is too large: ${error.message}.`)
    if (error instanceof DOMException && error.name === 'TimeoutError')
      throw new RoomError(0, 'timeout', `There was no whole answer within ${timeout / 1000} s.`)
    throw error
  }
}

async function answerTo(
  url: string,
  { method, body, token, signal, maxAnswer = MOST_ANSWER }: Ask,
  late: AbortSignal,
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
    signal: anySignal(signal, late) ?? null,
  })
  if (response.status === 204) return {}
  if (isRedirect(response)) {
    await discard(response)
    throw redirection(response, url)
  }
  const answer = await jsonOf(response, maxAnswer)
  if (!response.ok) throw refusal(answer, response.status, retryAfterOf(response))
  if (!isRecord(answer)) throw notOurs()
  return answer
}

/** A browser tells only that there was one, and says no more of it. */
const isRedirect = ({ status, type }: Response): boolean => type === 'opaqueredirect' || (status >= 300 && status < 400)

function redirection({ status, headers }: Response, url: string): RoomError {
  const location = headers.get('Location')
  const where = location === null ? 'elsewhere' : `to ${short(URL.parse(location, url)?.href ?? location)}`
  return new RoomError(status, 'redirected', `The server sends us ${where}, which is not followed: if that is the right address, use it.`)
}

/** The error that `{"error":{"code","message"}}` tells of, or else the status. */
export function refusal(answer: unknown, status: number, retryAfter = 0): RoomError {
  const error = isRecord(answer) && isRecord(answer['error']) ? answer['error'] : {}
  const code = typeof error['code'] === 'string' && /^\w{1,50}$/.test(error['code']) ? error['code'] : `http_${status}`
  const message = typeof error['message'] === 'string' ? short(error['message']) : `HTTP ${status}`
  return new RoomError(status, code, message, retryAfter)
}

const short = (text: string): string => (text.length > MOST_REASON ? `${text.slice(0, MOST_REASON)}…` : text)

export const notOurs = (): RoomError =>
  new RoomError(0, 'not_roomfile', 'The answer is not one of roomfile. Is there a proxy or a sign-in page in between?')

/** Retry-After is a number of seconds or a date (RFC 9110, 10.2.3). */
function retryAfterOf(response: Response): number {
  const value = response.headers.get('Retry-After') ?? ''
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return delay > 0 ? Math.min(delay, MAX_RETRY_AFTER) : 0
}

/** A signal that is aborted with the first of those that are given. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The address of the rooms below a server's address. Throws a TypeError if that is invalid. */
export function roomsAt(url: string): string {
  const address = `${(url || '.').replace(/(?<!\/)\/+$/, '')}/rooms`
  void new Request(address) // an invalid address throws here, and not with every poll as if the network were down
  return address
}
