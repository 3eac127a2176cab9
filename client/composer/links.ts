/** Links: made of what is selected, of what is pasted, and unmade. Knows how an address is written in Markdown, and nothing else of it. */
import { isInCode } from './lines.ts'
import { inserted, moved, selectedIn, spread, type Passage } from './passage.ts'

/** An address as people paste it, and nothing else around it. */
function isAddress(text: string): boolean {
  return /^(?:https?:\/\/|mailto:)\S+$/i.test(text)
}

const LINK = /^\[((?:\\.|[^\\[\]])*)\]\(([^()\s]*)\)$/

/** `[selected](|)`: the address is the next thing to type. A link that is selected becomes its text again. */
export function link(passage: Passage): Passage {
  const said = selectedIn(passage)
  const [, label] = LINK.exec(said) ?? []
  if (label !== undefined) return spread(passage, unescaped(label))
  const { text, start, end } = passage
  const [around = ''] = /^\]\([^()\s]*\)/.exec(text.slice(end)) ?? []
  if (text[start - 1] === '[' && around !== '') {
    return spread({ text, start: start - 1, end: end + around.length }, unescaped(said))
  }
  if (isAddress(said)) return moved(spread(passage, `[](${inLink(said)})`), start + 1)
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
  return inserted(passage, `[${escaped(said)}](${inLink(url)})`)
}

const escaped = (label: string): string => label.replaceAll(/[[\]\\]/g, String.raw`\$&`)
const unescaped = (label: string): string => label.replaceAll(/\\([[\]\\])/g, '$1')
const inLink = (url: string): string => url.replaceAll('(', '%28').replaceAll(')', '%29')
