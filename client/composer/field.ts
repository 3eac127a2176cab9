/** Reads the text and selection of a text field, and writes them so that the browser's undo still works. */
import type { Passage } from './passage.ts'

export function passageIn({ value, selectionStart, selectionEnd }: HTMLTextAreaElement): Passage {
  return { text: value, start: selectionStart, end: selectionEnd }
}

/** Sets the text and selection of a field, as one undo step. Fires `input`, as typing does. */
export function write(field: HTMLTextAreaElement, { text, start, end }: Passage): void {
  field.focus()
  if (text !== field.value) {
    const [from, to, by] = difference(field.value, text)
    field.setSelectionRange(from, to)
    // Deprecated, but the only way to change a field that adds an undo step in every browser.
    const done = by === '' ? document.execCommand('delete') : document.execCommand('insertText', false, by)
    if (!done) {
      field.setRangeText(by, from, to)
      field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))
    }
  }
  field.setSelectionRange(start, end)
}

/** The smallest part of the text that has to be replaced, and its replacement: undo then selects only that part. */
function difference(before: string, after: string): [from: number, to: number, by: string] {
  const shorter = Math.min(before.length, after.length)
  let from = 0
  while (from < shorter && before[from] === after[from]) from++
  if (isInSurrogatePair(before, from) || isInSurrogatePair(after, from)) from--
  let same = 0
  while (same < shorter - from && before.at(-1 - same) === after.at(-1 - same)) same++
  if (isInSurrogatePair(before, before.length - same) || isInSurrogatePair(after, after.length - same)) same--
  return [from, before.length - same, after.slice(from, after.length - same)]
}

/** Whether this index is between the two surrogates of one character, such as an emoji. */
function isInSurrogatePair(text: string, at: number): boolean {
  return /^[\uDC00-\uDFFF]/.test(text.slice(at, at + 1)) && /[\uD800-\uDBFF]$/.test(text.slice(0, at))
}
