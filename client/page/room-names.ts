/** Checks a room name by the rule of the server, so that an error is shown before a request is sent. */
import { isRoomName } from '../../server/room/room-name.ts'

/** The name in NFC; undefined if it is invalid. */
export function roomNamed(text: string): string | undefined {
  const name = text.trim().normalize('NFC')
  return isRoomName(name) ? name : undefined
}
