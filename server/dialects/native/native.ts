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
  parseTimestamp,
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
} from '../../http/http.ts'
import type { Timestamp } from '../../room/message.ts'
import { checkedNick, type SessionId } from '../../room/presence.ts'
import type { Room, Told } from '../../room/room.ts'
import { roomName, type RoomName } from '../../room/room-name.ts'
import type { Store } from '../../stores/store.ts'
import { attendanceJson, encodeWith, listJson, ready } from '../answer.ts'
import { beginSession, park, takePost, type DialectOptions } from '../dialect.ts'
import { NO_NEWS, parseVersion, pollOfMany, questionsIn } from './many-rooms.ts'

/** Seconds. */
const DEFAULT_WAIT = 25
const MAX_WAIT = 60

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
      const room = rooms.get(nameIn(req), res)
      const ms = waitIn(req)
      const presence = queryValue(req, 'presence')
      const version = presence === undefined ? undefined : parseVersion(presence)
      const session = queryValue(req, 'session')
      const isHead = req.method === 'HEAD'
      const timestampFor = timestampIn(req)
      let timestamp: Timestamp | undefined
      const tell = (): News | Told | undefined | Promise<Told | undefined> => {
        timestamp ??= timestampFor(room.timestamp)
        if (isHead) return timestamp === room.timestamp ? undefined : room.emptyAnswer // a HEAD gets no body, so none is made
        return room.news(timestamp) ?? (isNews(room, version) ? room.emptyAnswer : undefined)
      }
      const hasNews = (): boolean => timestampFor(room.timestamp) !== room.timestamp || isNews(room, version)
      const more = version === undefined ? [] : [room.presence.waiters]
      const around = session === undefined ? undefined : (wait: () => Promise<News | undefined>) => room.presence.attend(session, wait)
      const news = await park(options, req, res, { rooms: [room], ms, hasNews, tell, more, around })
      if (isConditional(req) && !news) return sendNotModified(res, validators(room.timestamp))
      const told = news ?? room.emptyAnswer
      if (isHead) return sendHead(res, validators(told.timestamp))
      if (!isNews(room, version)) return sendReady(res, 200, ready(told, validators(told.timestamp)))
      send(res, 200, JSON_TYPE, encodeWith(told, { presence: room.presence.since(version) }), validators(told.timestamp))
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

/** How long a poll may wait, in milliseconds: `wait=S`, or `Prefer: wait=S` (RFC 7240). */
function waitIn(req: Request): number {
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

/** Whether it may be answered with 304. */
function isConditional(req: Request): boolean {
  return req.headers['if-none-match'] !== undefined || (queryValue(req, 'timestamp') === undefined && modifiedIn(req) !== undefined)
}

/** Milliseconds since the epoch, in whole seconds. */
function modifiedIn(req: Request): number | undefined {
  const header = req.headers['if-modified-since']
  const modified = header === undefined ? NaN : Date.parse(header)
  return Number.isNaN(modified) ? undefined : modified
}

/**
 * The timestamp that a client asks with: `timestamp=T`, or else what the validators of its last answer say in a room at timestamp `now`; 0 where
 * it sends neither.
 * @throws RoomfileError `bad_timestamp`
 */
function timestampIn(req: Request): (now: Timestamp) => Timestamp {
  const asked = queryValue(req, 'timestamp')
  if (asked !== undefined) {
    const timestamp = parseTimestamp(asked)
    return () => timestamp
  }
  const etags = req.headers['if-none-match']
  const modified = modifiedIn(req)
  if (etags?.trim() === '*') return (now) => now
  if (etags !== undefined) {
    const known = [...etags.matchAll(/"(\d{1,16})"/g)].map(([, digits]) => Number(digits))
    return (now) => (known.includes(now) ? now : Math.max(0, ...known))
  }
  if (modified === undefined) return () => 0
  return (now) => (Math.floor(now / 1000) * 1000 === modified ? now : modified + 999)
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

function isNews(room: Room, version: number | undefined): version is number {
  return version !== undefined && version !== room.presence.version
}

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
