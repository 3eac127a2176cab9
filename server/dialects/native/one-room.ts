/**
 * One poll for one room: reads its query and its validators, and says what there is to tell.
 * Does not know how a poll waits (room/rooms.ts), or how its answer is sent (native.ts).
 */
import { quoted, RoomfileError } from '../../errors.ts'
import { parseTimestamp, queryValue, type Request } from '../../http/http.ts'
import type { News } from '../../room/backlog.ts'
import type { Timestamp } from '../../room/message.ts'
import type { Attendance, AttendanceChanges } from '../../room/presence.ts'
import type { Room, Told } from '../../room/room.ts'
import type { Poll } from '../../room/rooms.ts'
import type { Waiters } from '../../room/waiters.ts'
import { parseVersion } from './many-rooms.ts'

/** Seconds. */
const DEFAULT_WAIT = 25
const MAX_WAIT = 60

const NO_WAITERS: readonly Waiters[] = []

/** Thousands of these wait at the same time: each is one object, and what it can do is on its prototype. */
export class PollOfOne implements Poll<News | Told> {
  readonly rooms: readonly [Room]
  readonly ms: number
  readonly isHead: boolean
  readonly around: Poll<News | Told>['around']
  readonly #req: Request
  /** The version of who is here that the client knows; undefined when it does not ask for that. */
  readonly #version: number | undefined
  readonly #asked: Asked
  #timestamp: Timestamp | undefined

  /** @throws RoomfileError `bad_wait`, `bad_presence`, `bad_timestamp`, `bad_encoding` */
  constructor(req: Request, room: Room) {
    this.rooms = [room]
    this.#req = req
    this.isHead = req.method === 'HEAD'
    this.ms = waitIn(req)
    const presence = queryValue(req, 'presence')
    this.#version = presence === undefined ? undefined : parseVersion(presence)
    const session = queryValue(req, 'session')
    this.around = session === undefined ? undefined : (wait) => room.presence.attend(session, wait)
    this.#asked = askedIn(req)
  }

  get room(): Room {
    return this.rooms[0]
  }

  get more(): readonly Waiters[] {
    return this.#version === undefined ? NO_WAITERS : [this.room.presence.waiters]
  }

  hasNews(): boolean {
    return timestampOf(this.#asked, this.room.timestamp) !== this.room.timestamp || this.#hasPresenceNews
  }

  tell(): News | Told | undefined | Promise<Told | undefined> {
    const room = this.room
    this.#timestamp ??= timestampOf(this.#asked, room.timestamp)
    if (this.isHead) return this.#timestamp === room.timestamp ? undefined : room.emptyAnswer // a HEAD gets no body, so none is made
    return room.news(this.#timestamp) ?? (this.#hasPresenceNews ? room.emptyAnswer : undefined)
  }

  get #hasPresenceNews(): boolean {
    return this.#version !== undefined && this.#version !== this.room.presence.version
  }

  /** Who is here, or what has changed since the version that the client knows; undefined when it knows it, or does not ask. */
  get presence(): Attendance | AttendanceChanges | undefined {
    return this.#version !== undefined && this.#hasPresenceNews ? this.room.presence.since(this.#version) : undefined
  }

  /** Whether it may be answered with 304. */
  get isConditional(): boolean {
    const req = this.#req
    return req.headers['if-none-match'] !== undefined || (queryValue(req, 'timestamp') === undefined && modifiedIn(req) !== undefined)
  }
}

/** How long a poll may wait, in milliseconds: `wait=S`, or `Prefer: wait=S` (RFC 7240). @throws RoomfileError `bad_wait` */
export function waitIn(req: Request): number {
  if (req.method === 'HEAD') return 0
  const asked = queryValue(req, 'wait')
  if (asked === undefined) return Math.min(Number(preferredWait(req) ?? DEFAULT_WAIT), MAX_WAIT) * 1000
  const seconds = /^\d+(\.\d+)?$/.test(asked) ? Number(asked) : NaN
  if (!(seconds <= MAX_WAIT)) throw new RoomfileError('bad_wait', `wait is a number of seconds from 0 to ${MAX_WAIT}, not ${quoted(asked)}`)
  return seconds * 1000
}

function preferredWait({ headers }: Request): string | undefined {
  return /(?:^|[,;])\s*wait\s*=\s*"?(\d+(?:\.\d+)?)"?\s*(?:$|[,;])/i.exec(String(headers['prefer'] ?? ''))?.[1]
}

/** Milliseconds since the epoch, in whole seconds. */
function modifiedIn(req: Request): number | undefined {
  const header = req.headers['if-modified-since']
  const modified = header === undefined ? NaN : Date.parse(header)
  return Number.isNaN(modified) ? undefined : modified
}

/** The timestamp that a client asks with: as it says, or as it follows from its validators and the timestamp of the room. */
type Asked = Timestamp | ((now: Timestamp) => Timestamp)

function timestampOf(asked: Asked, now: Timestamp): Timestamp {
  return typeof asked === 'number' ? asked : asked(now)
}

/** `timestamp=T`, or else what the validators of the client's last answer say; 0 where it sends neither. @throws RoomfileError `bad_timestamp` */
function askedIn(req: Request): Asked {
  const asked = queryValue(req, 'timestamp')
  if (asked !== undefined) return parseTimestamp(asked)
  const etags = req.headers['if-none-match']
  const modified = modifiedIn(req)
  if (etags?.trim() === '*') return (now) => now
  if (etags !== undefined) {
    const known = [...etags.matchAll(/"(\d{1,16})"/g)].map(([, digits]) => Number(digits))
    return (now) => (known.includes(now) ? now : Math.max(0, ...known))
  }
  if (modified === undefined) return 0
  return (now) => (Math.floor(now / 1000) * 1000 === modified ? now : modified + 999)
}
