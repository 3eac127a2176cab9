/** What every dialect is given. */
import type { Limits } from '../room/backlog.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { Rooms } from '../room/rooms.ts'
import type { Times } from '../times.ts'

export interface DialectOptions {
  readonly rooms: Rooms
  readonly limits: Limits
  readonly times: Times
  readonly rateLimit: RateLimit
}
