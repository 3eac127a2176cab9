/** Edits of bold, italic, underline, strike and code: marks before and after a text, within one line. The edits of whole lines are in lines.ts. */
import { LINE_START, lineStart, moved, selectedIn, type Edit, type Passage } from './passage.ts'

/** Italic is `*`: an `_` between Chinese characters would not be recognized as a mark. */
export const MARKS = { bold: '**', italic: '*', underline: '++', strike: '~~', code: '`' } as const
export type Mark = keyof typeof MARKS

/** The number of equal characters directly before and after a position: `***|` and `|***`. */
function runBefore(text: string, at: number, sign: string): number {
  let from = at
  while (text[from - 1] === sign) from--
  return at - from
}

function runAfter(text: string, at: number, sign: string): number {
  let to = at
  while (text[to] === sign) to++
  return to - at
}

/** Whether so many characters on both sides are this mark: `**` and `***` are bold, `*` and `***` italic. */
function means(mark: Mark, run: number): boolean {
  if (mark === 'italic') return run % 2 === 1
  return run >= MARKS[mark].length
}

/** A part of one line without its prefix, and without spaces at its ends: next to a space, a mark is not recognized. */
function trimmed({ text, start, end }: Passage): Passage {
  const line = lineStart(text, start)
  const begin = LINE_START.exec(text.slice(line, end))?.[0].length ?? 0
  const from = Math.min(end, Math.max(start, line + begin))
  const piece = text.slice(from, end)
  const lead = piece.length - piece.trimStart().length
  return { text, start: from + (lead === piece.length ? 0 : lead), end: from + Math.max(0, piece.trimEnd().length) }
}

/** The part between the marks, if the marks are selected as well: for `**a**` it is `a`. */
function withoutMarks(piece: Passage, mark: Mark): Passage {
  const sign = MARKS[mark].charAt(0)
  const { text, start, end } = piece
  const run = Math.min(runAfter(text, start, sign), runBefore(text, end, sign))
  if (end - start <= 2 * run || !means(mark, run)) return piece
  const inner = { text, start: start + run, end: end - run }
  const foreign = mark === 'italic' ? selectedIn(inner).replaceAll('**', '') : selectedIn(inner)
  return foreign.includes(MARKS[mark]) ? piece : inner // `**a** and **b**` is not one bold text
}

function isMarked({ text, start, end }: Passage, mark: Mark): boolean {
  const sign = MARKS[mark].charAt(0)
  return means(mark, Math.min(runBefore(text, start, sign), runAfter(text, end, sign)))
}

/** The selected part of each line: a mark cannot span several paragraphs or list items. */
function pieces(passage: Passage): Passage[] {
  let at = passage.start
  const all = selectedIn(passage)
    .split('\n')
    .map((line) => {
      const start = at
      at += line.length + 1
      return trimmed({ text: passage.text, start, end: start + line.length })
    })
  const nonEmpty = all.filter(({ start, end }) => end > start)
  return nonEmpty.length > 0 ? nonEmpty : [{ text: passage.text, start: passage.start, end: passage.start }]
}

/** Whether all of the selection has this mark, so that `toggle` would remove it. */
export function has(passage: Passage, mark: Mark): boolean {
  return pieces(passage).every((piece) => isMarked(withoutMarks(piece, mark), mark))
}

/** Adds the mark to the selection, or removes it if all of it has the mark. The same text stays selected. */
export function toggle(mark: Mark): Edit {
  const sign = MARKS[mark]
  return (passage) => {
    if (passage.start === passage.end && closesHere(passage, sign)) return moved(passage, passage.start + sign.length)
    const inner = pieces(passage).map((piece) => withoutMarks(piece, mark))
    const marked = inner.every((piece) => isMarked(piece, mark))
    const changed = marked ? inner : inner.filter((piece) => !isMarked(piece, mark))
    return marked ? unwrapped(passage.text, changed, sign) : wrapped(passage.text, changed, sign)
  }
}

/** One piece stays selected without its marks; several with all marks, so that the next `toggle` finds them. */
function wrapped(text: string, inner: Passage[], sign: string): Passage {
  const now = inner.reduceRight(
    (made, { start, end }) => made.slice(0, start) + sign + text.slice(start, end) + sign + made.slice(end),
    text,
  )
  const edge = inner.length > 1 ? sign.length : 0
  return { text: now, start: firstOf(inner) + sign.length - edge, end: lastOf(inner) + sign.length * (2 * inner.length - 1) + edge }
}

function unwrapped(text: string, inner: Passage[], sign: string): Passage {
  const away = sign.length
  const now = inner.reduceRight(
    (made, { start, end }) => made.slice(0, start - away) + text.slice(start, end) + made.slice(end + away),
    text,
  )
  return { text: now, start: firstOf(inner) - away, end: lastOf(inner) - away * (2 * inner.length - 1) }
}

const firstOf = (inner: Passage[]): number => inner[0]?.start ?? 0
const lastOf = (inner: Passage[]): number => inner.at(-1)?.end ?? 0

/** Whether the caret is directly before a closing mark: `**bold|**`. Then the key moves the caret behind it. */
function closesHere({ text, start }: Passage, sign: string): boolean {
  const char = sign.charAt(0)
  if (runAfter(text, start, char) !== sign.length || text[start - 1] === char) return false
  const line = text.slice(lineStart(text, start), start)
  const runs = line.match(new RegExp(`\\${char}+`, 'g')) ?? []
  return runs.filter((run) => run.length === sign.length).length % 2 === 1
}
