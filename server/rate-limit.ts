/** How much one address may ask of us: posts a second, and polls parked at the same time. Does not know what they are for. */
import type { IncomingMessage } from 'node:http'
import proxyAddr from 'proxy-addr'
import { BurstyRateLimiter, RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { RoomfileError } from './errors.ts'

/** Posts that may come at once, as a multiple of the posts a second; given back within a minute. */
const BURST = 5
const BURST_SECONDS = 60

const MOST_PARKED = 1000

export interface RateLimit {
  /** Counts a post. @throws RoomfileError `too_many_posts`, with Retry-After */
  post(req: IncomingMessage): Promise<void>
  /** Counts a poll for as long as `work` takes. @throws RoomfileError `too_many_polls`, with Retry-After */
  parked<T>(req: IncomingMessage, work: () => Promise<T>): Promise<T>
}

export interface RateLimitOptions {
  /** Posts a second that an address may send for long; 0 lifts all limits. */
  readonly postsPerSecond: number
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[]
}

export function rateLimit({ postsPerSecond, trustProxy }: RateLimitOptions): RateLimit {
  if (postsPerSecond === 0) return { post: () => Promise.resolve(), parked: (_req, work) => work() }
  const trust = proxyAddr.compile([...trustProxy])
  const steady = new RateLimiterMemory({ keyPrefix: 'post', points: postsPerSecond, duration: 1 })
  const burst = new RateLimiterMemory({ keyPrefix: 'burst', points: postsPerSecond * BURST, duration: BURST_SECONDS })
  const posts = new BurstyRateLimiter(steady, burst)
  const parked = new Map<string, number>()
  return {
    async post(req) {
      try {
        await posts.consume(proxyAddr(req, trust))
      } catch (error) {
        if (error instanceof Error) throw error
        const seconds = Math.max(1, Math.ceil((error as RateLimiterRes).msBeforeNext / 1000))
        throw new RoomfileError('too_many_posts', undefined, { headers: { 'Retry-After': String(seconds) } })
      }
    },
    async parked(req, work) {
      const address = proxyAddr(req, trust)
      const count = parked.get(address) ?? 0
      if (count >= MOST_PARKED) throw new RoomfileError('too_many_polls', undefined, { headers: { 'Retry-After': '5' } })
      parked.set(address, count + 1)
      try {
        return await work()
      } finally {
        const left = (parked.get(address) ?? 1) - 1
        if (left > 0) parked.set(address, left)
        else parked.delete(address)
      }
    },
  }
}
