/** How much one address may ask of us: posts a second, polls parked at the same time, wrong tokens. Does not know what they are for. */
import type { IncomingMessage } from 'node:http'
import proxyAddr from 'proxy-addr'
import { BurstyRateLimiter, RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { BUDGETS } from './budgets.ts'
import { RoomfileError } from './errors.ts'

/** Posts that may come at once, as a multiple of the posts a second; given back within a minute. */
const BURST = 5
const BURST_SECONDS = 60

const MOST_PARKED = 1000

/** Wrong tokens a minute. This limit nobody can lift: eight characters are enough only as long as they cannot be tried out. */
const WRONG_TOKENS = 10
const WRONG_TOKENS_SECONDS = 60

export interface RateLimit {
  /** Counts a post. @throws RoomfileError `too_many_posts`, with Retry-After */
  post(req: IncomingMessage): Promise<void>
  /** Counts a poll and the rooms that it names for as long as `work` takes. @throws RoomfileError `too_many_polls`, with Retry-After */
  parked<T>(req: IncomingMessage, work: () => Promise<T>, rooms?: number): Promise<T>
  /** Counts a token that is wrong, and lets a right one pass as long as there were not too many. @throws RoomfileError `too_many_tries`, with Retry-After */
  guess(req: IncomingMessage, isRight: boolean): Promise<void>
}

export interface RateLimitOptions {
  /** Posts a second that an address may send for long; 0 lifts the limits of posts and polls. */
  readonly postsPerSecond: number
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[]
}

export function rateLimit({ postsPerSecond, trustProxy }: RateLimitOptions): RateLimit {
  const trust = proxyAddr.compile([...trustProxy])
  const guess = guesses((req) => proxyAddr(req, trust))
  if (postsPerSecond === 0) return { post: () => Promise.resolve(), parked: (_req, work) => work(), guess }
  const steady = new RateLimiterMemory({ keyPrefix: 'post', points: postsPerSecond, duration: 1 })
  const burst = new RateLimiterMemory({ keyPrefix: 'burst', points: postsPerSecond * BURST, duration: BURST_SECONDS })
  const posts = new BurstyRateLimiter(steady, burst)
  const parked = new Map<string, { polls: number; rooms: number }>()
  return {
    guess,
    async post(req) {
      await posts.consume(proxyAddr(req, trust)).catch((refused: unknown) => refuse('too_many_posts', refused))
    },
    async parked(req, work, rooms = 1) {
      const address = proxyAddr(req, trust)
      const count = parked.get(address) ?? { polls: 0, rooms: 0 }
      if (count.polls >= MOST_PARKED || count.rooms + rooms > BUDGETS.parkedRooms)
        throw new RoomfileError('too_many_polls', undefined, { headers: { 'Retry-After': '5' } })
      parked.set(address, count)
      count.polls += 1
      count.rooms += rooms
      try {
        return await work()
      } finally {
        count.polls -= 1
        count.rooms -= rooms
        if (count.polls === 0) parked.delete(address)
      }
    },
  }
}

function guesses(addressOf: (req: IncomingMessage) => string): RateLimit['guess'] {
  const wrong = new RateLimiterMemory({ keyPrefix: 'wrong', points: WRONG_TOKENS, duration: WRONG_TOKENS_SECONDS })
  return async (req, isRight) => {
    const address = addressOf(req)
    const before = isRight ? await wrong.get(address) : undefined
    if (!isRight) await wrong.consume(address).catch((refused: unknown) => refuse('too_many_tries', refused))
    else if (before && before.consumedPoints > WRONG_TOKENS) refuse('too_many_tries', before)
  }
}

/** @param refused what the limiter throws: when to come again, or an error of its own */
function refuse(code: 'too_many_posts' | 'too_many_tries', refused: unknown): never {
  if (refused instanceof Error) throw refused
  const seconds = Math.max(1, Math.ceil((refused as RateLimiterRes).msBeforeNext / 1000))
  throw new RoomfileError(code, undefined, { headers: { 'Retry-After': String(seconds) } })
}
