/**
 * What the toolbar and the keys do to a text, as Markdown: one table of edits by name.
 * Pure: a passage goes in, a new one comes out. Knows no field, no key and no page.
 */
import { codeBlock, fenced, hasLines, LINES, longestRun, toggleLines, type LineKind } from './lines.ts'
import { link } from './links.ts'
import { has, MARKS, toggle, type Mark } from './marks.ts'
import { selectedIn, spread, type Edit, type Passage } from './passage.ts'

/** A span in a line; lines are fenced off. A backtick inside asks for more of them outside. */
function code(passage: Passage): Passage {
  const said = selectedIn(passage)
  if (said.includes('\n') || fenced(passage)) return codeBlock(passage)
  const [, inner = ''] = /^``+ (.*) ``+$/.exec(said) ?? []
  if (inner.includes('`')) return spread(passage, inner)
  if (!said.includes('`') || has(passage, 'code')) return toggle('code')(passage)
  const sign = '`'.repeat(longestRun(said) + 1)
  return spread(passage, `${sign} ${said} ${sign}`)
}

/** What the toolbar can do, by name. */
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

/** Whether an edit would take away what is there; those that make something new each time never do. */
export function isApplied(name: EditName, passage: Passage): boolean {
  if (name in MARKS) return has(passage, name as Mark)
  if (name in LINES) return hasLines(name as LineKind, passage)
  return name === 'codeBlock' && fenced(passage) !== undefined
}
