/**
 * Turns the HTML that a rich-text editor posts (ExtJS 4 in the tutorial) into Markdown, so that a room holds source text only.
 * Knows how Markdown is written. Does not check that it is safe: renderMarkdown does that for all Markdown, also for this.
 * It is loaded when somebody posts HTML: most servers never need turndown and htmlparser2.
 */
import TurndownService from 'turndown'
import { isHtml, sieve } from './sieve.ts'

/**
 * The HTML of a rich editor as Markdown. A text without HTML in it comes through unchanged, but for the invisible U+200B
 * with which the ExtJS editor begins an empty document. Never throws; scripts, styles and comments are removed with their text.
 *
 * @example
 * toMarkdown('<b>重要！</b>请看 <u>this</u><br>now') // '**重要！**请看 ++this++\nnow'
 * toMarkdown('1 * 2 < 3') // '1 * 2 < 3'
 */
export function toMarkdown(text: string): string {
  if (!isHtml(text)) return withoutEnds(text)
  const sieved = sieve(text)
  if ('text' in sieved) return sieved.text.split('\n').map(escapeText).join('\n')
  return turndown
    .turndown(withJoints(sieved.html))
    .replaceAll(/(?<![ \t])[ \t]+$/gm, '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

/** Without U+200B at its start and its end. */
function withoutEnds(text: string): string {
  let [start, end] = [0, text.length]
  while (text[start] === '\u200b') start += 1
  while (end > start && text[end - 1] === '\u200b') end -= 1
  return text.slice(start, end)
}

const LETTER = String.raw`[[\p{L}\p{N}\u200b]--[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}]]`
const SIGN = String.raw`[[\p{P}\p{S}]--[<>]]`
const BETWEEN_MARKS = /(?<=<\/[bi]>)(?=<[bi]>)/g
const BEFORE_SIGN = new RegExp(`(?<=${LETTER}(?:<[bius]>){1,20})(?=<(?:[abius]|code)\\b|${SIGN})`, 'gv')
const AFTER_SIGN = new RegExp(`(?<=${SIGN}|</(?:[abius]|code)>)(?=(?:</[bius]>){1,20}${LETTER})`, 'gv')

/**
 * Adds the invisible U+200B, which for CommonMark is neither space nor punctuation, where a mark would not be recognized without it: with a
 * letter outside and a sign inside, as in `**"so"**then`, and between two marks of asterisks. (Chinese, Japanese and Korean letters do not
 * need it here.)
 */
function withJoints(html: string): string {
  return [BETWEEN_MARKS, BEFORE_SIGN, AFTER_SIGN].reduce((joined, where) => joined.replaceAll(where, '\u200b'), html)
}

const turndown = new TurndownService({
  headingStyle: 'atx',
  hr: '---',
  br: ' ', // otherwise Turndown would join several line ends in a row; the space is removed above
  codeBlockStyle: 'fenced',
  blankReplacement: (_, node) => ('isBlock' in node && node.isBlock === true ? '\n' : ''),
})
turndown.escape = escapeText

for (const [element, delimiter] of Object.entries({ b: '**', i: '*', u: '++', s: '~~' })) {
  turndown.addRule(element, { filter: (node) => nameOf(node) === element, replacement: (content) => mark(content, delimiter) })
}
// The last <br> of a line shows nothing, unless the line is empty otherwise.
turndown.addRule('line', { filter: 'div', replacement: (content) => `\n${content.replace(/(?<=\S) \n$/, '')}\n` })
turndown.addRule('code in a line', {
  filter: (node) => nameOf(node) === 'code' && nameOf(node.parentNode) !== 'pre',
  replacement: (content) => code(content),
})
turndown.addRule('link', { filter: 'a', replacement: (content, node) => link(content, node) })
turndown.addRule('item', { filter: 'li', replacement: (content, node) => item(content, node) })
turndown.addRule('inner list', {
  filter: (node) => /^[uo]l$/.test(nameOf(node)) && /^(?:li|[uo]l)$/.test(nameOf(node.parentNode)),
  // Chrome's editor nests a list in a list, with no item between.
  replacement: (content, node) => `\n${indented(content, nameOf(node.parentNode) === 'li' ? '' : '   ')}\n`,
})

const nameOf = (node: Node | null): string => node?.nodeName.toLowerCase() ?? ''
const indented = (text: string, indent: string): string => text.trim().replaceAll(/^(?=.)/gm, indent)

/** Each line gets delimiters of its own, because emphasis ends with its paragraph. The markers of lists and quotes stay outside of them. */
function mark(content: string, delimiter: string): string {
  return content.replaceAll(/[^\n\r\u2028\u2029]+/g, (line) => {
    const [markers = ''] = /^(?:[ \t]|- |> |\d{1,9}\. |#{1,6} )*/.exec(line) ?? []
    const said = line.slice(markers.length)
    const end = endOf(said)
    return end === 0 || /^\s/.test(said) ? line : markers + delimiter + said.slice(0, end) + delimiter + said.slice(end)
  })
}

/** The length of a line without the spaces at its end. */
function endOf(line: string): number {
  let end = line.length
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end -= 1
  return end
}

/** Code in backticks: as many in a row as the code itself does not contain. */
function code(content: string): string {
  if (content === '') return ''
  const line = content.replaceAll(/\r?\n|\r/g, ' ')
  const runs = new Set((line.match(/`+/g) ?? []).map((run) => run.length))
  let length = 1
  while (runs.has(length)) length += 1
  const fence = '`'.repeat(length)
  const losesBlanks = line.startsWith(' ') && line.endsWith(' ') && line.trim() !== ''
  const gap = losesBlanks || line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return fence + gap + line + gap + fence
}

function item(content: string, node: Element): string {
  const marker = nameOf(node.parentNode) === 'ol' ? `${place(node)}. ` : '- '
  return `\n${marker}${indented(content, ' '.repeat(marker.length)).trimStart()}\n`
}

const places = new WeakMap<Element, number>()

/** The number of an item in its list. The number of the one before it is remembered. */
function place(node: Element): number {
  let at = Number(node.parentElement?.getAttribute('start'))
  let steps = 0
  for (let before = node.previousElementSibling; before !== null; before = before.previousElementSibling) {
    steps += 1
    const known = places.get(before)
    if (known === undefined) continue
    at = known
    break
  }
  places.set(node, at + steps)
  return at + steps
}

function link(content: string, node: Element): string {
  const url = node.getAttribute('href') ?? ''
  const lines = content.split('\n').map((line) => line.trim())
  const text = lines.filter((line) => line !== '').join(' ')
  if (text === '') return ''
  if (node.textContent?.trim() === url) return bare(url)
  // Other brackets are escaped, and a link in a link is only its address.
  return `[${text.replaceAll(/<(https?:[^<>]*)>/g, '$1').replaceAll(/(?<!\\)[[\]]/g, '\\$&')}](${url})`
}

/** An address stays as linkify recognizes it. In other text, what Markdown would interpret gets a backslash. */
function escapeText(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>\u200b]+)/)
    .map((part, index) => (index % 2 === 1 ? bare(part) : escapeWords(part)))
    .join('')
}

/** An address that contains Markdown's characters is put in angle brackets, where they have no meaning. */
const bare = (url: string): string => (escapeWords(url) === url ? url : `<${url}>`)

/** What Markdown would interpret, and no more than that, because people read the file, too. */
const MARKDOWN = new RegExp(
  [
    /\\(?=[!-/:-@[-`{-~]|$)/u, // C:\dir is as it looks
    /(?<!\s)\*|\*(?!\s)/u, // so is 1 * 2,
    /(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/u, // snake_case,
    /\+(?=\+(?!\s))|(?<=\+)\+(?!\s)|^\+|\+$/u, // C++ and so on,
    /~(?=~)|(?<=~)~|^~|~$/u, // and ~ alone
    /`|\](?=\(|$)|&(?=#?\w+;)|<(?=[\w.+-]+[:@])/u,
    /^(?:-(?=\s|$)|>|#{1,6}(?=\s|$)|(?=[^-]*-)[|:\s-]+$)|(?<=^\d{1,9})[.)](?=\s|$)/u, // items, quotes, headings, rules, tables
  ]
    .map(({ source }) => source)
    .join('|'),
  'gu',
)

const escapeWords = (text: string): string => text.replaceAll(MARKDOWN, '\\$&')
