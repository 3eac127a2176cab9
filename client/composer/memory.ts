/**
 * What a room's composer remembers: the text that was begun, which survives the browser, and what was sent, as long as the tab lives.
 * Knows keys and limits; knows no field. A room is named here by what no other is: its server, and its name there.
 */
import { recall, remember, tabMemory } from '../remembered.ts'

const MOST_SENT = 50

/** No message has it in it. */
const BETWEEN = '\u0000'

export const draftOf = (room: string): string => recall(`roomfile.draft ${room}`)
export const keepDraft = (room: string, text: string): void => remember(`roomfile.draft ${room}`, text)

/** What was sent to a room from this tab, oldest first. */
export function sentTo(room: string): string[] {
  return tabMemory
    .recall(`roomfile.sent ${room}`)
    .split(BETWEEN)
    .filter((text) => text !== '')
}

export function keepSent(room: string, text: string): void {
  const others = sentTo(room).filter((sent) => sent !== text)
  tabMemory.remember(`roomfile.sent ${room}`, [...others, text].slice(-MOST_SENT).join(BETWEEN))
}
