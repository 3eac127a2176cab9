/** What every dialect is given. */
import type { Limits } from '../backlog.ts'
import type { RateLimit } from '../rate-limit.ts'
import type { Rooms } from '../rooms.ts'
import type { Times } from '../times.ts'

export interface DialectOptions {
  readonly rooms: Rooms
  readonly limits: Limits
  readonly times: Times
  readonly rateLimit: RateLimit
}
