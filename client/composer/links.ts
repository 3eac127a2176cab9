/** Edits of links: from a selection, from a pasted address, and back to text. */
import { isInCode } from './lines.ts'
import { inserted, moved, selectedIn, spread, type Passage } from './passage.ts'

/** Whether a text is one address and nothing else. */
function isAddress(text: string): boolean {
  return /^(?:https?:\/\/|mailto:)\S+$/i.test(text)
}

const LINK = /^\[((?:\\.|[^\\[\]])*)\]\(([^()\s]*)\)$/

/** `[selected](|)`: the caret is where the address goes. If a link is selected, it becomes its text again. */
export function link(passage: Passage): Passage {
  const selected = selectedIn(passage)
  const [, label] = LINK.exec(selected) ?? []
  if (label !== undefined) return spread(passage, unescaped(label))
  const { text, start, end } = passage
  const [around = ''] = /^\]\([^()\s]*\)/.exec(text.slice(end)) ?? []
  if (text[start - 1] === '[' && around !== '') {
    return spread({ text, start: start - 1, end: end + around.length }, unescaped(selected))
  }
  if (isAddress(selected)) return moved(spread(passage, `[](${inLink(selected)})`), start + 1)
  const opened = `[${escaped(selected)}](`
  return moved(spread(passage, opened, ')'), selected === '' ? start + 1 : start + opened.length)
}

/**
 * An address that is pasted over a selection makes a link of it. Undefined where the paste is a usual one: without a selection, for any other
 * text, or if the selection is an address or has several lines.
 */
export function linkTo(address: string, passage: Passage): Passage | undefined {
  const selected = selectedIn(passage)
  const url = address.trim()
  if (selected.trim() === '' || selected.includes('\n') || !isAddress(url) || isAddress(selected) || isInCode(passage)) return undefined
  return inserted(passage, `[${escaped(selected)}](${inLink(url)})`)
}

const escaped = (label: string): string => label.replaceAll(/[[\]\\]/g, String.raw`\$&`)
const unescaped = (label: string): string => label.replaceAll(/\\([[\]\\])/g, '$1')
const inLink = (url: string): string => url.replaceAll('(', '%28').replaceAll(')', '%29')
