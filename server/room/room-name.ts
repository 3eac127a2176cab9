/**
 * Room names: what may name a room, and so a file. The one way in from the outside is `roomName()`.
 * The page imports this file as well (client/page/room-names.ts): it needs nothing of Node.
 */
import { quoted, RoomfileError } from '../errors.ts'
import { own } from './message.ts'

/**
 * A name that has been checked: NFC, 1 to 64 letters, marks, digits, `_` or `-`, so no dots, no slashes, no way out of a directory; and no
 * `-` at the beginning, where `rm *` and the like would take the file for an option.
 */
export type RoomName = string & { readonly __brand: 'RoomName' }

/** The room of the dialects that know only one, and of a page that names none. */
export const LOBBY = 'lobby' as RoomName

/** Marks belong to the letters of many scripts (Thai, Hindi); a name does not start with one. */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_-]{0,63}$/u

/** What a file system allows for one name (255), less our ending, and some more. */
const MAX_BYTES = 230

const encoder = new TextEncoder()

/** UTF-8 has at most 3 bytes for a UTF-16 unit: only a long name is encoded to count them. */
const fits = (name: string): boolean => name.length * 3 <= MAX_BYTES || encoder.encode(name).length <= MAX_BYTES

export function isRoomName(name: string): name is RoomName {
  return NAME.test(name) && name === name.normalize('NFC') && fits(name)
}

/** @throws RoomfileError `bad_room` */
export function roomName(name: string): RoomName {
  const composed = name.normalize('NFC')
  if (!isRoomName(composed)) throw new RoomfileError('bad_room', `not a room name: ${quoted(name)}`)
  return own(composed) as RoomName
}
