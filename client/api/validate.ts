/**
 * What answers of a server hold: the one door for what it says. Each is checked here, once, in shape and type; behind it nobody need doubt.
 * Knows the answers of PROTOCOL.md, "Native protocol"; does not know how they are asked for, nor what is done with them.
 */
import { isRecord, notOurs, refusal, type RoomError } from './ask.ts'
import type { Message, MessagesEvent, Timestamp } from './events.ts'

/** Who is here, and who is typing. */
export interface Attendance {
  readonly version: number
  readonly who: string[]
  readonly typing: string[]
}

/** What has changed since an earlier version of it. */
export interface AttendanceChanges {
  readonly version: number
  readonly since: number
  readonly came: string[]
  readonly left: string[]
  readonly typing: string[]
}

/** What a poll tells of one room. */
export interface RoomNews {
  readonly news: MessagesEvent
  readonly presence: Attendance | AttendanceChanges | undefined
  /** The ids of sessions that have ended. */
  readonly lost: readonly string[]
}

const TYPES: ReadonlySet<unknown> = new Set<Message['type']>(['msg', 'join', 'part'])

/** The answer to a post. @throws RoomError `not_roomfile` */
export function postedIn({ id, timestamp }: Record<string, unknown>): { id: string; timestamp: Timestamp } {
  if (!isMessageId(id) || !isTimestamp(timestamp)) throw notOurs()
  return { id, timestamp }
}

/** The id of the session that was begun. It goes into addresses. @throws RoomError `not_roomfile` */
export function sessionIdIn({ id }: Record<string, unknown>): string {
  if (!isString(id) || !/^[\w-]{1,100}$/.test(id)) throw notOurs()
  return id
}

/** What a poll tells of each room: a room with nothing new is not among them. @throws RoomError `not_roomfile` */
export function roomsIn({ rooms }: Record<string, unknown>): ReadonlyMap<string, RoomNews | RoomError> {
  if (!isRecord(rooms)) throw notOurs()
  return new Map(Object.entries(rooms).map(([name, answer]) => [name, roomNewsIn(answer)]))
}

function roomNewsIn(answer: unknown): RoomNews | RoomError {
  if (!isRecord(answer)) throw notOurs()
  if (answer['error'] !== undefined) return refusalIn(answer)
  const { timestamp, messages, presence, reset = false, gap = false, lost = [] } = answer
  if (!isTimestamp(timestamp) || !isArrayOf(isMessage)(messages) || !isArrayOf(isString)(lost)) throw notOurs()
  if (!isFlag(reset) || !isFlag(gap) || (presence !== undefined && !isAttendance(presence) && !isAttendanceChanges(presence)))
    throw notOurs()
  return { news: { type: 'messages', messages, timestamp, reset, gap }, presence, lost }
}

/** Why the server cannot tell of a room, while it tells of others. */
function refusalIn(answer: Record<string, unknown>): RoomError {
  const { error } = answer
  if (!isRecord(error) || !isWhole(error['status'])) throw notOurs()
  return refusal(answer, error['status'])
}

/** What somebody added to a message by hand stays in it. */
function isMessage(value: unknown): value is Message {
  if (!isRecord(value)) return false
  const { id, timestamp, type, nick, msg, cid = '' } = value
  return isMessageId(id) && isTimestamp(timestamp) && TYPES.has(type) && isString(nick) && isString(msg) && isString(cid)
}

function isAttendance(value: unknown): value is Attendance {
  return isRecord(value) && isWhole(value['version']) && isArrayOf(isString)(value['who']) && isArrayOf(isString)(value['typing'])
}

function isAttendanceChanges(value: unknown): value is AttendanceChanges {
  if (!isRecord(value) || !isWhole(value['version']) || !isWhole(value['since'])) return false
  return ['came', 'left', 'typing'].every((key) => isArrayOf(isString)(value[key]))
}

const isString = (value: unknown): value is string => typeof value === 'string'
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean'
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isTimestamp: (value: unknown) => value is Timestamp = isWhole
const isMessageId = (value: unknown): value is string => isString(value) && /^\d{1,16}-\d{1,9}$/.test(value)

function isArrayOf<T>(isOne: (value: unknown) => value is T): (value: unknown) => value is T[] {
  return (value): value is T[] => Array.isArray(value) && value.every(isOne)
}
