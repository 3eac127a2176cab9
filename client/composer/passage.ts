/**
 * A text and what is selected of it: what every edit takes and gives. Knows places in a text; knows no field, and nothing of Markdown.
 */

/** A text and what is selected of it, as a text field counts: UTF-16 units. */
export interface Passage {
  readonly text: string
  readonly start: number
  readonly end: number
}

export type Edit = (passage: Passage) => Passage

/** What is selected. */
export const selectedIn = ({ text, start, end }: Passage): string => text.slice(start, end)

/** With the caret there and nothing selected. */
export const moved = ({ text }: Passage, at: number): Passage => ({ text, start: at, end: at })

/** Puts something in place of the selection, and selects it, but for what comes last. */
export function spread({ text, start, end }: Passage, by: string, rest = ''): Passage {
  return { text: text.slice(0, start) + by + rest + text.slice(end), start, end: start + by.length }
}

/** Puts something in place of the selection, and the caret behind it. */
export function inserted(passage: Passage, by: string): Passage {
  return moved(spread(passage, by), passage.start + by.length)
}

/** Where the line begins that a place is in. */
export function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}

/** From the start of the first line that is touched to the end of the last; line ends that were selected after it do not count. */
export function wholeLines({ text, start, end }: Passage): Passage {
  let last = end
  while (last > start && text[last - 1] === '\n') last--
  const close = text.indexOf('\n', last)
  return { text, start: lineStart(text, start), end: close === -1 ? text.length : close }
}

/** What a line begins with that is no part of what it says: quotes, then a bullet or a number. */
export const LINE_START = /^(\s*(?:>[ \t]?)*)(?:([-*+]|\d{1,9}[.)])[ \t]+)?/
