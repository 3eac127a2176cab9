/** Encodes the answers to polls as JSON, in the form of the native protocol. Does not decide what they contain. */
import type { News } from '../room/backlog.ts'
import type { RoomfileError } from '../errors.ts'
import { JSON_TYPE, readyAnswer, type Pieces, type ReadyAnswer } from '../http/http.ts'
import { lineOf } from '../room/message.ts'
import type { Attendance, AttendanceChanges, SessionId } from '../room/presence.ts'
import type { Told } from '../room/room.ts'
import type { RoomsPage } from '../room/rooms.ts'

/** Messages of up to so many characters in sum are copied into their answer. Larger answers share the room's own bytes. */
const COPIED = 16 * 1024

/** An answer without its last brace, so that more can be added. */
interface Encoded extends Pieces {
  readonly length: number
  /** With its last brace. A short one is a text, because it may be sent to thousands at once: Node writes it together with its head. */
  readonly whole: string | Pieces
}

const encodedNews = new WeakMap<News, Encoded>()
const encodedAttendance = new WeakMap<Attendance | AttendanceChanges, string>()

const END = Buffer.from('}')

/** The answer to a poll with nothing but news. */
export function encode(news: News | Told): string | Pieces {
  return encoded(news).whole
}

/** The same with its headers, made once for all polls that get the same: `headers` are one object as long as they say the same. */
export function ready(news: News | Told, headers: Readonly<Record<string, string>>): ReadyAnswer {
  const made = readyNews.get(news)
  if (made?.with === headers) return made.answer
  const answer = readyAnswer(JSON_TYPE, encode(news), headers)
  readyNews.set(news, { with: headers, answer })
  return answer
}

const readyNews = new WeakMap<News, { readonly with: Readonly<Record<string, string>>; readonly answer: ReadyAnswer }>()

/** Made once for all polls that get the same news. */
function encoded(news: News | Told): Encoded {
  let found = encodedNews.get(news)
  if (!found) {
    const { buffers, of } = piecesOf(news)
    const [first] = buffers
    const whole = first && buffers.length === 1 ? `${first.toString()}}` : { buffers: [...buffers, END], of }
    found = { buffers, of, length: lengthOf(buffers), whole }
    encodedNews.set(news, found)
  }
  return found
}

/** Each message is written as its line in the file. */
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

/** Made once for all polls that get the same. */
export function attendanceJson(attendance: Attendance | AttendanceChanges): string {
  const json = encodedAttendance.get(attendance) ?? JSON.stringify(attendance)
  encodedAttendance.set(attendance, json)
  return json
}

export interface More {
  /** Who is here, or what has changed since an earlier version. */
  readonly presence?: Attendance | AttendanceChanges | undefined
  /** Sessions that the client named and that have ended. */
  readonly lost?: readonly SessionId[]
}

/** The answer to a poll with news, and with more for this client only. */
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

/** A page of the list of rooms. Made once for all requests that get the same page. */
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

/** The error of one room, in an answer about several. */
export function errorJson({ status, code, message }: RoomfileError): string {
  return JSON.stringify({ error: { status, code, message } })
}
