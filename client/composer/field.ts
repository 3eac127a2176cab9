/**
 * Between a text field and a passage: reading one, and writing one back so that the reader's own undo still works.
 * Knows the DOM's ways of editing; knows nothing of what is edited.
 */
import type { Passage } from './passage.ts'

export function passageIn({ value, selectionStart, selectionEnd }: HTMLTextAreaElement): Passage {
  return { text: value, start: selectionStart, end: selectionEnd }
}

/** Makes the field as the passage says, as one step that undo takes back, and puts the cursor there. Fires `input` as typing does. */
export function write(field: HTMLTextAreaElement, { text, start, end }: Passage): void {
  field.focus()
  if (text !== field.value) {
    const [from, to, by] = difference(field.value, text)
    field.setSelectionRange(from, to)
    // Of the ways to change a field this old one alone is known to every browser's undo.
    const done = by === '' ? document.execCommand('delete') : document.execCommand('insertText', false, by)
    if (!done) {
      field.setRangeText(by, from, to)
      field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))
    }
  }
  field.setSelectionRange(start, end)
}

/** What to replace, from where to where, and by what: the least, so that undo shows what was changed. */
function difference(before: string, after: string): [from: number, to: number, by: string] {
  const most = Math.min(before.length, after.length)
  let from = 0
  while (from < most && before[from] === after[from]) from++
  if (isHalf(before, from) || isHalf(after, from)) from--
  let same = 0
  while (same < most - from && before.at(-1 - same) === after.at(-1 - same)) same++
  if (isHalf(before, before.length - same) || isHalf(after, after.length - same)) same--
  return [from, before.length - same, after.slice(from, after.length - same)]
}

/** Whether a place is in the middle of a character of two units, such as an emoji. */
function isHalf(text: string, at: number): boolean {
  return /^[\uDC00-\uDFFF]/.test(text.slice(at, at + 1)) && /[\uD800-\uDBFF]$/.test(text.slice(0, at))
}
