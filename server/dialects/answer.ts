/** The JSON of what a poll is told. Knows the native protocol's form of it; decides nothing. */
import type { News } from '../backlog.ts'
import type { RoomfileError } from '../errors.ts'
import { lineOf } from '../message.ts'
import type { RoomsPage } from '../rooms.ts'
import type { Attendance, AttendanceChanges, SessionId } from '../presence.ts'

interface Encoded {
  /** The answer to a poll that is told nothing else. */
  readonly bytes: Buffer
  /** The same without its last brace, to go on from. */
  readonly open: string
}

const encodedNews = new WeakMap<News, Encoded>()
const encodedAttendance = new WeakMap<Attendance | AttendanceChanges, string>()

/** The JSON answer to a poll, made once for all who wait at one timestamp. */
export function encode(news: News): Buffer {
  return encoded(news).bytes
}

function encoded(news: News): Encoded {
  let found = encodedNews.get(news)
  if (!found) {
    const open = openJson(news)
    found = { open, bytes: Buffer.from(`${open}}`) }
    encodedNews.set(news, found)
  }
  return found
}

/** A message in it is its line in the file. */
function openJson({ timestamp, messages, reset, gap }: News): string {
  const newest = messages.findLast(({ type }) => type === 'msg')?.msg ?? ''
  const flags = `${reset ? ',"reset":true' : ''}${gap ? ',"gap":true' : ''}`
  return `{"timestamp":${timestamp},"msg":${JSON.stringify(newest)},"messages":[${messages.map(lineOf).join(',')}]${flags}`
}

/** Made once for all who are told the same. */
export function attendanceJson(attendance: Attendance | AttendanceChanges): string {
  const json = encodedAttendance.get(attendance) ?? JSON.stringify(attendance)
  encodedAttendance.set(attendance, json)
  return json
}

export interface More {
  /** Who is here, or what has changed of it. */
  readonly presence?: Attendance | AttendanceChanges | undefined
  /** Sessions that the client named and that have ended. */
  readonly lost?: readonly SessionId[]
}

/** The same, with what is told to this client besides. */
export function encodeWith(news: News, { presence, lost = [] }: More): string {
  const who = presence ? `,"presence":${attendanceJson(presence)}` : ''
  const gone = lost.length > 0 ? `,"lost":${JSON.stringify(lost)}` : ''
  return `${encoded(news).open}${who}${gone}}`
}

const encodedPages = new WeakMap<RoomsPage, Buffer>()

/** A page of the list of rooms. Made once for all who are told the same. */
export function listJson(page: RoomsPage): Buffer {
  const json = encodedPages.get(page) ?? Buffer.from(pageJson(page))
  encodedPages.set(page, json)
  return json
}

function pageJson({ rooms, next }: RoomsPage): string {
  const members = rooms.map(({ room, people }) => {
    if ('error' in room) return `${JSON.stringify(room.name)}:${errorJson(room.error)}`
    const { name, timestamp, messages } = room
    return `${JSON.stringify(name)}:${JSON.stringify({ timestamp, messages, people })}`
  })
  return `{"rooms":{${members.join(',')}}${next === undefined ? '' : `,"next":${JSON.stringify(next)}`}}`
}

/** What is told of a room that others do not suffer from. */
export function errorJson({ status, code, message }: RoomfileError): string {
  return JSON.stringify({ error: { status, code, message } })
}
