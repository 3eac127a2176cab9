/**
 * The native protocol: posts in three body forms, the long poll on one or many rooms, the list, the file. PROTOCOL.md, "Native protocol".
 * Only translates between HTTP and rooms.
 */
import fresh from 'fresh'
import parseRange from 'range-parser'
import type { News } from '../../room/backlog.ts'
import { BUDGETS } from '../../budgets.ts'
import { checkedCid, draftOf } from '../../room/draft.ts'
import { quoted, RoomfileError } from '../../errors.ts'
import {
  formIn,
  JSON_TYPE,
  queryValue,
  readBody,
  send,
  sendHead,
  sendJson,
  sendNothing,
  sendNotModified,
  sendReady,
  type Body,
  type Handler,
  type Request,
  type Response,
} from '../../http/http.ts'
import type { Timestamp } from '../../room/message.ts'
import { checkedNick, type SessionId } from '../../room/presence.ts'
import type { Room, Told } from '../../room/room.ts'
import { roomName, type RoomName } from '../../room/room-name.ts'
import type { Store } from '../../stores/store.ts'
import { attendanceJson, encodeWith, listJson, ready } from '../answer.ts'
import { beginSession, park, takePost, type DialectOptions } from '../dialect.ts'
import { NO_NEWS, pollOfMany, questionsIn } from './many-rooms.ts'
import { PollOfOne, waitIn } from './one-room.ts'

/** Bytes for the other fields of a form or a JSON object. */
const OTHER_FIELDS = 4096

/** The most bytes that one byte of a message takes in a body: `\u0001` in JSON; `%01` in a form is shorter. */
const LONGEST_ESCAPE = 6

export interface NativeOptions extends DialectOptions {
  readonly store: Store
}

export interface Native {
  readonly post: Handler
  readonly poll: Handler
  readonly rooms: Handler
  readonly file: Handler
  readonly join: Handler
  readonly leave: Handler
  readonly typing: Handler
  readonly who: Handler
}

export function native(options: NativeOptions): Native {
  const { rooms, store, limits, rateLimit } = options
  const maxBody = limits.maxMessage * LONGEST_ESCAPE + OTHER_FIELDS
  return {
    async post(req, res) {
      const posted = await takePost(options, req, rooms.get(nameIn(req), res), async () => {
        const fields = fieldsIn(await readBody(req, maxBody))
        return { draft: draftOf(fields, limits), session: sessionOf(fields) }
      })
      sendJson(res, 201, JSON.stringify(posted))
    },

    async poll(req, res) {
      const poll = new PollOfOne(req, rooms.get(nameIn(req), res))
      answerOne(res, poll, await park(options, req, res, poll))
    },

    async rooms(req, res) {
      const poll = queryValue(req, 'poll')
      if (poll === undefined) return sendJson(res, 200, listJson(await rooms.list(queryValue(req, 'after') ?? '', listLimitIn(req))))
      const ms = waitIn(req)
      const questions = questionsIn(poll)
      if (req.method === 'HEAD') return sendHead(res)
      const get = (name: RoomName): Room => rooms.get(name, res)
      const look = (room: Room): Promise<void> => rateLimit.look(req, room)
      const told = await park(options, req, res, pollOfMany(questions, { ms, get, look }))
      send(res, 200, JSON_TYPE, told ?? NO_NEWS)
    },

    async join(req, res) {
      const { id, nick } = await beginSession(options, req, rooms.get(nameIn(req), res), async () => {
        const fields = fieldsIn(await readBody(req, OTHER_FIELDS))
        return { nick: checkedNick(fields['nick']), cid: checkedCid(fields['cid']) }
      })
      sendJson(res, 201, JSON.stringify({ id, nick }))
    },

    async leave(req, res) {
      const room = rooms.get(nameIn(req), res)
      if (!(await room.leave(req.params['session'] ?? ''))) throw new RoomfileError('no_session')
      sendNothing(res)
    },

    async typing(req, res) {
      const room = rooms.get(nameIn(req), res)
      await rateLimit.post(req)
      room.presence.type(sessionOf(fieldsIn(await readBody(req, OTHER_FIELDS))) ?? '')
      sendNothing(res)
    },

    who(req, res) {
      sendJson(res, 200, attendanceJson(rooms.get(nameIn(req), res).presence.attendance))
    },

    async file(req, res) {
      const name = nameIn(req)
      const room = rooms.get(name, res)
      await room.look() // gives ids and timestamps to lines that were appended to the file
      await room.load() // so that all requests share one copy of its bytes
      const content = await store.file(name)
      if (!content) throw new RoomfileError('no_room')
      const { bytes, timestamp } = content
      const headers = { ...validators(timestamp), 'Cache-Control': 'no-cache', 'Accept-Ranges': 'bytes' }
      const type = 'text/plain; charset=utf-8'
      if (fresh(req.headers, { etag: headers.ETag, 'last-modified': headers['Last-Modified'] })) return sendNotModified(res, headers)
      const range = rangeIn(req, bytes.length, headers.ETag)
      if (!range) return send(res, 200, type, bytes, headers)
      const contentRange = `bytes ${range.start}-${range.end}/${bytes.length}`
      send(res, 206, type, bytes.subarray(range.start, range.end + 1), { ...headers, 'Content-Range': contentRange })
    },
  }
}

/** @param news undefined when the wait ended with nothing */
function answerOne(res: Response, poll: PollOfOne, news: News | Told | undefined): void {
  const { room, presence } = poll
  if (poll.isConditional && !news) return sendNotModified(res, validators(room.timestamp))
  const told = news ?? room.emptyAnswer
  if (poll.isHead) return sendHead(res, validators(told.timestamp))
  if (!presence) return sendReady(res, 200, ready(told, validators(told.timestamp)))
  send(res, 200, JSON_TYPE, encodeWith(told, { presence }), validators(told.timestamp))
}

function nameIn(req: Request): RoomName {
  return roomName(req.params['room'] ?? '')
}

type Fields = Readonly<Record<string, unknown>>

const FORM_FIELDS: ReadonlySet<string> = new Set(['msg', 'nick', 'cid', 'session'])

/** The fields of a body: a form, JSON, or the plain text of a message. `curl -d 'backup done'` sends such a text with the media type of a form. */
function fieldsIn({ type, text }: Body): Fields {
  switch (type) {
    case 'application/json':
      return objectIn(text)
    case 'application/x-www-form-urlencoded': {
      const isForm = [...new URLSearchParams(text).keys()].some((key) => FORM_FIELDS.has(key))
      return isForm ? Object.fromEntries([...formIn(text)].toReversed()) : bare(text) // of two fields with the same name the first counts, as in a query
    }
    case 'text/plain':
    case '':
      return bare(text)
    default:
      throw new RoomfileError('wrong_type', `cannot read a message from ${quoted(type)}: post a form, JSON or plain text`)
  }
}

function sessionOf({ session }: Fields): SessionId | undefined {
  if (session === undefined || session === null) return undefined
  if (typeof session !== 'string') throw new RoomfileError('no_session')
  return session
}

/** A text without the newline that `echo` puts at its end. */
function bare(text: string): Fields {
  return { msg: text.replace(/(?<![\r\n])[\r\n]+$/, '') }
}

function objectIn(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RoomfileError('bad_json', `the body is not valid JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RoomfileError('bad_json')
  return { ...value }
}

/**
 * The validators of a room at a timestamp. Last-Modified has a resolution of one second, so it is sent only when that second is over: then no later
 * message can have the same (RFC 9110, 8.8.2.2).
 */
function validators(timestamp: Timestamp): Validators {
  const second = Math.floor(timestamp / 1000)
  const isOver = second < Math.floor(Date.now() / 1000)
  if (latest.timestamp === timestamp && latest.isOver === isOver) return latest.validators
  const ETag = `"${timestamp}"`
  latest = { timestamp, isOver, validators: isOver ? { ETag, 'Last-Modified': new Date(second * 1000).toUTCString() } : { ETag } }
  return latest.validators
}

type Validators = Readonly<Record<'ETag' | 'Last-Modified', string>> | { readonly ETag: string; readonly 'Last-Modified'?: never }

/** Those that were made last: all polls of a room are answered with the same. */
let latest = { timestamp: NaN, isOver: false, validators: { ETag: '' } as Validators }

/** How many rooms a page of the list may have. */
function listLimitIn(req: Request): number {
  const asked = queryValue(req, 'limit') ?? String(BUDGETS.listedRooms)
  const limit = /^\d{1,9}$/.test(asked) ? Number(asked) : 0
  if (limit >= 1 && limit <= BUDGETS.listedRooms) return limit
  throw new RoomfileError('bad_list', `limit is a number of rooms from 1 to ${BUDGETS.listedRooms}, not ${quoted(asked)}`)
}

function rangeIn(req: Request, size: number, etag: string): { start: number; end: number } | undefined {
  const { range, 'if-range': ifRange } = req.headers
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return undefined
  const ranges = parseRange(size, range, { combine: true })
  if (ranges === -1) throw new RoomfileError('bad_range', undefined, { headers: { 'Content-Range': `bytes */${size}` } })
  return ranges === -2 || ranges.length !== 1 ? undefined : ranges[0]
}
