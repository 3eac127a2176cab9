/** What may be posted: the one door for messages from outside, whichever dialect brings them. */
import type { Limits } from './backlog.ts'
import { RoomfileError } from '../errors.ts'
import { bytesIn, own, type Draft } from './message.ts'
import { checkedNick } from './presence.ts'

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
  const by = nick === '' ? '' : checkedNick(nick)
  const id = checkedCid(cid)
  return id === undefined ? { msg: own(msg), nick: by } : { msg: own(msg), nick: by, cid: id }
}

/**
 * A client's own id for what it asks, where it sent one.
 * @throws RoomfileError `bad_cid`
 */
export function checkedCid(cid: unknown): string | undefined {
  if (cid === undefined || cid === null) return undefined
  if (typeof cid !== 'string' || cid === '' || cid.length > MOST_CID) throw new RoomfileError('bad_cid')
  return own(cid)
}
