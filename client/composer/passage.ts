/** A text and its selection: what every edit takes and returns. */

/** A text and its selection, in UTF-16 units as in a text field. `start` and `end` are equal for a caret. */
export interface Passage {
  readonly text: string
  readonly start: number
  readonly end: number
}

export type Edit = (passage: Passage) => Passage

export const selectedIn = ({ text, start, end }: Passage): string => text.slice(start, end)

/** With a caret and no selection. */
export const moved = ({ text }: Passage, at: number): Passage => ({ text, start: at, end: at })

/** Replaces the selection by two texts, and selects the first of them. */
export function spread({ text, start, end }: Passage, by: string, rest = ''): Passage {
  return { text: text.slice(0, start) + by + rest + text.slice(end), start, end: start + by.length }
}

/** Replaces the selection, with the caret after the new text. */
export function inserted(passage: Passage, by: string): Passage {
  return moved(spread(passage, by), passage.start + by.length)
}

/** Where the line of a position begins. */
export function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}

/** Extends the selection to whole lines. Line breaks at the end of the selection do not count. */
export function wholeLines({ text, start, end }: Passage): Passage {
  let last = end
  while (last > start && text[last - 1] === '\n') last--
  const close = text.indexOf('\n', last)
  return { text, start: lineStart(text, start), end: close === -1 ? text.length : close }
}

/** The prefix of a line: of quotes, then of a list item. */
export const LINE_START = /^(\s*(?:>[ \t]?)*)(?:([-*+]|\d{1,9}[.)])[ \t]+)?/
