/** What may be posted: the one door for messages from outside, whichever dialect brings them. */
import type { Limits } from './backlog.ts'
import { RoomfileError } from './errors.ts'
import { bytesIn, type Draft } from './message.ts'

/** 1 to 50 characters of any script; no control characters, no separators of lines, no blanks at the ends. */
const NICK = /^(?!\s)[^\p{Cc}\u2028\u2029]{1,50}(?<!\s)$/u

const MOST_CID = 100

/**
 * Checks what a client wants to say.
 * @throws RoomfileError `missing_message`, `bad_message`, `empty_message`, `too_large`, `bad_nick`, `bad_cid`
 */
export function draftOf(fields: { msg?: unknown; nick?: unknown; cid?: unknown }, limits: Limits): Draft {
  const { msg, nick = '', cid } = fields
  if (msg === undefined || msg === null) throw new RoomfileError('missing_message')
  if (typeof msg !== 'string') throw new RoomfileError('bad_message')
  if (msg.trim() === '') throw new RoomfileError('empty_message')
  const bytes = bytesIn(msg)
  if (bytes > limits.maxMessage) throw new RoomfileError('too_large', `the message has ${bytes} bytes; ${limits.maxMessage} are the most`)
  if (typeof nick !== 'string' || (nick !== '' && !NICK.test(nick))) throw new RoomfileError('bad_nick')
  if (cid === undefined || cid === null) return { msg, nick }
  if (typeof cid !== 'string' || cid === '' || cid.length > MOST_CID) throw new RoomfileError('bad_cid')
  return { msg, nick, cid }
}
