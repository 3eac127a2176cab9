/**
 * Any HTML as tame HTML: what editors write, in some twenty elements without attributes but `href` and `start`, well nested and
 * not deep. Scripts, styles, fields, frames and comments are gone with their text; of every other tag the text is kept.
 * Knows HTML and where a link may lead. Knows no Markdown.
 */
import { Parser, type Handler } from 'htmlparser2'

/** What editors write, in groups of which the first element stands for all. Of any other tag the text is kept. */
const ELEMENTS = new Map(
  `b strong, i em, u ins, s strike del, a, img, code tt kbd samp, br, hr, p, ul menu dir, ol, li, blockquote, pre listing,
   h1, h2, h3, h4 h5 h6, td th, div section article header footer main aside nav address center figure figcaption table caption tr dl
   dt dd form fieldset`
    .split(/,\s+/)
    .map((group) => group.split(/\s+/))
    .flatMap((names) => names.map((name) => [name, names[0] ?? ''] as const)),
)

/** Elements whose text is not for readers. */
const UNREAD = new Set('script style textarea iframe title xmp noembed noframes noscript'.split(' '))

const OTHERS = `span font svg math object embed video audio input button select option template html head body meta link base thead
  tbody tfoot col colgroup sub sup small big wbr mark label details summary marquee frameset frame applet source track canvas`.split(/\s+/)

const HTML = new RegExp(
  `</?(?:${[...ELEMENTS.keys(), ...UNREAD, ...OTHERS].join('|')})(?:[\\s/][^<>]*)?>|<!--|&(?:nbsp|[lg]t|amp|quot|apos|#\\d+|#x[\\da-f]+);`,
  'i',
)

/** What building and walking the tree may cost, as the sum over all tags of the elements open at each: 16 KiB of text needs a tenth. */
const MAX_EFFORT = 10_000

type Attributes = Record<string, string>
/** What is written where an element starts and where it ends. */
type Tags = [start: string, end: string]

/** `a < b & c`, `List<String>` and `&copy` are text; a known tag, a comment, or an entity that an editor writes makes it HTML. */
export const isHtml = (text: string): boolean => HTML.test(text)

/**
 * The same in tame HTML, and what is too tangled for that in text and line ends. Never throws.
 *
 * @example
 * sieve('<div style=x><STRONG>a</STRONG><script>b</script>&nbsp;&lt;') // '<div><b>a</b> &#60;</div>'
 */
export function sieve(html: string): string {
  const tame = new Tame()
  new Shallow(tame).end(html)
  return tame.html
}

/** Looking for an end among thousands of open elements takes long: once it is too tangled, elements have none. */
class Shallow extends Parser {
  readonly #tame: Tame

  constructor(tame: Tame) {
    super(tame)
    this.#tame = tame
  }

  protected override isVoidElement(name: string): boolean {
    return super.isVoidElement(name) || (this.#tame.tangled && !UNREAD.has(name))
  }
}

class Tame implements Partial<Handler> {
  readonly #out: string[] = []
  /** How the open elements will end, '' for those that are not written. */
  readonly #ends: string[] = []
  #unread = 0
  #effort = 0

  get tangled(): boolean {
    return this.#effort > MAX_EFFORT
  }

  get html(): string {
    return this.tangled ? flat(this.#out.join('')) : this.#out.join('')
  }

  onopentag(name: string, attributes: Attributes): void {
    if (UNREAD.has(name)) this.#unread += 1
    const [start, end] = this.#fitting(tagsOf(this.#unread > 0 ? '' : (ELEMENTS.get(name) ?? ''), attributes))
    this.#effort += this.#ends.push(end)
    // `<b>a</b><b>b</b>` is one run to the eye, and `**a****b**` is none to Markdown.
    if (/^<(?:[bius]|code)>/.test(start) && this.#out.at(-1) === end) this.#out.pop()
    else this.#write(start)
  }

  ontext(text: string): void {
    if (this.#unread > 0) return
    const line = this.#out.at(-1) === '<pre><code>' ? text.replace(/^\r?\n/, '') : text
    this.#write(escaped(line.replaceAll('\u200b', '').replaceAll('\u00a0', ' ')))
  }

  onclosetag(name: string): void {
    if (UNREAD.has(name)) this.#unread -= 1
    this.#write(this.#ends.pop() ?? '')
  }

  #write(part: string): void {
    if (part !== '') this.#out.push(part)
  }

  /** Code has lines and no elements, a link has no links. What will be flat needs no such care. */
  #fitting([start, end]: Tags): Tags {
    if (this.tangled || start === '') return [start, end]
    if (this.#ends.includes('</code></pre>')) return [start === '<br>' ? '\n' : '', '']
    if (start.startsWith('<a ') && this.#ends.includes('</a>')) return [withoutTags(start), '']
    return [start, end]
  }
}

function tagsOf(element: string, { href, start = '', src, alt }: Attributes): Tags {
  if (element === '') return ['', '']
  if (element === 'td') return [' ', '']
  if (element === 'br' || element === 'hr') return [`<${element}>`, '']
  if (element === 'pre') return ['<pre><code>', '</code></pre>']
  if (element === 'ol') return [`<ol start="${/^\d{1,8}$/.test(start) ? start : 1}">`, '</ol>']
  if (element === 'a') return link(href)
  if (element === 'img') return [image(src, alt), '']
  return [`<${element}>`, `</${element}>`]
}

function link(href = ''): Tags {
  const url = URL.parse(href)
  if (url === null || !/^(?:https?|mailto):$/.test(url.protocol)) return ['', '']
  // Written as it was, if it fits between parentheses.
  const written = /[\s\p{C}<>()\\]|^https?:(?!\/\/)/iu.test(href)
    ? url.href.replaceAll(/[()\\]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
    : href
  return [`<a href="${escaped(written)}">`, '</a>']
}

/** A link to it, or its alternative text: a picture from elsewhere would tell its server who reads the room. */
function image(src = '', alt = ''): string {
  const [start, end] = link(src)
  return start + escaped(alt.trim() || (start && src)) + end
}

const flat = (html: string): string => html.replaceAll(/<\/?(?:[abius]|code)\b[^>]*>/g, '').replaceAll(/(?:<[^>]*>\s*)+/g, '<br>')
const withoutTags = (html: string): string => html.replaceAll(/<[^>]*>/g, '')
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
