/**
 * Bold, italic, underline, strike and code: marks that stand on both sides of what they change.
 * Knows how marks meet and nest; knows nothing of lists, quotes and fences, but that a mark does not reach over the end of a line.
 */
import { LINE_START, lineStart, moved, selectedIn, type Edit, type Passage } from './passage.ts'

/** One asterisk, and not `_`, which is a letter inside a Chinese sentence. */
export const MARKS = { bold: '**', italic: '*', underline: '++', strike: '~~', code: '`' } as const
export type Mark = keyof typeof MARKS

/** The runs of a sign before and after a place: `***|` and `|***`. */
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

/** Whether a run of signs on both sides means this mark: `**` and `***` are bold, `*` and `***` italic. */
function means(mark: Mark, run: number): boolean {
  if (mark === 'italic') return run % 2 === 1
  return run >= MARKS[mark].length
}

/** A piece of one line without the spaces at its ends, beside which a mark would be no mark, and without what starts the line. */
function kernel({ text, start, end }: Passage): Passage {
  const line = lineStart(text, start)
  const begin = LINE_START.exec(text.slice(line, end))?.[0].length ?? 0
  const from = Math.min(end, Math.max(start, line + begin))
  const piece = text.slice(from, end)
  const lead = piece.length - piece.trimStart().length
  return { text, start: from + (lead === piece.length ? 0 : lead), end: from + Math.max(0, piece.trimEnd().length) }
}

/** A piece with its marks outside of it, if it has them: `**a**` all selected is `a` with marks around. */
function within(piece: Passage, mark: Mark): Passage {
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

/** The parts of a selection line by line: a mark does not reach over the end of a paragraph or a list item. */
function pieces(passage: Passage): Passage[] {
  let at = passage.start
  const all = selectedIn(passage)
    .split('\n')
    .map((line) => {
      const start = at
      at += line.length + 1
      return kernel({ text: passage.text, start, end: start + line.length })
    })
  const said = all.filter(({ start, end }) => end > start)
  return said.length > 0 ? said : [{ text: passage.text, start: passage.start, end: passage.start }]
}

/** Whether the whole selection has this mark, so that the next press takes it away. */
export function has(passage: Passage, mark: Mark): boolean {
  return pieces(passage).every((piece) => isMarked(within(piece, mark), mark))
}

/** Marks the selection, or takes the mark away where all of it is marked. What was selected stays selected. */
export function toggle(mark: Mark): Edit {
  const sign = MARKS[mark]
  return (passage) => {
    if (passage.start === passage.end && closesHere(passage, sign)) return moved(passage, passage.start + sign.length)
    const inner = pieces(passage).map((piece) => within(piece, mark))
    const marked = inner.every((piece) => isMarked(piece, mark))
    const changed = marked ? inner : inner.filter((piece) => !isMarked(piece, mark))
    return marked ? unwrapped(passage.text, changed, sign) : wrapped(passage.text, changed, sign)
  }
}

/** Of one piece what it says stays selected; of several all, with the marks, so that the next press finds each of them. */
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

/** Whether the caret stands before a mark that ends what it is in: `**bold|**`. The key that began it leaves it. */
function closesHere({ text, start }: Passage, sign: string): boolean {
  const char = sign.charAt(0)
  if (runAfter(text, start, char) !== sign.length || text[start - 1] === char) return false
  const line = text.slice(lineStart(text, start), start)
  const runs = line.match(new RegExp(`\\${char}+`, 'g')) ?? []
  return runs.filter((run) => run.length === sign.length).length % 2 === 1
}
