/** The JSON of what a poll is told. Knows the native protocol's form of it; decides nothing. */
import type { News } from '../room/backlog.ts'
import type { RoomfileError } from '../errors.ts'
import type { Pieces } from '../http/http.ts'
import { lineOf } from '../room/message.ts'
import type { Attendance, AttendanceChanges, SessionId } from '../room/presence.ts'
import type { Told } from '../room/room.ts'
import type { RoomsPage } from '../room/rooms.ts'

/** Messages of so many characters together are copied into their answer. More are not: their bytes are the room's own. */
const COPIED = 16 * 1024

/** An answer without its last brace, to go on from. */
interface Encoded extends Pieces {
  readonly length: number
  /** With its last brace: in one piece where it is short, because thousands are sent it at once, and each piece is a write. */
  readonly whole: Buffer | Pieces
}

const encodedNews = new WeakMap<News, Encoded>()
const encodedAttendance = new WeakMap<Attendance | AttendanceChanges, string>()

const END = Buffer.from('}')

/** The JSON answer to a poll that is told nothing else. */
export function encode(news: News | Told): Buffer | Pieces {
  return encoded(news).whole
}

/** Made once for all who are told the same. */
function encoded(news: News | Told): Encoded {
  let found = encodedNews.get(news)
  if (!found) {
    const { buffers, of } = piecesOf(news)
    const ended = [...buffers, END]
    found = { buffers, of, length: lengthOf(buffers), whole: buffers.length === 1 ? Buffer.concat(ended) : { buffers: ended, of } }
    encodedNews.set(news, found)
  }
  return found
}

/** A message in it is its line in the file. */
function piecesOf(news: News | Told): Pieces {
  const { timestamp, messages, reset, gap } = news
  const newest = messages.findLast(({ type }) => type === 'msg')?.msg ?? ''
  const flags = `${reset ? ',"reset":true' : ''}${gap ? ',"gap":true' : ''}`
  const head = `{"timestamp":${timestamp},"msg":${JSON.stringify(newest)},"messages":[`
  if (!('lines' in news) || isShort(news)) return { buffers: [Buffer.from(`${head}${messages.map(lineOf).join(',')}]${flags}`)] }
  const lines = news.lines()
  return { buffers: [Buffer.from(head), ...lines.newest(messages.length), Buffer.from(`]${flags}`)], of: lines }
}

function isShort({ messages }: News): boolean {
  let length = 0
  for (const message of messages) if ((length += lineOf(message).length) > COPIED) return false
  return true
}

function lengthOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0)
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
export function encodeWith(news: News | Told, more: More): Pieces & { readonly length: number } {
  const { buffers, of, length } = encoded(news)
  const end = Buffer.from(`${moreJson(more)}}`)
  return { buffers: [...buffers, end], of, length: length + end.length }
}

function moreJson({ presence, lost = [] }: More): string {
  const who = presence ? `,"presence":${attendanceJson(presence)}` : ''
  return `${who}${lost.length > 0 ? `,"lost":${JSON.stringify(lost)}` : ''}`
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
