/**
 * Messages and HTML, both ways: Markdown to HTML for clients that insert an answer as it comes, and the HTML that a
 * rich editor posts (ExtJS 4 in the tutorial) to Markdown, so that a room holds source text only.
 * Knows how editors write. Does not judge safety: renderMarkdown does that, and trusts no Markdown, ours included.
 */
import TurndownService from 'turndown'
import { renderMarkdown } from '../client/markdown.ts'

/** What editors write, by the one element that stands for it here. Every other tag is dropped and its text kept. */
const ELEMENTS = new Map(
  Object.entries({
    b: 'b strong',
    i: 'i em',
    u: 'u ins',
    s: 's strike del',
    a: 'a',
    br: 'br',
    p: 'p',
    div: 'div section article header footer main aside nav address center figure figcaption table caption tr dl dt dd form fieldset',
    ul: 'ul menu dir',
    ol: 'ol',
    li: 'li',
    blockquote: 'blockquote',
    pre: 'pre listing',
    code: 'code tt kbd samp',
    hr: 'hr',
    img: 'img',
    h1: 'h1',
    h2: 'h2',
    h3: 'h3',
    h4: 'h4 h5 h6',
  }).flatMap(([element, names]) => names.split(' ').map((name) => [name, element] as const)),
)

const INLINE = new Set(['b', 'i', 'u', 's', 'a', 'code', 'img'])
const VOID = new Set(['br', 'hr', 'img'])
/** The attributes that mean something in Markdown. */
const ATTRIBUTES: Record<string, string[]> = { a: ['href'], img: ['src', 'alt'], ol: ['start'] }

/** Elements whose text is not for readers. */
const UNREAD = 'script|style|textarea|iframe|title|xmp|noembed|noframes|noscript'

/** One comment, one unread element with its text, or one tag: slash, name, attributes. */
const MARKUP = new RegExp(
  `<!--(?:-?>|[^]*?(?:--!?>|$))|<[!?][^>]*>?|<(${UNREAD})(?=[\\s/>])[^]*?(?:</\\1(?=[\\s/>])[^>]*>|$)|` +
    `<(/?)([a-z][\\w:-]*)(?=[\\s/>])((?:[^"'>]|"[^"]*"|'[^']*')*|[^>]*)>`,
  'gi',
)

/** `a < b & c`, `List<String>` and `&copy` are text; a known tag, a comment, or an entity that an editor writes makes it HTML. */
const HTML = new RegExp(
  `</?(?:${[...ELEMENTS.keys()].join('|')}|${UNREAD}|span|font|svg|math|object|embed|video|audio|input|button|select|option|` +
    `template|html|head|body|meta|link|base|td|th|thead|tbody|tfoot|col|colgroup|sub|sup|small|big|wbr|mark|label|details|` +
    `summary|marquee|frameset|frame|applet|source|track|canvas)(?:[\\s/][^<>]*)?>|<!--|&(?:nbsp|lt|gt|amp|quot|apos|#\\d+|#x[\\da-f]+);`,
  'i',
)

/** What building and walking the tree may cost, as the sum over all tags of the elements open at each: 16 KiB of text needs a tenth. */
const MAX_EFFORT = 10_000

const ZERO_WIDTH = /\u200b|&#8203;|&#x200b;/gi
const NO_BREAK = /\u00a0|&nbsp;|&#160;|&#xa0;/gi
/** Between a delimiter and a punctuation mark it lets `**"so"**then` close: to CommonMark it is neither space nor punctuation. */
const JOINT = '\u200b'

/**
 * The message as HTML, for a client that inserts it as it is.
 *
 * @example
 * toHtml('**hi** <b>') // '<p><strong>hi</strong> &lt;b&gt;</p>'
 */
export function toHtml(msg: string): string {
  return renderMarkdown(msg).trimEnd()
}

/**
 * The HTML of a rich editor as Markdown. A text without HTML in it comes through unchanged, but for the invisible U+200B
 * with which the ExtJS editor begins an empty document. Never throws; scripts, styles and comments are gone with their text.
 *
 * @example
 * toMarkdown('<b>重要！</b>请看 <u>this</u><br>now') // '**重要！**请看 ++this++\nnow'
 * toMarkdown('1 * 2 < 3') // '1 * 2 < 3'
 */
export function toMarkdown(text: string): string {
  if (!HTML.test(text)) return text.replaceAll(/^\u200b+|\u200b+$/g, '')
  const clean = text.replaceAll(ZERO_WIDTH, '').replaceAll(NO_BREAK, ' ')
  return turndown
    .turndown(sieve(clean) ?? linesOf(clean))
    .replaceAll(/(?<![ \t])[ \t]+$/gm, '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

/**
 * Rewrites HTML with the elements and attributes of the tables above and nothing else, so that what the parser and
 * Turndown get is small and tame: no foreign content, no depth without end. Returns undefined for what is too tangled.
 */
function sieve(html: string): string | undefined {
  const out: string[] = []
  const open: string[] = []
  let effort = 0
  for (const part of parts(html)) {
    if (part.text !== undefined) add(part.text, out)
    else if (part.slash) close(part.element, open, out)
    else start(part, open, out)
    effort += open.length
    if (effort > MAX_EFFORT) return undefined
  }
  return out.join('')
}

/** The same without any nesting: text and line ends. */
function linesOf(html: string): string {
  return [...parts(html)]
    .map((part) => part.text ?? (INLINE.has(part.element) ? '' : '<br>'))
    .join('')
    .replaceAll(/(?:<br>){3,}/g, '<br><br>')
}

type Tag = { text?: undefined; element: string; slash: boolean; attributes: string }
type Text = { text: string }

function* parts(html: string): Generator<Tag | Text> {
  // With a `>` at the very end every `<` finds its end at the first try: unfinished tags cost no time, and go as in a browser.
  const source = `${html}>`
  let end = 0
  for (const { 0: whole, 2: slash, 3: name = '', 4: attributes = '', index } of source.matchAll(MARKUP)) {
    yield { text: plain(source.slice(end, index)) }
    end = index + whole.length
    const element = ELEMENTS.get(name.toLowerCase())
    if (element !== undefined) yield { element, slash: slash === '/', attributes }
    else if (/^t[dh]$/i.test(name)) yield { text: ' ' }
  }
  yield { text: plain(source.slice(end, -1)) }
}

const add = (text: string, out: string[]): unknown => text !== '' && out.push(text)
const plain = (text: string): string => text.replaceAll('<', '&lt;')

function start({ element, attributes }: Tag, open: string[], out: string[]): void {
  if (element === 'br' && open.includes('pre')) return void out.push('\n')
  if ((element === 'p' || element === 'li') && open.at(-1) === element) open.pop()
  if (!VOID.has(element)) open.push(element)
  // `<b>a</b><b>b</b>` is one run to the eye, and `**a****b**` is none to Markdown.
  if (element !== 'a' && INLINE.has(element) && out.at(-1) === `</${element}>`) return void out.pop()
  const kept = (ATTRIBUTES[element] ?? []).map((name) => attribute(name, attributes))
  out.push(`<${element}${kept.join('')}>`)
}

function close(element: string, open: string[], out: string[]): void {
  const at = open.lastIndexOf(element)
  if (at < 0) return
  open.splice(at, 1)
  out.push(`</${element}>`)
}

function attribute(name: string, attributes: string): string {
  const value = new RegExp(`(?:^|[\\s/"'])${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(attributes)
  return value === null ? '' : ` ${name}="${(value[1] ?? value[2] ?? value[3] ?? '').replaceAll('"', '&quot;')}"`
}

const turndown = new TurndownService({
  headingStyle: 'atx',
  hr: '---',
  br: ' ', // Turndown would make one of several line ends in a row; the space goes again below
  codeBlockStyle: 'fenced',
  blankReplacement: (_, node) => ('isBlock' in node && node.isBlock === true ? '\n' : ''),
})
turndown.escape = escapeText

for (const [element, delimiter] of Object.entries({ b: '**', i: '*', u: '++', s: '~~' })) {
  turndown.addRule(element, { filter: (node) => nameOf(node) === element, replacement: (content, node) => mark(content, delimiter, node) })
}
// The last <br> of a line shows nothing, unless the line is empty otherwise.
turndown.addRule('line', { filter: 'div', replacement: (content) => `\n${content.replace(/(?<=\S) \n$/, '')}\n` })
turndown.addRule('preformatted', { filter: 'pre', replacement: (_, node) => fenced(node.textContent ?? '') })
turndown.addRule('link', { filter: 'a', replacement: (content, node) => link(content, node) })
turndown.addRule('image', {
  filter: 'img',
  replacement: (_, node) => {
    const image = node as Element
    const url = address(image.getAttribute('src'))
    const alt = escapeText(image.getAttribute('alt') ?? '')
    return url === undefined ? alt : `[${alt || url}](${url})`
  },
})
turndown.addRule('item', { filter: 'li', replacement: (content, node) => item(content, node) })
turndown.addRule('list', {
  filter: ['ul', 'ol'],
  replacement: (content, node) => {
    const parent = nameOf(node.parentNode)
    if (parent === 'li') return `\n${content.trim()}\n`
    // Chrome's editor nests a list in a list, with no item between.
    return parent === 'ul' || parent === 'ol' ? `\n${indented(content, '   ')}\n` : `\n\n${content}\n\n`
  },
})

const nameOf = (node: Node | null): string => node?.nodeName.toLowerCase() ?? ''
const indented = (text: string, indent: string): string => text.trim().replaceAll(/^(?=.)/gm, indent)

function item(content: string, node: Element): string {
  const marker = nameOf(node.parentNode) === 'ol' ? `${place(node)}. ` : '- '
  return `\n${marker}${indented(content, ' '.repeat(marker.length)).trimStart()}\n`
}

function place(node: Element): number {
  const items = Array.from(node.parentElement?.children ?? []).filter((sibling) => nameOf(sibling) === 'li')
  return items.indexOf(node) + (Number(node.parentElement?.getAttribute('start')) || 1)
}

function fenced(code: string): string {
  const longest = Math.max(2, ...(code.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `\n\n${fence}\n${code.replace(/^\n|\n$/g, '')}\n${fence}\n\n`
}

function link(content: string, node: Element): string {
  const url = address(node.getAttribute('href'))
  const text = content.replaceAll(/\s*\n\s*/g, ' ').trim()
  if (url === undefined || text === '') return content
  if (node.textContent?.trim() === url) return bare(url)
  // No brackets but our own, and no link in a link.
  return `[${text.replaceAll(/<(https?:[^>]*)>/g, '$1').replaceAll(/(?<!\\)[[\]]/g, '\\$&')}](${url})`
}

/** Where a link leads, if a message may lead there, written so that it fits between parentheses. */
function address(href: string | null): string | undefined {
  const url = URL.parse(href ?? '')
  if (url === null || !/^(?:https?|mailto):$/.test(url.protocol)) return undefined
  const written = (href ?? '').trim()
  return /^[^\s<>()\\]+$/.test(written) ? written : url.href.replaceAll('(', '%28').replaceAll(')', '%29').replaceAll('\\', '%5C')
}

/** Every line gets its own delimiters, since emphasis ends with its paragraph; the markers of lists and quotes stay outside. */
function mark(content: string, delimiter: string, node: Node): string {
  // `*a***b**` is anybody's guess.
  const beside = /^[bi]$/.test(nameOf(node)) && /^[bi]$/.test(nameOf(node.nextSibling)) ? JOINT : ''
  return content.replaceAll(/^((?:[ \t]|- |> |\d+\. |#+ )*)(\S.*?)([ \t]*)$/gm, (_, before: string, text: string, after: string) => {
    const left = needsJoint(text.slice(0, 1), neighbour(node, 'previousSibling')) ? JOINT : ''
    const right = needsJoint(text.slice(-1), neighbour(node, 'nextSibling')) ? JOINT : ''
    return before + delimiter + left + text + right + delimiter + beside + after
  })
}

/** Punctuation inside and a letter outside: CommonMark takes no emphasis there. Beside Chinese, Japanese and Korean it is allowed here. */
function needsJoint(inside: string, outside: string): boolean {
  return (
    /[\p{P}\p{S}]/u.test(inside) &&
    /[\p{L}\p{N}]/u.test(outside) &&
    !/\p{Script=Han}|\p{Script=Hira}|\p{Script=Kana}|\p{Script=Hang}/u.test(outside)
  )
}

/** The character beside an inline element, as a reader sees it. */
function neighbour(node: Node, side: 'previousSibling' | 'nextSibling'): string {
  let at: Node | null = node
  while (at !== null && at[side] === null && INLINE.has(nameOf(at.parentNode))) at = at.parentNode
  const text = at?.[side]?.textContent ?? ''
  return side === 'previousSibling' ? text.slice(-1) : text.slice(0, 1)
}

/** Text that would read as Markdown gets its backslashes, and no more than it needs: the file is read by people, too. */
function escapeText(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>]+)/)
    .map((part, index) => (index % 2 === 1 ? bare(part) : escapeWords(part)))
    .join('')
}

/** An address as linkify finds it; one with asterisks and the like stands between angle brackets, where they mean nothing. */
const bare = (url: string): string => (escapeWords(url) === url ? url : `<${url}>`)

function escapeWords(text: string): string {
  return text
    .replaceAll(/\\(?=[!-/:-@[-`{-~]|$)/g, '\\\\')
    .replaceAll(/(?<!\s)\*|\*(?!\s)|`|\](?=\(|$)|&(?=#?\w+;)|<(?=[\w.+-]+[:@])/g, '\\$&')
    .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replaceAll(/~~+|^~|~$|\+\+(?!\s)|^\+|\+$/g, (run) => run.replaceAll(/./g, '\\$&'))
    .replace(/^(?:-(?=\s|$)|>|#{1,6}(?=\s|$)|(?=[^-]*-)[|:\s-]+$)/, '\\$&')
    .replace(/^(\d{1,9})([.)])(?=\s|$)/, '$1\\$2')
}
