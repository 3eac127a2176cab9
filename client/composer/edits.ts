/** The edits of the toolbar and the keyboard shortcuts, which write Markdown: one table by name. Pure functions of a text and its selection. */
import { codeBlock, fenced, hasLines, LINES, longestRun, toggleLines, type LineKind } from './lines.ts'
import { link } from './links.ts'
import { has, MARKS, toggle, type Mark } from './marks.ts'
import { selectedIn, spread, type Edit, type Passage } from './passage.ts'

/** A code span in a line, a code block for several lines. Text with backticks needs more of them around it. */
function code(passage: Passage): Passage {
  const selected = selectedIn(passage)
  if (selected.includes('\n') || fenced(passage)) return codeBlock(passage)
  const [, inner = ''] = /^``+ (.*) ``+$/.exec(selected) ?? []
  if (inner.includes('`')) return spread(passage, inner)
  if (!selected.includes('`') || has(passage, 'code')) return toggle('code')(passage)
  const sign = '`'.repeat(longestRun(selected) + 1)
  return spread(passage, `${sign} ${selected} ${sign}`)
}

export const EDITS = {
  bold: toggle('bold'),
  italic: toggle('italic'),
  underline: toggle('underline'),
  strike: toggle('strike'),
  code,
  link,
  list: toggleLines('list'),
  quote: toggleLines('quote'),
  codeBlock,
} satisfies Record<string, Edit>

export type EditName = keyof typeof EDITS

/** Whether the selection has this format, so that the edit would remove it. Never for edits that always insert something. */
export function isApplied(name: EditName, passage: Passage): boolean {
  if (name in MARKS) return has(passage, name as Mark)
  if (name in LINES) return hasLines(name as LineKind, passage)
  return name === 'codeBlock' && fenced(passage) !== undefined
}
