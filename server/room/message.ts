/**
 * A message: one line of a room's file, and one element of `messages` in an answer.
 * Knows what a line says and how it is written; knows nothing of rooms, files or HTTP.
 */

/** A room's cursor: whole milliseconds since the Unix epoch, equal to the mtime of the room's file. */
export type Timestamp = number

/** `<timestamp>-<n>`, n counting from 0 within one commit. */
export type MessageId = string

export type MessageType = 'msg' | 'join' | 'part'

/** A message as it is kept. The order of the keys is their order in the file. */
export interface Message {
  readonly id: MessageId
  readonly timestamp: Timestamp
  readonly type: MessageType
  /** Who says it; empty when nobody said who. */
  readonly nick: string
  /** The source text: chat Markdown or plain text, never HTML. */
  readonly msg: string
  /** The client's own id for its post: sent twice, it is stored once. */
  readonly cid?: string
}

/** What a message says, without its place in a room. Keys that a person added by hand are kept behind ours. */
type Saying = Omit<Message, 'id' | 'timestamp'>

/** What somebody wants to say: a message that has no place in a room yet. */
export type Draft = Pick<Message, 'msg'> & Partial<Pick<Message, 'type' | 'nick' | 'cid'>>

/** Where a message stands: messages are ordered by timestamp, then by n. */
export interface Stamp {
  readonly timestamp: Timestamp
  readonly n: number
}

/** A line as it was found in a file, read as far as it can be. */
export interface FoundLine {
  /** The line as it stands there, without its newline. */
  readonly text: string
  readonly saying: Saying
  /** Its place, when the line names one in our form. */
  readonly stamp: Stamp | undefined
  /** Whether `saying` and `stamp` hold all that the line says. */
  readonly whole: boolean
}

const TYPES: ReadonlySet<unknown> = new Set<MessageType>(['msg', 'join', 'part'])

/** Controls that JSON leaves bare, and the two separators that JavaScript and many line readers take for a newline. */
const UNSAFE_IN_A_LINE = /[\u007f-\u009f\u2028\u2029]/g

/** How deep JSON may nest that somebody added to a message: what reads it back, here or in a client, has a stack that ends. */
const MOST_LEVELS = 500

const encoder = new TextEncoder()

export function idOf({ timestamp, n }: Stamp): MessageId {
  return `${timestamp}-${n}`
}

export function placed(saying: Saying, stamp: Stamp): Message {
  return { id: idOf(stamp), timestamp: stamp.timestamp, ...saying }
}

/** What a message says, wherever it stands. */
export function sayingIn({ id: _id, timestamp: _timestamp, ...saying }: Message): Saying {
  return saying
}

/** The saying of a draft, with its keys in the file's order. */
export function sayingOf({ type = 'msg', nick = '', msg, cid }: Draft): Saying {
  return cid === undefined ? { type, nick, msg } : { type, nick, msg, cid }
}

export function stampOf(message: Message): Stamp {
  return { timestamp: message.timestamp, n: Number(message.id.slice(message.id.indexOf('-') + 1)) }
}

/** Whether `a` stands after `b`. */
export function isAfter(a: Stamp, b: Stamp): boolean {
  return a.timestamp > b.timestamp || (a.timestamp === b.timestamp && a.n > b.n)
}

const lines = new WeakMap<Message, string>()

/** The message as its line in the file, without the newline: also its form in every JSON answer. Made once a message. */
export function lineOf(message: Message): string {
  let line = lines.get(message)
  if (line === undefined) {
    line = JSON.stringify(message).replace(UNSAFE_IN_A_LINE, jsonEscape)
    lines.set(message, line)
  }
  return line
}

/** A character as JSON that means the same and is plain ASCII. */
export function jsonEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/**
 * The same text in memory of its own. One that was cut out of a longer text keeps all of that in memory for as long as it lives: what is kept
 * must not be so cut.
 */
export function own(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}

/** The length of a text in the file, in bytes of UTF-8. */
export function bytesIn(text: string): number {
  return Buffer.byteLength(text)
}

/**
 * Reads one line of a file. A JSON object with a string `msg` is a message; any other line is a message in plain text.
 * @param maxMessage the longest `msg`, in bytes of UTF-8: a longer one is clipped, and the line is then not `whole`.
 */
export function readLine(text: string, maxMessage: number): FoundLine {
  const object = objectIn(text)
  if (object === undefined) {
    const msg = own(clip(text, maxMessage))
    return { text, saying: { type: 'msg', nick: '', msg }, stamp: undefined, whole: msg === text }
  }
  const { id, timestamp, type, nick, msg: said, cid, ...more } = object
  const msg = clip(said, maxMessage)
  const stamp = stampIn(id, timestamp)
  const saying = {
    type: TYPES.has(type) ? (type as MessageType) : 'msg',
    nick: typeof nick === 'string' ? nick : '',
    msg,
    ...(typeof cid === 'string' ? { cid } : {}),
    ...more,
  } satisfies Saying
  const whole =
    msg === said &&
    (stamp !== undefined || (id === undefined && timestamp === undefined)) &&
    (type === undefined || type === saying.type) &&
    (nick === undefined || nick === saying.nick) &&
    (cid === undefined || typeof cid === 'string')
  return { text, saying, stamp, whole }
}

function objectIn(text: string): ({ msg: string } & Record<string, unknown>) | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    const value = JSON.parse(text) as { msg?: unknown }
    if (typeof value.msg !== 'string') return undefined
    return isWithin(value, MOST_LEVELS) ? (value as { msg: string }) : undefined
  } catch {
    return undefined // half a JSON line, or a text that starts with a brace: what it says is its text
  }
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((inner) => isWithin(inner, levels - 1))
}

function stampIn(id: unknown, timestamp: unknown): Stamp | undefined {
  if (typeof id !== 'string' || !Number.isSafeInteger(timestamp) || (timestamp as number) < 1) return undefined
  const [, at, n] = /^(\d{1,16})-(\d{1,9})$/.exec(id) ?? []
  return Number(at) === timestamp ? { timestamp, n: Number(n) } : undefined
}

/** The place that an id names; undefined if it is not an id of this server's form. */
export function placeIn(id: MessageId): Stamp | undefined {
  return stampIn(id, Number(id.slice(0, id.indexOf('-'))))
}

function clip(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || bytesIn(text) <= maxBytes) return text
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes - bytesIn('…')))
  return `${text.slice(0, read)}…`
}
