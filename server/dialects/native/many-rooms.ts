/**
 * One poll for many rooms, which the page of a browser with many tabs makes: reads its query, and makes the answer with the rooms that have news.
 * Does not know requests, or how a poll waits (room/rooms.ts).
 */
import { quoted, RoomfileError, toRoomfileError } from '../../errors.ts'
import { BUDGETS } from '../../budgets.ts'
import { parseTimestamp, type Pieces } from '../../http/http.ts'
import type { Timestamp } from '../../room/message.ts'
import type { SessionId } from '../../room/presence.ts'
import type { Room } from '../../room/room.ts'
import { roomName, type RoomName } from '../../room/room-name.ts'
import type { Poll } from '../../room/rooms.ts'
import type { Waiters } from '../../room/waiters.ts'
import { encodeWith, errorJson } from '../answer.ts'

/** How many rooms one poll may name. */
const MOST_ROOMS = 100

export interface Question {
  /** As the client wrote it. */
  readonly name: string
  readonly timestamp: Timestamp
  /** The version of who is here that the client knows; undefined when it does not ask for that. */
  readonly version: number | undefined
  /** Sessions of the room whose leases the poll renews. */
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

/** A version of who is here. @throws RoomfileError `bad_presence` */
export function parseVersion(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text)
  throw new RoomfileError('bad_presence', `presence is the version that a poll returned, or 0, not ${quoted(text)}`)
}

export interface ManyOptions {
  /** Milliseconds that the poll waits at most. */
  readonly ms: number
  /** Gets a room, for as long as the request is answered. */
  readonly get: (name: RoomName) => Room
  /** Brings a room up to date. */
  readonly look: (room: Room) => Promise<void>
}

/**
 * One poll for many rooms. The answer has a budget: rooms that do not fit are in the answer to the next poll, because their timestamp stays the same.
 * A room that cannot be polled has its error in the answer, which comes at once then. PROTOCOL.md, "GET /rooms?poll=…".
 */
export function pollOfMany(questions: readonly Question[], { ms, get, look }: ManyOptions): Poll<Pieces> {
  const asked = new Map<Room, Asked>()
  const failed: Member[] = []
  for (const question of questions) {
    try {
      const room = get(roomName(question.name))
      asked.set(room, { ...question, room })
    } catch (error) {
      failed.push(failure(question.name, error))
    }
  }
  const hasAny = (): boolean => failed.length > 0 || asked.values().some(hasNews)
  return {
    rooms: [...asked.keys()],
    ms,
    async look(room) {
      try {
        await look(room)
      } catch (error) {
        failed.push(failure(asked.get(room)?.name ?? room.name, error))
        asked.delete(room)
      }
    },
    hasNews: hasAny,
    tell: () => (hasAny() ? answerTo([...asked.values()], failed) : undefined),
    more: [...asked.values()].flatMap(presenceWaitersOf),
    around: (wait) => attending([...asked.values()], wait),
  }
}

/** A room's part of the answer. */
interface Member extends Pieces {
  readonly name: string
  readonly length: number
}

/** The answer with all rooms that have news, as far as they fit; undefined when there are none. */
async function answerTo(asked: readonly Asked[], failed: readonly Member[]): Promise<Pieces | undefined> {
  const members = [...failed, ...(await membersOf(asked))]
  return members.length > 0 ? answerOf(members) : undefined
}

/** As many as fit into one answer, and the first in any case. They are read one after the other, so that not all are in memory at once. */
async function membersOf(asked: readonly Asked[]): Promise<Member[]> {
  const members: Member[] = []
  let left: number = BUDGETS.manyRoomsAnswer
  for (const question of asked) {
    if (!hasNews(question)) continue
    const member = await memberOf(question).catch((error: unknown) => failure(question.room.name, error))
    if (member.length > left && members.length > 0) continue
    members.push(member)
    left -= member.length
  }
  return members
}

async function memberOf(asked: Asked): Promise<Member> {
  const { room, timestamp, version = 0 } = asked
  const news = (await room.news(timestamp)) ?? room.emptyAnswer
  const presence = isPresenceNews(asked) ? room.presence.since(version) : undefined
  return { name: room.name, ...encodeWith(news, { presence, lost: lostSessionsOf(asked) }) }
}

function failure(name: string, thrown: unknown): Member {
  const bytes = Buffer.from(errorJson(toRoomfileError(thrown)))
  return { name, buffers: [bytes], length: bytes.length }
}

function answerOf(members: readonly Member[]): Pieces {
  const buffers = members.flatMap(({ name, buffers: bytes }, i) => [Buffer.from(`${i > 0 ? ',' : ''}${JSON.stringify(name)}:`), ...bytes])
  return { buffers: [Buffer.from('{"rooms":{'), ...buffers, Buffer.from('}}')], of: members }
}

/** The answer to a poll whose wait ended with nothing. */
export const NO_NEWS = answerOf([])

function presenceWaitersOf({ room, version, sessions }: Asked): Waiters[] {
  return version === undefined && sessions.length === 0 ? [] : [room.presence.waiters]
}

/** Runs the poll. Meanwhile none of its sessions ends. Those that have ended before are left out. */
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

function lostSessionsOf({ room, sessions }: Asked): SessionId[] {
  return sessions.filter((id) => !room.presence.has(id))
}

function isPresenceNews({ room, version }: Asked): boolean {
  return version !== undefined && version !== room.presence.version
}

function hasNews(asked: Asked): boolean {
  return asked.timestamp !== asked.room.timestamp || isPresenceNews(asked) || lostSessionsOf(asked).length > 0
}
