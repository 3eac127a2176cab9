/**
 * Which key means what while a message is written. Knows keyboards and their differences; knows no text and no field.
 */
import type { EditName } from './edits.ts'

/**
 * Whether a key belongs to an input method (中文, 日本語), which nobody else may touch.
 * Safari ends the composition before the keydown of its Enter, which then has no `isComposing` but still the key code 229.
 */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229
}

/** Enter sends; with Shift or Alt it breaks the line. */
export function isSend(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !isComposing(event)
}

/** A digit stands for the key, and not for what it types with Shift. */
const SHORTCUTS: Record<EditName, string> = {
  bold: 'B',
  italic: 'I',
  underline: 'U',
  strike: 'Shift+X',
  code: 'E',
  codeBlock: 'Shift+E',
  link: 'K',
  list: 'Shift+8',
  quote: 'Shift+9',
}

const NAMES = new Map(Object.entries(SHORTCUTS).map(([name, keys]) => [keys, name as EditName]))

/** On a Mac Ctrl+B and Ctrl+E move the caret, and Cmd is the key of commands. */
const isMac = (): boolean => /^(?:Mac|iP)/.test(navigator.platform)

/** What a combination of keys asks for, if for anything of ours. */
export function editFor(event: KeyboardEvent): EditName | undefined {
  const isCommand = isMac() ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey
  if (!isCommand || event.altKey) return undefined
  return NAMES.get(`${event.shiftKey ? 'Shift+' : ''}${keyOf(event)}`)
}

/** The letter that a layout types, or where it types others (Русский) the one that is printed in the same place. */
function keyOf({ key, code }: KeyboardEvent): string {
  return /^[a-z]$/i.test(key) ? key.toUpperCase() : code.replace(/^(?:Key|Digit)/, '')
}

/** A shortcut as ARIA writes it and as people read it. */
export function shortcut(name: EditName): { aria: string; shown: string } {
  const keys = SHORTCUTS[name]
  if (!isMac()) return { aria: `Control+${keys}`, shown: `Ctrl+${keys}` }
  return { aria: `Meta+${keys}`, shown: `⌘${keys.replace('Shift+', '⇧')}` }
}
