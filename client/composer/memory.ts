/** What the browser stores for the composer of a room: the draft, and, for as long as the tab exists, the sent messages. `room` is `Visit.key`. */
import { recall, remember, tabStorage } from '../remembered.ts'

const MAX_SENT = 50

/** A message cannot contain this. */
const SEPARATOR = '\u0000'

export const draftOf = (room: string): string => recall(`roomfile.draft ${room}`)
export const keepDraft = (room: string, text: string): void => remember(`roomfile.draft ${room}`, text)

/** The messages that were sent to a room from this tab, oldest first. */
export function sentTo(room: string): string[] {
  return tabStorage
    .recall(`roomfile.sent ${room}`)
    .split(SEPARATOR)
    .filter((text) => text !== '')
}

export function keepSent(room: string, text: string): void {
  const others = sentTo(room).filter((sent) => sent !== text)
  tabStorage.remember(`roomfile.sent ${room}`, [...others, text].slice(-MAX_SENT).join(SEPARATOR))
}
