/**
 * Checks the answers of a server (PROTOCOL.md, "Native protocol"): whatever passes has the types declared here. Nothing else in the client
 * checks them again.
 */
import { isRecord, notRoomfile, refusal, type RoomError } from './ask.ts'
import type { Message, MessagesEvent, Timestamp } from './events.ts'

/** Who is in a room, and who is typing (PROTOCOL.md, "Who is here"). */
export interface Attendance {
  readonly version: number
  readonly who: string[]
  readonly typing: string[]
}

/** What has changed since the version `since`. `typing` is complete. */
export interface AttendanceChanges {
  readonly version: number
  readonly since: number
  readonly came: string[]
  readonly left: string[]
  readonly typing: string[]
}

/** The answer to a poll for one room. */
export interface RoomAnswer {
  readonly news: MessagesEvent
  readonly presence: Attendance | AttendanceChanges | undefined
  /** The ids of our sessions that the server does not have any more. */
  readonly lost: readonly string[]
}

const TYPES: ReadonlySet<unknown> = new Set<Message['type']>(['msg', 'join', 'part'])

/** The answer to a post. @throws RoomError `not_roomfile` */
export function postedOf({ id, timestamp }: Record<string, unknown>): { id: string; timestamp: Timestamp } {
  if (!isMessageId(id) || !isTimestamp(timestamp)) throw notRoomfile()
  return { id, timestamp }
}

/** The id in the answer to a join, safe to use in an address. @throws RoomError `not_roomfile` */
export function sessionIdOf({ id }: Record<string, unknown>): string {
  if (!isString(id) || !/^[\w-]{1,100}$/.test(id)) throw notRoomfile()
  return id
}

/** The answers to a poll, by room name. A room without news is not among them. @throws RoomError `not_roomfile` */
export function roomsOf({ rooms }: Record<string, unknown>): ReadonlyMap<string, RoomAnswer | RoomError> {
  if (!isRecord(rooms)) throw notRoomfile()
  return new Map(Object.entries(rooms).map(([name, answer]) => [name, roomAnswerOf(answer)]))
}

function roomAnswerOf(answer: unknown): RoomAnswer | RoomError {
  if (!isRecord(answer)) throw notRoomfile()
  if (answer['error'] !== undefined) return roomErrorOf(answer)
  const { timestamp, messages, presence, reset = false, gap = false, lost = [] } = answer
  if (!isTimestamp(timestamp) || !isArrayOf(isMessage)(messages) || !isArrayOf(isString)(lost)) throw notRoomfile()
  if (!isBoolean(reset) || !isBoolean(gap) || (presence !== undefined && !isAttendance(presence) && !isAttendanceChanges(presence)))
    throw notRoomfile()
  return { news: { type: 'messages', messages, timestamp, reset, gap }, presence, lost }
}

/** The error of one room, in an answer that is good for the other rooms. */
function roomErrorOf(answer: Record<string, unknown>): RoomError {
  const { error } = answer
  if (!isRecord(error) || !isNatural(error['status'])) throw notRoomfile()
  return refusal(answer, error['status'])
}

/** A message may have more keys, which somebody wrote into the file. */
function isMessage(value: unknown): value is Message {
  if (!isRecord(value)) return false
  const { id, timestamp, type, nick, msg, cid = '' } = value
  return isMessageId(id) && isTimestamp(timestamp) && TYPES.has(type) && isString(nick) && isString(msg) && isString(cid)
}

function isAttendance(value: unknown): value is Attendance {
  return isRecord(value) && isNatural(value['version']) && isArrayOf(isString)(value['who']) && isArrayOf(isString)(value['typing'])
}

function isAttendanceChanges(value: unknown): value is AttendanceChanges {
  if (!isRecord(value) || !isNatural(value['version']) || !isNatural(value['since'])) return false
  return ['came', 'left', 'typing'].every((key) => isArrayOf(isString)(value[key]))
}

const isString = (value: unknown): value is string => typeof value === 'string'
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean'
const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isTimestamp: (value: unknown) => value is Timestamp = isNatural
const isMessageId = (value: unknown): value is string => isString(value) && /^\d{1,16}-\d{1,9}$/.test(value)

function isArrayOf<T>(isOne: (value: unknown) => value is T): (value: unknown) => value is T[] {
  return (value): value is T[] => Array.isArray(value) && value.every(isOne)
}
