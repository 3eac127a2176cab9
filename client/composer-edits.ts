/**
 * What the toolbar and the keys do to a text: bold, lists, links, code, quotes, as Markdown.
 * Pure: a passage goes in, a new one comes out. Knows no field, no key and no page.
 */

/** A text and what is selected of it, as a text field counts: UTF-16 units. */
export interface Passage {
  readonly text: string
  readonly start: number
  readonly end: number
}

export type Edit = (passage: Passage) => Passage

/** Marks that stand on both sides of what they change. One asterisk, and not `_`, which is a letter inside a Chinese sentence. */
const MARKS = { bold: '**', italic: '*', underline: '++', strike: '~~', code: '`' } as const
type Mark = keyof typeof MARKS

/** What a line begins with that is no part of what it says: quotes, then a bullet or a number. */
const LINE_START = /^(\s*(?:>[ \t]?)*)(?:([-*+]|\d{1,9}[.)])[ \t]+)?/
const FENCE = /^\s*(`{3,})/

const replaced = ({ text }: Passage, from: number, to: number, by: string): string => text.slice(0, from) + by + text.slice(to)
const selectedIn = ({ text, start, end }: Passage): string => text.slice(start, end)

/** From the start of the first line that is touched to the end of the last; line ends that were selected after it do not count. */
function wholeLines({ text, start, end }: Passage): Passage {
  let last = end
  while (last > start && text[last - 1] === '\n') last--
  const close = text.indexOf('\n', last)
  return { text, start: text.lastIndexOf('\n', start - 1) + 1, end: close === -1 ? text.length : close }
}

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
  const line = text.lastIndexOf('\n', start - 1) + 1
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
function has(passage: Passage, mark: Mark): boolean {
  return pieces(passage).every((piece) => isMarked(within(piece, mark), mark))
}

/** Marks the selection, or takes the mark away where all of it is marked. What was selected stays selected. */
function toggle(mark: Mark): Edit {
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

const moved = ({ text }: Passage, at: number): Passage => ({ text, start: at, end: at })

/** Whether the caret stands before a mark that ends what it is in: `**bold|**`. The key that began it leaves it. */
function closesHere({ text, start }: Passage, sign: string): boolean {
  const char = sign.charAt(0)
  if (runAfter(text, start, char) !== sign.length || text[start - 1] === char) return false
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
  const runs = line.match(new RegExp(`\\${char}+`, 'g')) ?? []
  return runs.filter((run) => run.length === sign.length).length % 2 === 1
}

/** What a whole line can be, by the sign before it. A list skips the blank lines, a quote would end at one. */
const LINES = {
  list: { sign: '- ', start: /^[-*+] /, skipsBlank: true },
  quote: { sign: '> ', start: /^> ?/, skipsBlank: false },
} as const
type LineKind = keyof typeof LINES

/** The lines of a selection, and which of them are to have the sign. */
function linesOf(passage: Passage, { skipsBlank }: (typeof LINES)[LineKind]): { line: string; isMeant: boolean }[] {
  const lines = selectedIn(wholeLines(passage)).split('\n')
  const skips = skipsBlank && lines.some(says)
  return lines.map((line) => ({ line, isMeant: !skips || says(line) }))
}

const says = (line: string): boolean => line.trim() !== ''

function hasLines(kind: LineKind, passage: Passage): boolean {
  return linesOf(passage, LINES[kind]).every(({ line, isMeant }) => !isMeant || LINES[kind].start.test(line))
}

/** Puts a sign before each line, or takes it away where all have it. */
function toggleLines(kind: LineKind): Edit {
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
    const made = spread(block, now.join('\n'), '')
    if (passage.start < passage.end) return made
    const shift = (now[0]?.length ?? 0) - (lines[0]?.line.length ?? 0)
    return moved(made, Math.max(block.start, passage.start + shift))
  }
}

/** The fences right around the lines of a selection, and all between. */
function fenced(passage: Passage): Passage | undefined {
  const { text, start, end } = wholeLines(passage)
  const lineAt = (at: number): Passage => wholeLines({ text, start: at, end: at })
  if (start === 0 || end === text.length) return undefined
  const [before, after] = [lineAt(start - 1), lineAt(end + 1)]
  return FENCE.test(selectedIn(before)) && FENCE.test(selectedIn(after)) ? { text, start: before.start, end: after.end } : undefined
}

/** Fences the lines off as code, or takes the fences away. */
function codeBlock(passage: Passage): Passage {
  const lines = wholeLines(passage)
  const said = selectedIn(lines)
  const block = fenced(passage)
  if (block) return spread(block, said, '')
  const fence = '`'.repeat(Math.max(3, longestRun(said) + 1))
  const start = lines.start + fence.length + 1
  return { ...spread(lines, `${fence}\n${said}\n${fence}`, ''), start, end: start + said.length }
}

const longestRun = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length))

/** A span in a line; lines are fenced off. A backtick inside asks for more of them outside. */
function code(passage: Passage): Passage {
  const said = selectedIn(passage)
  if (said.includes('\n') || fenced(passage)) return codeBlock(passage)
  const [, inner] = /^``+ (.*`.*) ``+$/.exec(said) ?? []
  if (inner !== undefined) return spread(passage, inner, '')
  if (!said.includes('`') || has(passage, 'code')) return toggle('code')(passage)
  const sign = '`'.repeat(longestRun(said) + 1)
  return spread(passage, `${sign} ${said} ${sign}`, '')
}

/** Puts something in place of the selection, and selects it, but for what comes last. */
function spread(passage: Passage, by: string, rest: string): Passage {
  const { start, end } = passage
  return { text: replaced(passage, start, end, by + rest), start, end: start + by.length }
}

/** An address as people paste it, and nothing else around it. */
function isAddress(text: string): boolean {
  return /^(?:https?:\/\/|mailto:)\S+$/i.test(text)
}

const LINK = /^\[((?:\\.|[^\\[\]])*)\]\(([^()\s]*)\)$/

/** `[selected](|)`: the address is the next thing to type. A link that is selected becomes its text again. */
function link(passage: Passage): Passage {
  const said = selectedIn(passage)
  const [, label] = LINK.exec(said) ?? []
  if (label !== undefined) return spread(passage, unescaped(label), '')
  const { text, start, end } = passage
  const [around = ''] = /^\]\([^()\s]*\)/.exec(text.slice(end)) ?? []
  if (text[start - 1] === '[' && around !== '') {
    return {
      text: replaced(passage, start - 1, end + around.length, unescaped(said)),
      start: start - 1,
      end: start - 1 + unescaped(said).length,
    }
  }
  if (isAddress(said)) return moved(spread(passage, `[](${inLink(said)})`, ''), start + 1)
  const opened = `[${escaped(said)}](`
  return moved(spread(passage, opened, ')'), said === '' ? start + 1 : start + opened.length)
}

/**
 * A pasted address over a selection makes it a link; undefined where pasting should do what it always does:
 * nothing is selected, something else is pasted, or what is selected is an address or more than a line.
 */
export function linkTo(address: string, passage: Passage): Passage | undefined {
  const said = selectedIn(passage)
  const url = address.trim()
  if (said.trim() === '' || said.includes('\n') || !isAddress(url) || isAddress(said) || isInCode(passage)) return undefined
  const made = `[${escaped(said)}](${inLink(url)})`
  return moved(spread(passage, made, ''), passage.start + made.length)
}

const escaped = (label: string): string => label.replaceAll(/[[\]\\]/g, String.raw`\$&`)
const unescaped = (label: string): string => label.replaceAll(/\\([[\]\\])/g, '$1')
const inLink = (url: string): string => url.replaceAll('(', '%28').replaceAll(')', '%29')

/** Whether the caret is in fenced code, where a dash is a dash. */
function isInCode({ text, start }: Passage): boolean {
  const before = text.slice(0, text.lastIndexOf('\n', start - 1) + 1).split('\n')
  return before.filter((line) => FENCE.test(line)).length % 2 === 1
}

/**
 * A new line in a list or a quote begins as the one before it; after an empty item it is out of the list, and a blank line
 * sees to that. Undefined where a line break is only that.
 */
export function continued(passage: Passage): Passage | undefined {
  const { text, start } = passage
  if (isInCode(passage)) return undefined
  const from = text.lastIndexOf('\n', start - 1) + 1
  const line = text.slice(from, start)
  const [begin = '', quote = '', item = ''] = LINE_START.exec(line) ?? []
  if (begin.trim() === '') return undefined
  const rest = text.slice(start, wholeLines(passage).end)
  if (line.trim() === begin.trim() && rest.trim() === '') {
    const left = item === '' || quote.trim() === '' ? '\n' : quote // an empty item in a quote is still in the quote
    return moved({ text: replaced(passage, from, start, left), start, end: start }, from + left.length)
  }
  const number = Number.parseInt(item, 10)
  const next = Number.isNaN(number) ? item : item.replace(/\d+/, String(number + 1))
  const made = `\n${quote}${quote !== '' && !/\s$/.test(quote) ? ' ' : ''}${next === '' ? '' : `${next} `}`
  return moved({ text: replaced(passage, start, passage.end, made), start, end: start }, start + made.length)
}

/** Puts something in place of the selection, and the caret behind it. */
export function inserted(passage: Passage, by: string): Passage {
  return moved(spread(passage, by, ''), passage.start + by.length)
}

/** Quotes what somebody said, on lines of its own, with the caret below it, where the reply goes. */
export function quoted(passage: Passage, said: string): Passage {
  const before = passage.text.slice(0, passage.start)
  const gap = before === '' || before.endsWith('\n\n') ? '' : before.endsWith('\n') ? '\n' : '\n\n'
  const lines = said.trimEnd().split(/\r?\n/)
  return inserted(passage, `${gap}${lines.map((line) => `> ${line}`.trimEnd()).join('\n')}\n\n`)
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
