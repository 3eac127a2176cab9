/**
 * Reads requests and writes answers, for all dialects: bodies, forms, query parameters, headers, errors.
 * Knows HTTP, and how a timestamp is written; does not know what a request asks for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parse as parseContentType } from 'content-type'
import type { Middleware } from 'polka'
import { getRawBody } from 'raw-body'
import { BUDGETS } from '../budgets.ts'
import { quoted, RoomfileError, toRoomfileError } from '../errors.ts'
import type { Timestamp } from '../room/message.ts'

export type Request = Parameters<Middleware>[0]
export type Response = ServerResponse

/** Answers a request. What it throws is answered by the error handler. */
export type Handler = (req: Request, res: Response) => void | Promise<void>

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export interface Body {
  /** The media type in lower case without parameters; empty when the request has none. */
  readonly type: string
  readonly text: string
}

/**
 * The body of a request as text.
 * @param maxBytes the largest body
 * @throws RoomfileError `too_large`, `wrong_type` (another charset than UTF-8, or compressed), `bad_encoding`
 */
export async function readBody(req: IncomingMessage, maxBytes: number): Promise<Body> {
  const header = req.headers['content-type'] ?? ''
  const { type, parameters } = parseType(header)
  if (!/^(utf-?8|us-ascii)?$/i.test(parameters['charset'] ?? '')) throw new RoomfileError('wrong_type')
  if (isCompressed(req)) throw new RoomfileError('wrong_type', 'post the body without compression')
  const bytes = await getRawBody(req, { limit: maxBytes, length: req.headers['content-length'] ?? null }).catch(
    (error: { type?: string }) => {
      if (error.type === 'entity.too.large') throw new RoomfileError('too_large', undefined, { headers: { Connection: 'close' } })
      throw error
    },
  )
  try {
    return { type, text: utf8.decode(bytes) }
  } catch (error) {
    throw new RoomfileError('bad_encoding', undefined, { cause: error })
  }
}

/** Compressed bodies are refused, because a small one may expand to a huge one. */
function isCompressed({ headers }: IncomingMessage): boolean {
  return !/^(identity)?$/i.test(headers['content-encoding'] ?? '') || !/^(chunked)?$/i.test(headers['transfer-encoding'] ?? '')
}

/** The body as a form, with any media type. @throws RoomfileError as readBody does */
export async function readForm(req: Request, maxBytes: number): Promise<URLSearchParams> {
  return formIn((await readBody(req, maxBytes)).text)
}

/** Reads a form. @throws RoomfileError `bad_encoding` when its percent-encoding is not UTF-8 */
export function formIn(text: string): URLSearchParams {
  try {
    // Node's own parser damages 喺 beside a percent sign that encodes nothing, new URLSearchParams('喺%41%'), and takes several times as long.
    return new URLSearchParams(text.split('&').flatMap((pair) => (pair === '' ? [] : [pairIn(pair)])))
  } catch (error) {
    throw new RoomfileError('bad_encoding', undefined, { cause: error })
  }
}

function pairIn(pair: string): [name: string, value: string] {
  const [name = ''] = pair.split('=', 1)
  return [decoded(name), decoded(pair.slice(name.length + 1))]
}

/** @throws URIError when the percent-encoding is not UTF-8 */
function decoded(text: string): string {
  return decodeURIComponent(withoutBarePercent(text.replaceAll('+', ' ')))
}

/** Whether the bytes that are percent-encoded in a text are UTF-8. A `%` that encodes nothing stands for itself. */
export function isEncoded(text: string): boolean {
  try {
    decoded(text)
    return true
  } catch {
    return false
  }
}

const withoutBarePercent = (text: string): string => text.replaceAll(/%(?![\da-f]{2})/gi, '%25')

function parseType(header: string): { type: string; parameters: Record<string, string | undefined> } {
  if (header === '') return { type: '', parameters: {} }
  try {
    const { type, parameters } = parseContentType(header)
    return { type: type.toLowerCase(), parameters: parameters ?? {} }
  } catch (error) {
    throw new RoomfileError('wrong_type', undefined, { cause: error })
  }
}

/** The first value of a query parameter, undefined when there is none. @throws RoomfileError `bad_encoding` */
export function queryValue(req: Request, name: string): string | undefined {
  const value: unknown = Object.hasOwn(req.query, name) ? req.query[name] : undefined
  if (value !== undefined && req.search.includes('%') && !isEncoded(req.search)) throw new RoomfileError('bad_encoding')
  return typeof value === 'string' ? value : Array.isArray(value) ? String(value[0]) : undefined
}

/** A timestamp as clients write it. @throws RoomfileError `bad_timestamp` */
export function parseTimestamp(text: string): Timestamp {
  const timestamp = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(timestamp)) return timestamp
  throw new RoomfileError('bad_timestamp', `a timestamp is a whole number of milliseconds, not ${quoted(text)}`)
}

export const JSON_TYPE = 'application/json; charset=utf-8'

/** The body of an answer as a list of buffers, which other answers share. They are written one after the other, and never copied into one. */
export interface Pieces {
  readonly buffers: readonly Buffer[]
  /** The owner of the bytes. It is referenced while they are sent, so that another request at that time gets the same bytes. */
  readonly of?: object | undefined
}

const sending = new WeakMap<Response, Pieces>()

/** Schedules a large answer to a request: `write` is called at once or later. */
export type SendLarge = (req: IncomingMessage, write: () => void) => void

const sendingLarge = new WeakMap<Socket, SendLarge>()

/** Sets how the large answers of a connection are scheduled. Without it, they are sent at once. */
export function sendLargeBy(socket: Socket, sendLarge: SendLarge): void {
  sendingLarge.set(socket, sendLarge)
}

export function sendJson(res: Response, status: number, body: Buffer | string, headers: Readonly<Record<string, string>> = {}): void {
  send(res, status, JSON_TYPE, body, headers)
}

/** Sends an answer: a small one at once, a large one as scheduled. Caches do not store it, unless the headers say otherwise. */
export function send(
  res: Response,
  status: number,
  type: string,
  body: Buffer | string | Pieces,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendReady(res, status, readyAnswer(type, body, headers))
}

/** An answer that is made once for all who get it. */
export interface ReadyAnswer {
  readonly headers: Record<string, string>
  readonly body: Buffer | string | Pieces
  /** Bytes. */
  readonly length: number
}

export function readyAnswer(type: string, body: Buffer | string | Pieces, headers: Readonly<Record<string, string>>): ReadyAnswer {
  const length = lengthOf(body)
  return { headers: headOf(type, { 'Content-Length': String(length), ...headers }), body, length }
}

/** The same as `send`. */
export function sendReady(res: Response, status: number, { headers, body, length }: ReadyAnswer): void {
  const write = (): void => {
    if (res.headersSent || res.destroyed) return
    res.writeHead(status, headers)
    writeBody(res, body)
  }
  const { req } = res
  const sendLarge = length >= BUDGETS.largeAnswer ? sendingLarge.get(req.socket) : undefined
  if (sendLarge) sendLarge(req, write)
  else write()
}

function lengthOf(body: Buffer | string | Pieces): number {
  return isWhole(body) ? Buffer.byteLength(body) : body.buffers.reduce((sum, buffer) => sum + buffer.length, 0)
}

function isWhole(body: Buffer | string | Pieces): body is Buffer | string {
  return typeof body === 'string' || Buffer.isBuffer(body)
}

function writeBody(res: Response, body: Buffer | string | Pieces): void {
  if (isWhole(body)) {
    res.end(body)
    return
  }
  sending.set(res, body)
  res.cork()
  for (const buffer of body.buffers) res.write(buffer)
  res.end()
  res.uncork()
}

/** Answers a HEAD without making a body. */
export function sendHead(res: Response, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(200, headOf(JSON_TYPE, headers))
  res.end()
}

function headOf(type: string, headers: Readonly<Record<string, string>>): Record<string, string> {
  return {
    'Content-Type': type,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
    ...headers,
  }
}

/** Answers with 204: it is done, and there is nothing to send. */
export function sendNothing(res: Response, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(204, { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', ...headers })
  res.end()
}

/** Answers with 304: what the client has is up to date. */
export function sendNotModified(res: Response, headers: Readonly<Record<string, string>>): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(304, { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', ...headers })
  res.end()
}

/** Answers with an error in the form of the native protocol. PROTOCOL.md, "Errors". */
export function sendError(res: Response, thrown: unknown): void {
  const { status, code, message, headers } = toRoomfileError(thrown)
  sendJson(res, status, JSON.stringify({ error: { code, message } }), headers)
}
