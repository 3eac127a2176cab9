/** The keyboard shortcuts of the composer, on all platforms and keyboard layouts. */
import type { EditName } from './edits.ts'

/**
 * Whether a key is for an input method (中文, 日本語): then it must have no other effect.
 * Safari ends the composition before the keydown of its Enter, which then has no `isComposing`, but the key code 229.
 */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229
}

/** Enter sends; with Shift or Alt it is a line break. */
export function isSend(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !isComposing(event)
}

/** A digit is the key with that digit, whatever it types with Shift. */
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

const EDIT_NAMES = new Map(Object.entries(SHORTCUTS).map(([name, keys]) => [keys, name as EditName]))

/** On a Mac, shortcuts have Cmd instead of Ctrl: Ctrl+B and Ctrl+E move the caret. */
const isMac = (): boolean => /^(?:Mac|iP)/.test(navigator.platform)

/** The edit of a keyboard shortcut; undefined for any other keys. */
export function editFor(event: KeyboardEvent): EditName | undefined {
  const isCommand = isMac() ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey
  if (!isCommand || event.altKey) return undefined
  return EDIT_NAMES.get(`${event.shiftKey ? 'Shift+' : ''}${keyOf(event)}`)
}

/** The Latin letter that a key types; in a layout without Latin letters (Русский), the letter at the same position of a US keyboard. */
function keyOf({ key, code }: KeyboardEvent): string {
  return /^[a-z]$/i.test(key) ? key.toUpperCase() : code.replace(/^(?:Key|Digit)/, '')
}

/** A shortcut in the format of `aria-keyshortcuts`, and as text for people. */
export function shortcut(name: EditName): { aria: string; shown: string } {
  const keys = SHORTCUTS[name]
  if (!isMac()) return { aria: `Control+${keys}`, shown: `Ctrl+${keys}` }
  return { aria: `Meta+${keys}`, shown: `⌘${keys.replace('Shift+', '⇧')}` }
}
