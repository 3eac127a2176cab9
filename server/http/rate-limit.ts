/**
 * The limits of one address: posts a second, new rooms and wrong tokens a minute, parked polls and sessions at the same time; and when its
 * expensive work is done.
 * Counts requests by address; does not know what they ask for.
 */
import type { IncomingMessage } from 'node:http'
import proxyAddr from 'proxy-addr'
import { BurstyRateLimiter, RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { BUDGETS } from '../budgets.ts'
import { clientAddress } from './client-address.ts'
import { RoomfileError, type ErrorCode } from '../errors.ts'
import { LookQueue, RequestQueue, type Lookable } from './turns.ts'
import { WorkShare } from './work-share.ts'

/** Seconds for which requests of an address are counted. */
const BURST_SECONDS = 60
const NEW_ROOMS_SECONDS = 60
const WRONG_TOKENS_SECONDS = 60

/** Takes one of the places of an address, and returns a function that gives it back. @throws RoomfileError when all its places are taken */
export type TakePlace = () => () => void

export interface RateLimit {
  /** Counts a post. @throws RoomfileError `too_many_posts`, with Retry-After */
  post(req: IncomingMessage): Promise<void>
  /** Counts a poll and the rooms that it names for as long as `work` takes. @throws RoomfileError `too_many_polls`, with Retry-After */
  parked<T>(req: IncomingMessage, work: () => Promise<T>, rooms?: number): Promise<T>
  /** Calls `begin` at once, or when requests of other addresses have begun. */
  begin(req: IncomingMessage, begin: () => void): void
  /** Brings a room up to date. A few rooms of an address are looked at at the same time; the others wait. */
  look(req: IncomingMessage, room: Lookable): Promise<void>
  /** Does the expensive work of a post, at once or when the address has worked less. @throws RoomfileError `too_many_posts`, with Retry-After, and what the work throws */
  work<T>(req: IncomingMessage, work: () => T): Promise<T>
  /** Calls `write`, which sends a large answer, at once or when the address has worked less. */
  answer(req: IncomingMessage, write: () => void): void
  /** The server stops: from now on no work is delayed. */
  endWaits(): void
  /** Counts a new room. @throws RoomfileError `too_many_new_rooms`, with Retry-After */
  makeRoom(req: IncomingMessage): Promise<void>
  /** A place for a session. Taking it throws RoomfileError `too_many_sessions`, with Retry-After. */
  session(req: IncomingMessage): TakePlace
  /** Counts a wrong token. Refuses a right one, too, after too many wrong ones. @throws RoomfileError `too_many_tries`, with Retry-After */
  guess(req: IncomingMessage, isRight: boolean): Promise<void>
}

export interface RateLimitOptions {
  /** Posts a second of one address; 0 lifts all limits except that of wrong tokens. */
  readonly postsPerSecond: number
  /** Addresses and networks of proxies whose X-Forwarded-For is trusted. */
  readonly trustProxy: readonly string[]
}

const free = (): Promise<void> => Promise.resolve()

export function rateLimit({ postsPerSecond, trustProxy }: RateLimitOptions): RateLimit {
  const trust = proxyAddr.compile([...trustProxy])
  const addressOf = (req: IncomingMessage): string => clientAddress(proxyAddr(req, trust))
  const guess = guesses(addressOf)
  if (postsPerSecond === 0) {
    return {
      guess,
      begin: (_req, begin) => begin(),
      post: free,
      makeRoom: free,
      parked: (_req, work) => work(),
      session: () => () => () => undefined,
      look: (_req, room) => room.look(),
      work: (_req, work) => Promise.resolve(work()),
      answer: (_req, write) => write(),
      endWaits: () => undefined,
    }
  }
  const steady = new RateLimiterMemory({ keyPrefix: 'post', points: postsPerSecond, duration: 1 })
  const burst = new RateLimiterMemory({ keyPrefix: 'burst', points: postsPerSecond * BUDGETS.postsBurst, duration: BURST_SECONDS })
  const posts = new BurstyRateLimiter(steady, burst)
  const newRooms = new RateLimiterMemory({ keyPrefix: 'room', points: BUDGETS.newRooms, duration: NEW_ROOMS_SECONDS })
  const polls = new Places(BUDGETS.parkedPolls, 'too_many_polls')
  const sessions = new Places(BUDGETS.sessions, 'too_many_sessions')
  const parkedRooms = new Places(BUDGETS.parkedRooms, 'too_many_polls')
  const share = new WorkShare()
  const looks = new Map<string, LookQueue>()
  const requests = new RequestQueue()
  return {
    guess,
    begin: (req, begin) => requests.take(addressOf(req), begin),
    async post(req) {
      await posts.consume(addressOf(req)).catch((refused: unknown) => refuse('too_many_posts', refused))
    },
    async makeRoom(req) {
      await newRooms.consume(addressOf(req)).catch((refused: unknown) => refuse('too_many_new_rooms', refused))
    },
    async parked(req, work, rooms = 1) {
      const address = addressOf(req)
      const giveBack = polls.take(address)
      try {
        const giveRoomsBack = parkedRooms.take(address, rooms)
        try {
          return await work()
        } finally {
          giveRoomsBack()
        }
      } finally {
        giveBack()
      }
    },
    session(req) {
      const address = addressOf(req)
      return () => sessions.take(address)
    },
    async look(req, room) {
      const address = addressOf(req)
      const ofAddress = looks.get(address) ?? new LookQueue()
      looks.set(address, ofAddress)
      try {
        await ofAddress.look(room)
      } finally {
        if (ofAddress.isIdle) looks.delete(address)
      }
    },
    async work(req, work) {
      const address = addressOf(req)
      if (share.waiting(address) >= BUDGETS.workWaiting) throw new RoomfileError('too_many_posts')
      return share.take(address, work)
    },
    answer: (req, write) => void share.take(addressOf(req), write).catch((error: unknown) => req.destroy(error as Error)),
    endWaits: () => share.lift(),
  }
}

/** What each address has at the same time, up to a limit. */
class Places {
  readonly #max: number
  readonly #refusal: ErrorCode
  readonly #taken = new Map<string, number>()

  constructor(max: number, refusal: ErrorCode) {
    this.#max = max
    this.#refusal = refusal
  }

  /** @returns a function that gives the places back; only its first call counts */
  take(address: string, places = 1): () => void {
    const taken = this.#taken.get(address) ?? 0
    if (taken + places > this.#max) throw new RoomfileError(this.#refusal)
    this.#taken.set(address, taken + places)
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      const left = (this.#taken.get(address) ?? places) - places
      if (left > 0) this.#taken.set(address, left)
      else this.#taken.delete(address)
    }
  }
}

function guesses(addressOf: (req: IncomingMessage) => string): RateLimit['guess'] {
  const wrong = new RateLimiterMemory({ keyPrefix: 'wrong', points: BUDGETS.wrongTokens, duration: WRONG_TOKENS_SECONDS })
  return async (req, isRight) => {
    const address = addressOf(req)
    const before = isRight ? await wrong.get(address) : undefined
    if (!isRight) await wrong.consume(address).catch((refused: unknown) => refuse('too_many_tries', refused))
    else if (before && before.consumedPoints > BUDGETS.wrongTokens) refuse('too_many_tries', before)
  }
}

/** @param refused what the limiter throws: the time until the next request, or an error of its own */
function refuse(code: ErrorCode, refused: unknown): never {
  if (refused instanceof Error) throw refused
  const seconds = Math.max(1, Math.ceil((refused as RateLimiterRes).msBeforeNext / 1000))
  throw new RoomfileError(code, undefined, { headers: { 'Retry-After': String(seconds) } })
}
