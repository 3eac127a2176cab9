/**
 * One poll for many rooms, as a browser with many tabs asks it: what was asked for, and the rooms that have something to tell.
 * A room that cannot be polled costs only itself. Knows no requests; rooms.ts does the waiting.
 */
import { quoted, RoomfileError, toRoomfileError } from '../../errors.ts'
import { BUDGETS } from '../../budgets.ts'
import { parseTimestamp, type Pieces } from '../../http/http.ts'
import type { Timestamp } from '../../room/message.ts'
import type { SessionId } from '../../room/presence.ts'
import type { Room } from '../../room/room.ts'
import { roomName } from '../../room/room-name.ts'
import type { Answering, Rooms, Wait } from '../../room/rooms.ts'
import type { Waiters } from '../../room/waiters.ts'
import { encodeWith, errorJson } from '../answer.ts'

/** How many rooms one poll may name. */
const MOST_ROOMS = 100

export interface Question {
  /** As the client wrote it. */
  readonly name: string
  readonly timestamp: Timestamp
  /** The version of who is here that it knows; undefined when it does not want to know. */
  readonly version: number | undefined
  /** Sessions of the room that it holds. */
  readonly sessions: readonly SessionId[]
}

interface Asked extends Question {
  readonly room: Room
}

/**
 * Reads `lobby:0,dev:1795219764123:1795228185206:f90ed4f5-…`: a room, a timestamp, then optionally a version of who is here (or nothing)
 * and ids of sessions.
 * @throws RoomfileError `bad_poll`, `bad_timestamp`, `bad_presence`
 */
export function questionsIn(poll: string): Question[] {
  const parts = poll.split(',')
  if (parts.length > MOST_ROOMS) throw new RoomfileError('bad_poll', `one poll can name ${MOST_ROOMS} rooms, not ${parts.length}`)
  const named = new Set<string>()
  return parts.map((part) => {
    const [name = '', timestamp, version = '', ...sessions] = part.split(':')
    if (timestamp === undefined) throw new RoomfileError('bad_poll', `not a room and its timestamp: ${quoted(part)}`)
    if (named.has(name.normalize('NFC'))) throw new RoomfileError('bad_poll', `one poll can name a room once: ${quoted(name)}`)
    named.add(name.normalize('NFC'))
    return { name, timestamp: parseTimestamp(timestamp), version: version === '' ? undefined : parseVersion(version), sessions }
  })
}

/** A version of who is here as clients write it. @throws RoomfileError `bad_presence` */
export function parseVersion(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text)
  throw new RoomfileError('bad_presence', `presence is the version that a poll returned, or 0, not ${quoted(text)}`)
}

/** Who polls. */
export interface Asking {
  /** What the rooms are needed for. */
  readonly answering: Answering
  /** Looks at a room when it has its turn. */
  readonly look: (room: Room) => Promise<void>
}

/**
 * Polls many rooms at once. The answer has a budget: rooms that do not fit are told by the next poll, since their timestamp has not moved.
 * @returns the JSON of the rooms with something to tell, by name; of none when the wait ended
 */
export async function pollMany(questions: readonly Question[], rooms: Rooms, wait: Wait, { answering, look }: Asking): Promise<Pieces> {
  const asked: Asked[] = []
  const failed: Member[] = []
  await Promise.all(
    questions.map(async (question) => {
      try {
        const room = rooms.get(roomName(question.name), answering)
        await look(room)
        asked.push({ ...question, room })
      } catch (error) {
        failed.push(failure(question.name, error))
      }
    }),
  )
  const tell = (): Promise<Member[] | undefined> | undefined => (asked.some(hasNews) ? membersOf(asked) : undefined)
  const poll = (): Promise<Member[] | undefined> =>
    rooms.parked(asked.flatMap(waitersOf), tell, failed.length > 0 ? { ...wait, ms: 0 } : wait)
  const told = await attending(asked, poll)
  return answerOf([...failed, ...(told ?? [])])
}

/** A room's part of the answer. */
interface Member extends Pieces {
  readonly name: string
  readonly length: number
}

/** What there is to tell, as far as it fits into one answer; of the first room in any case. One room after the other: not all need be in memory at once. */
async function membersOf(asked: readonly Asked[]): Promise<Member[] | undefined> {
  const members: Member[] = []
  let left: number = BUDGETS.manyRoomsAnswer
  for (const question of asked) {
    if (!hasNews(question)) continue
    const member = await memberOf(question).catch((error: unknown) => failure(question.room.name, error))
    if (member.length > left && members.length > 0) continue
    members.push(member)
    left -= member.length
  }
  return members.length > 0 ? members : undefined
}

async function memberOf(asked: Asked): Promise<Member> {
  const { room, timestamp, version = 0 } = asked
  const news = (await room.news(timestamp)) ?? room.emptyAnswer
  const presence = isPresenceNews(asked) ? room.presence.since(version) : undefined
  return { name: room.name, ...encodeWith(news, { presence, lost: lostTo(asked) }) }
}

function failure(name: string, thrown: unknown): Member {
  const bytes = Buffer.from(errorJson(toRoomfileError(thrown)))
  return { name, buffers: [bytes], length: bytes.length }
}

function answerOf(members: readonly Member[]): Pieces {
  const buffers = members.flatMap(({ name, buffers: bytes }, i) => [Buffer.from(`${i > 0 ? ',' : ''}${JSON.stringify(name)}:`), ...bytes])
  return { buffers: [Buffer.from('{"rooms":{'), ...buffers, Buffer.from('}}')], of: members }
}

function waitersOf({ room, version, sessions }: Asked): Waiters[] {
  return version === undefined && sessions.length === 0 ? [room.waiters] : [room.waiters, room.presence.waiters]
}

/** Holds the leases of all sessions that are named and live, for as long as the poll takes. */
function attending<T>(asked: readonly Asked[], poll: () => Promise<T>): Promise<T> {
  const all = asked.flatMap(({ room, sessions }) => sessions.map((id) => ({ presence: room.presence, id })))
  const held = all.filter(({ presence, id }) => presence.has(id))
  return held.reduce(
    (inner, { presence, id }) =>
      () =>
        presence.attend(id, inner),
    poll,
  )()
}

function lostTo({ room, sessions }: Asked): SessionId[] {
  return sessions.filter((id) => !room.presence.has(id))
}

function isPresenceNews({ room, version }: Asked): boolean {
  return version !== undefined && version !== room.presence.version
}

function hasNews(asked: Asked): boolean {
  return asked.timestamp !== asked.room.timestamp || isPresenceNews(asked) || lostTo(asked).length > 0
}
