/**
 * What whole lines can be: lists, quotes, code between fences; and how a new line goes on with them.
 * Knows how lines begin; knows nothing of marks within a line.
 */
import { inserted, LINE_START, lineStart, moved, selectedIn, spread, wholeLines, type Edit, type Passage } from './passage.ts'

const FENCE = /^\s*(`{3,})/

/** What a whole line can be, by the sign before it. A list skips the blank lines, a quote would end at one. */
export const LINES = {
  list: { sign: '- ', start: /^[-*+] /, skipsBlank: true },
  quote: { sign: '> ', start: /^> ?/, skipsBlank: false },
} as const
export type LineKind = keyof typeof LINES

/** The lines of a selection, and which of them are to have the sign. */
function linesOf(passage: Passage, { skipsBlank }: (typeof LINES)[LineKind]): { line: string; isMeant: boolean }[] {
  const lines = selectedIn(wholeLines(passage)).split('\n')
  const skips = skipsBlank && lines.some(says)
  return lines.map((line) => ({ line, isMeant: !skips || says(line) }))
}

const says = (line: string): boolean => line.trim() !== ''

/** Whether all lines of a selection have the sign. */
export function hasLines(kind: LineKind, passage: Passage): boolean {
  return linesOf(passage, LINES[kind]).every(({ line, isMeant }) => !isMeant || LINES[kind].start.test(line))
}

/** Puts a sign before each line, or takes it away where all have it. */
export function toggleLines(kind: LineKind): Edit {
  const { sign, start } = LINES[kind]
  return (passage) => {
    const marked = hasLines(kind, passage)
    const change = (line: string): string => {
      if (marked) return line.replace(start, '')
      return start.test(line) ? line : sign + line
    }
    const lines = linesOf(passage, LINES[kind])
    const now = lines.map(({ line, isMeant }) => (isMeant ? change(line) : line))
    const block = wholeLines(passage)
    const made = spread(block, now.join('\n'))
    if (passage.start < passage.end) return made
    const shift = (now[0]?.length ?? 0) - (lines[0]?.line.length ?? 0)
    return moved(made, Math.max(block.start, passage.start + shift))
  }
}

/** The fences right around the lines of a selection, and all between. */
export function fenced(passage: Passage): Passage | undefined {
  const { text, start, end } = wholeLines(passage)
  const lineAt = (at: number): Passage => wholeLines({ text, start: at, end: at })
  if (start === 0 || end === text.length) return undefined
  const [before, after] = [lineAt(start - 1), lineAt(end + 1)]
  return FENCE.test(selectedIn(before)) && FENCE.test(selectedIn(after)) ? { text, start: before.start, end: after.end } : undefined
}

/** Fences the lines off as code, or takes the fences away. */
export function codeBlock(passage: Passage): Passage {
  const lines = wholeLines(passage)
  const said = selectedIn(lines)
  const block = fenced(passage)
  if (block) return spread(block, said)
  const fence = '`'.repeat(Math.max(3, longestRun(said) + 1))
  const start = lines.start + fence.length + 1
  return { ...spread(lines, `${fence}\n${said}\n${fence}`), start, end: start + said.length }
}

/** The longest row of backticks: what is to stand around it has to be longer. */
export const longestRun = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length))

/** Whether the caret is in fenced code, where a dash is a dash. */
export function isInCode({ text, start }: Passage): boolean {
  const before = text.slice(0, lineStart(text, start)).split('\n')
  return before.filter((line) => FENCE.test(line)).length % 2 === 1
}

/**
 * A new line in a list or a quote begins as the one before it; after an empty item it is out of the list, and a blank line
 * sees to that. Undefined where a line break is only that.
 */
export function continued(passage: Passage): Passage | undefined {
  const { text, start } = passage
  if (isInCode(passage)) return undefined
  const from = lineStart(text, start)
  const line = text.slice(from, start)
  const [begin = '', quote = '', item = ''] = LINE_START.exec(line) ?? []
  if (begin.trim() === '') return undefined
  const rest = text.slice(start, wholeLines(passage).end)
  if (line.trim() === begin.trim() && rest.trim() === '') {
    const left = item === '' || quote.trim() === '' ? '\n' : quote // an empty item in a quote is still in the quote
    return inserted({ text, start: from, end: start }, left)
  }
  const number = Number.parseInt(item, 10)
  const next = Number.isNaN(number) ? item : item.replace(/\d+/, String(number + 1))
  const made = `\n${quote}${quote !== '' && !/\s$/.test(quote) ? ' ' : ''}${next === '' ? '' : `${next} `}`
  return inserted(passage, made)
}

/** Quotes what somebody said, on lines of its own, with the caret below it, where the reply goes. */
export function quoted(passage: Passage, said: string): Passage {
  const before = passage.text.slice(0, passage.start)
  const gap = before === '' || before.endsWith('\n\n') ? '' : before.endsWith('\n') ? '\n' : '\n\n'
  const lines = said.trimEnd().split(/\r?\n/)
  return inserted(passage, `${gap}${lines.map((line) => `> ${line}`.trimEnd()).join('\n')}\n\n`)
}
