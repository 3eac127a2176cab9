/** Edits of whole lines: lists, quotes and fenced code blocks, and how a new line continues them. Formats within a line are in marks.ts. */
import { inserted, LINE_START, lineStart, moved, selectedIn, spread, wholeLines, type Edit, type Passage } from './passage.ts'

const FENCE = /^\s*(`{3,})/

/** The prefixes of lines. Blank lines get none in a list; in a quote they do, since the quote would end there. */
export const LINES = {
  list: { prefix: '- ', start: /^[-*+] /, skipsBlank: true },
  quote: { prefix: '> ', start: /^> ?/, skipsBlank: false },
} as const
export type LineKind = keyof typeof LINES

/** The lines of a selection, and which of them get the prefix. */
function linesOf(passage: Passage, { skipsBlank }: (typeof LINES)[LineKind]): { line: string; getsPrefix: boolean }[] {
  const lines = selectedIn(wholeLines(passage)).split('\n')
  const skips = skipsBlank && lines.some(isText)
  return lines.map((line) => ({ line, getsPrefix: !skips || isText(line) }))
}

const isText = (line: string): boolean => line.trim() !== ''

/** Whether all lines of a selection have the prefix. */
export function hasLines(kind: LineKind, passage: Passage): boolean {
  return linesOf(passage, LINES[kind]).every(({ line, getsPrefix }) => !getsPrefix || LINES[kind].start.test(line))
}

/** Adds the prefix to each line, or removes it if all have it. */
export function toggleLines(kind: LineKind): Edit {
  const { prefix, start } = LINES[kind]
  return (passage) => {
    const hasPrefix = hasLines(kind, passage)
    const change = (line: string): string => {
      if (hasPrefix) return line.replace(start, '')
      return start.test(line) ? line : prefix + line
    }
    const lines = linesOf(passage, LINES[kind])
    const now = lines.map(({ line, getsPrefix }) => (getsPrefix ? change(line) : line))
    const block = wholeLines(passage)
    const made = spread(block, now.join('\n'))
    if (passage.start < passage.end) return made
    const shift = (now[0]?.length ?? 0) - (lines[0]?.line.length ?? 0)
    return moved(made, Math.max(block.start, passage.start + shift))
  }
}

/** The code block whose fences are directly before and after the lines of a selection, with the fences. */
export function fenced(passage: Passage): Passage | undefined {
  const { text, start, end } = wholeLines(passage)
  const lineAt = (at: number): Passage => wholeLines({ text, start: at, end: at })
  if (start === 0 || end === text.length) return undefined
  const [before, after] = [lineAt(start - 1), lineAt(end + 1)]
  return FENCE.test(selectedIn(before)) && FENCE.test(selectedIn(after)) ? { text, start: before.start, end: after.end } : undefined
}

/** Makes a code block of the lines, or removes its fences. */
export function codeBlock(passage: Passage): Passage {
  const lines = wholeLines(passage)
  const code = selectedIn(lines)
  const block = fenced(passage)
  if (block) return spread(block, code)
  const fence = '`'.repeat(Math.max(3, longestRun(code) + 1))
  const start = lines.start + fence.length + 1
  return { ...spread(lines, `${fence}\n${code}\n${fence}`), start, end: start + code.length }
}

/** The length of the longest run of backticks. A fence or a code span around the text needs more. */
export const longestRun = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length))

/** Whether the caret is in a fenced code block, where lines have no prefixes. */
export function isInCode({ text, start }: Passage): boolean {
  const before = text.slice(0, lineStart(text, start)).split('\n')
  return before.filter((line) => FENCE.test(line)).length % 2 === 1
}

/**
 * A new line in a list or a quote, with the same prefix as the current line. In an empty item it ends the list instead, with a blank line.
 * Undefined where there is no list or quote: then it is a usual line break.
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
    const left = item === '' || quote.trim() === '' ? '\n' : quote // a list in a quote ends, and the quote goes on
    return inserted({ text, start: from, end: start }, left)
  }
  const number = Number.parseInt(item, 10)
  const next = Number.isNaN(number) ? item : item.replace(/\d+/, String(number + 1))
  const made = `\n${quote}${quote !== '' && !/\s$/.test(quote) ? ' ' : ''}${next === '' ? '' : `${next} `}`
  return inserted(passage, made)
}

/** Inserts a text as a quote, on lines of its own, with the caret below it for the reply. */
export function quoted(passage: Passage, quote: string): Passage {
  const before = passage.text.slice(0, passage.start)
  const gap = before === '' || before.endsWith('\n\n') ? '' : before.endsWith('\n') ? '\n' : '\n\n'
  const lines = quote.trimEnd().split(/\r?\n/)
  return inserted(passage, `${gap}${lines.map((line) => `> ${line}`.trimEnd()).join('\n')}\n\n`)
}
