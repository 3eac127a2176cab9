/**
 * The client loop: follow a room by long polling, and post to it. Runs in browsers and in Node, on `fetch` alone.
 * Knows the protocol, and patience: how long to wait, when to try again, when to stop.
 * Knows no DOM and shows nothing; imports nothing but types.
 */
import type { Message, Timestamp } from '../server/message.ts'

export type { Message, Timestamp }

export interface ConnectOptions {
  /** The room's name, as people write it. */
  room: string
  /** Who posts, unless a post says otherwise. @default '' (nobody in particular) */
  nick?: string
  /** Go on from here: only what is newer is delivered. Without it everything that the room keeps comes first. */
  timestamp?: Timestamp
  /** Ends the connection and all its posts, promptly. */
  signal?: AbortSignal
  /** Seconds that the server may hold a poll, 1 to 60. Lower it below the patience of a proxy in between. @default 25 */
  wait?: number
  /** Milliseconds before the first new try; doubled with each failure in a row, up to 30 s. @default 1000 */
  retryDelay?: number
}

export interface PostOptions {
  /** Who posts this one. */
  nick?: string
  /** The post's identity: the same text under the same cid is stored once. Pass it to repeat a post that failed. @default a random one */
  cid?: string
  /** How often to try before giving up. @default 4 (some seconds) */
  tries?: number
  /** Gives up this post. */
  signal?: AbortSignal
}

/** What came. `reset`: forget everything shown, this is all there is. `gap`: some messages before these are gone. */
export interface MessagesEvent {
  type: 'messages'
  messages: Message[]
  timestamp: Timestamp
  reset: boolean
  gap: boolean
}

/** How the connection is. While `waiting`, `retryAt` (ms since the epoch) is the next try and `error` the reason. */
export type StateEvent =
  | { type: 'state'; state: 'connecting' | 'connected' }
  | { type: 'state'; state: 'waiting'; retryAt: number; error: Error }

export type RoomEvent = MessagesEvent | StateEvent

export interface Connection extends AsyncIterable<RoomEvent> {
  /**
   * Posts a message, trying again with the same cid when the network or the server fails for a while.
   * Throws a RoomError with the server's code and words when it is refused or all tries failed.
   */
  post(msg: string, options?: PostOptions): Promise<{ id: string; timestamp: Timestamp }>
  /** Cuts the present waiting short: the network is back, or somebody pressed a button. */
  retry(): void
}

/** An answer that is not the one hoped for: `status` of HTTP, stable `code`, a `message` for people. */
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

const MAX_DELAY = 30_000
const MAX_RETRY_AFTER = 3_600_000
/** What a poll may outlive its wait, and how long a post may take: past this the connection is dead and nobody has noticed. */
const GRACE = 10_000
const POST_TIMEOUT = 20_000

/**
 * Connects to a room. Nothing is sent before the first iteration; each iteration is a connection of its own.
 *
 * The iteration ends when `signal` aborts. It never gives up while the network or the server fails (network errors, 5xx,
 * 408, 429); any other refusal (an unknown room name, a missing token) is thrown as a RoomError.
 *
 * Throws a TypeError when the address is none.
 *
 * @param url where roomfile is: its origin, or the prefix that a proxy gave it; in a page it may be relative
 *
 * @example
 * const room = connect('http://localhost:8080', { room: 'lobby', nick: 'ann' })
 * await room.post('**hello**')
 * for await (const event of room) {
 *   if (event.type === 'messages') for (const { nick, msg } of event.messages) console.log(nick, msg)
 * }
 */
export function connect(url: string, options: ConnectOptions): Connection {
  const address = `${(url || '.').replace(/\/+$/, '')}/rooms/${encodeURIComponent(options.room)}`
  void new Request(address) // an address that is none throws here, and not with every poll as if the network were down
  const waits = new Set<() => void>()
  return {
    [Symbol.asyncIterator]: () => follow(address, options, waits),
    post: (msg, post = {}) => postTo(address, msg, options, post),
    retry: () => waits.forEach((wake) => wake()),
  }
}

async function* follow(address: string, options: ConnectOptions, waits: Set<() => void>): AsyncGenerator<RoomEvent, void> {
  const { signal, retryDelay = 1000 } = options
  const wait = Math.max(1, options.wait ?? 25)
  let { timestamp } = options
  let failures = 0
  let connected = false
  yield { type: 'state', state: 'connecting' }
  for (;;) {
    if (signal?.aborted) return
    try {
      const asked = Date.now()
      const seconds = connected ? wait : 0 // the first poll, and the first after a failure, tells at once that we are connected
      const answer = await poll(address, timestamp, seconds, signal)
      timestamp = answer.timestamp
      if (!connected) yield { type: 'state', state: 'connected' }
      connected = true
      failures = 0
      if (answer.messages.length > 0 || answer.reset || answer.gap) yield answer
      // A server on its way out answers at once with nothing, and something broken may do so for ever.
      else if (Date.now() - asked < Math.min(1000, seconds * 500)) await sleep(jitter(retryDelay), signal, waits)
    } catch (error) {
      if (signal?.aborted) return
      if (!isPassing(error)) throw error
      connected = false
      const delay = delayAfter(failures++, retryDelay, error)
      yield { type: 'state', state: 'waiting', retryAt: Date.now() + delay, error }
      await sleep(delay, signal, waits)
      if (!signal?.aborted) yield { type: 'state', state: 'connecting' }
    }
  }
}

async function poll(address: string, timestamp: Timestamp | undefined, wait: number, signal?: AbortSignal): Promise<MessagesEvent> {
  const query = timestamp === undefined ? `wait=${wait}` : `timestamp=${timestamp}&wait=${wait}`
  const answer = await ask(`${address}?${query}`, {}, wait * 1000 + GRACE, signal)
  if (typeof answer['timestamp'] !== 'number' || !Array.isArray(answer['messages'])) throw notOurs()
  return {
    type: 'messages',
    messages: answer['messages'] as Message[],
    timestamp: answer['timestamp'],
    reset: answer['reset'] === true,
    gap: answer['gap'] === true,
  }
}

async function postTo(
  address: string,
  msg: string,
  options: ConnectOptions,
  post: PostOptions,
): Promise<{ id: string; timestamp: Timestamp }> {
  const { tries = 4, cid = newCid(), nick = options.nick ?? '' } = post
  const signal = either(options.signal, post.signal)
  const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ msg, nick, cid }) }
  for (let failures = 0; ; failures++) {
    try {
      const { id, timestamp } = await ask(address, request, POST_TIMEOUT, signal)
      if (typeof id !== 'string' || typeof timestamp !== 'number') throw notOurs()
      return { id, timestamp }
    } catch (error) {
      if (signal?.aborted || !isPassing(error) || failures + 1 >= tries) throw error
      await sleep(delayAfter(failures, options.retryDelay ?? 1000, error), signal)
    }
  }
}

/** One request and its JSON. Throws a RoomError for whatever is no 2xx, and for an answer that is not ours (status 0). */
async function ask(url: string, request: RequestInit, timeout: number, signal?: AbortSignal): Promise<Record<string, unknown>> {
  const ends = either(signal, AbortSignal.timeout(timeout))
  const response = await fetch(url, { ...request, cache: 'no-store', signal: ends ?? null })
  const body: unknown = await response.json().catch((error: unknown) => {
    if (error instanceof SyntaxError) return undefined
    throw error
  })
  if (!response.ok) throw refusal(response, body)
  if (!isRecord(body)) throw notOurs()
  return body
}

function refusal(response: Response, body: unknown): RoomError {
  const error = isRecord(body) && isRecord(body['error']) ? body['error'] : {}
  const code = typeof error['code'] === 'string' ? error['code'] : `http_${response.status}`
  const message = typeof error['message'] === 'string' ? error['message'] : `HTTP ${response.status} ${response.statusText}`.trim()
  return new RoomError(response.status, code, message, retryAfterOf(response))
}

const notOurs = (): RoomError =>
  new RoomError(0, 'not_roomfile', 'The answer is not one of roomfile. Is there a proxy or a sign-in page in between?')

/** Retry-After is a number of seconds or a date (RFC 9110, 10.2.3). */
function retryAfterOf(response: Response): number {
  const value = response.headers.get('Retry-After') ?? ''
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return delay > 0 ? Math.min(delay, MAX_RETRY_AFTER) : 0
}

/** Whether waiting may help: everything does, except a refusal that the server means. */
function isPassing(error: unknown): error is Error {
  if (!(error instanceof RoomError)) return error instanceof Error
  return error.status === 0 || error.status >= 500 || error.status === 408 || error.status === 429
}

function delayAfter(failures: number, retryDelay: number, error: Error): number {
  const delay = jitter(Math.min(MAX_DELAY, retryDelay * 2 ** failures))
  return error instanceof RoomError ? Math.max(delay, error.retryAfter) : delay
}

/** So that the clients of a server that comes back do not come back together. */
const jitter = (delay: number): number => delay * (0.5 + Math.random() / 2)

/** Ends after `delay` ms, when the signal aborts, or when somebody calls what it leaves in `waits`. */
function sleep(delay: number, signal?: AbortSignal, waits?: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const timer = setTimeout(wake, delay)
    signal?.addEventListener('abort', wake)
    waits?.add(wake)
    function wake(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
      waits?.delete(wake)
      resolve()
    }
  })
}

function either(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** A random identity for a post. */
export function newCid(): string {
  // crypto.randomUUID() is missing where a page comes over plain http from the local network; getRandomValues() is not.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
