/**
 * Sanitizes HTML: the result has some twenty elements, no attributes except `href` and `start`, and is well nested and not deep. Scripts, styles,
 * form fields, frames and comments are removed with their text; of every other tag the text is kept.
 * Knows HTML, and where a link may lead. Does not know Markdown.
 */
import { Parser, type Handler } from 'htmlparser2'
import { BUDGETS } from '../budgets.ts'

/** The elements that editors write, in groups: each is replaced by the first of its group. Of any other tag the text is kept. */
const ELEMENTS = new Map(
  `b strong, i em, u ins, s strike del, a, img, code tt kbd samp, br, hr, p, ul menu dir, ol, li, blockquote, pre listing,
   h1, h2, h3, h4 h5 h6, td th, div section article header footer main aside nav address center figure figcaption table caption tr dl
   dt dd form fieldset`
    .split(/,\s+/)
    .map((group) => group.split(/\s+/))
    .flatMap((names) => names.map((name) => [name, names[0] ?? ''] as const)),
)

/** Elements whose text is not shown to readers. */
const UNREAD = new Set('script style textarea iframe title xmp noembed noframes noscript'.split(' '))

const OTHERS = `span font svg math object embed video audio input button select option template html head body meta link base thead
  tbody tfoot col colgroup sub sup small big wbr mark label details summary marquee frameset frame applet source track canvas`.split(/\s+/)

const HTML = new RegExp(
  `</?(?:${[...ELEMENTS.keys(), ...UNREAD, ...OTHERS].join('|')})(?:[\\s/][^<>]*)?>|<!--|&(?:nbsp|[lg]t|amp|quot|apos|#\\d+|#x[\\da-f]+);`,
  'i',
)

type Attributes = Record<string, string>
/** What is written at the start and at the end of an element. */
type Tags = [start: string, end: string]

/** `a < b & c`, `List<String>` and `&copy` are text; a known tag, a comment, or an entity that an editor writes makes it HTML. */
export const isHtml = (text: string): boolean => HTML.test(text)

/** Sanitized HTML, or only its text, with line ends. */
export type Sieved = { readonly html: string } | { readonly text: string }

/**
 * Sanitizes HTML. Beyond the budget of `editorHtml`, only its text is kept. Never throws, and takes time in proportion to the length.
 *
 * @example
 * sieve('<div style=x><STRONG>a</STRONG><script>b</script>&nbsp;&lt;') // { html: '<div><b>a</b> &#60;</div>' }
 */
export function sieve(html: string): Sieved {
  const sanitizer = new Sanitizer(html.length > BUDGETS.editorHtml.length)
  new BoundedParser(sanitizer).end(html)
  return sanitizer.sieved
}

/** Beyond the budget, elements have no end tags, because it takes long to find one among thousands of open elements. */
class BoundedParser extends Parser {
  readonly #sanitizer: Sanitizer

  constructor(sanitizer: Sanitizer) {
    super(sanitizer)
    this.#sanitizer = sanitizer
  }

  protected override isVoidElement(name: string): boolean {
    return super.isVoidElement(name) || (this.#sanitizer.isBeyond && (!UNREAD.has(name) || this.#sanitizer.unread > MOST_UNREAD))
  }
}

/** Beyond the budget, so many nested elements whose text is not shown still have end tags. */
const MOST_UNREAD = 20

class Sanitizer implements Partial<Handler> {
  readonly #out: string[] = []
  /** The end tags of the open elements; '' for elements that are not written. */
  readonly #ends: string[] = []
  /** How many of the open elements have a text that is not shown. */
  unread = 0
  #effort = 0
  /** How many spaces the text ends with. */
  #blanks = 0
  #isBeyond: boolean

  constructor(isBeyond: boolean) {
    this.#isBeyond = isBeyond
  }

  get isBeyond(): boolean {
    return this.#isBeyond
  }

  get sieved(): Sieved {
    const html = this.#out.join('')
    // Several empty lines in a row become one.
    return this.#isBeyond ? { text: flat(html) } : { html: html.replaceAll(/(?:<br>[ \t\r\n]*){4,}/g, '<br><br><br>') }
  }

  onopentag(name: string, attributes: Attributes): void {
    if (UNREAD.has(name)) this.unread += 1
    const [start, end] = this.#fitting(tagsOf(this.unread > 0 ? '' : (ELEMENTS.get(name) ?? ''), attributes))
    this.#take(this.#ends.push(end))
    // `<b>a</b><b>b</b>` is joined, because Markdown does not understand `**a****b**`.
    if (/^<(?:[bius]|code)>/.test(start) && this.#out.at(-1) === end) this.#out.pop()
    else this.#write(start)
  }

  ontext(text: string): void {
    if (this.unread > 0) return
    const line = this.#out.at(-1) === '<pre><code>' ? text.replace(/^\r?\n/, '') : text
    const plain = line.replaceAll('\u200b', '').replaceAll('\u00a0', ' ')
    const said = this.#isInCode ? plain : plain.replaceAll(/[ \t\r\n\f]+/g, ' ')
    this.#take((this.#ends.length * said.length) / TEXT_PER_TAG)
    this.#count(said)
    this.#write(escaped(said))
  }

  onclosetag(name: string): void {
    if (UNREAD.has(name)) this.unread -= 1
    this.#write(this.#ends.pop() ?? '')
  }

  get #isInCode(): boolean {
    return !this.#isBeyond && this.#ends.includes('</code></pre>')
  }

  #take(effort: number): void {
    this.#effort += effort
    if (this.#effort > BUDGETS.editorHtml.effort) this.#isBeyond = true
  }

  /** Turndown's time grows with the square of the spaces in a row, also with tags between them. */
  #count(text: string): void {
    for (let at = 0; at < text.length && !this.#isBeyond; at++) {
      this.#blanks = isBlank(text.charAt(at)) ? this.#blanks + 1 : 0
      if (this.#blanks > BUDGETS.editorHtml.blanks) this.#isBeyond = true
    }
  }

  #write(part: string): void {
    if (part !== '') this.#out.push(part)
  }

  /** Code contains lines and no elements, a link contains no links. Not needed beyond the budget. */
  #fitting([start, end]: Tags): Tags {
    if (this.#isBeyond || start === '') return [start, end]
    if (this.#isInCode) return [start === '<br>' ? '\n' : '', '']
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
  // Unchanged, if Markdown allows it between parentheses.
  const written = /[\s\p{C}<>()\\]|^https?:(?!\/\/)/iu.test(href)
    ? url.href.replaceAll(/[()\\]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
    : href
  return [`<a href="${escaped(written)}">`, '</a>']
}

/** A link to an image, or its alternative text. The image itself would tell its server who reads the room. */
function image(src = '', alt = ''): string {
  const [start, end] = link(src)
  return start + escaped(alt.trim() || (start && src)) + end
}

/** The effort of one tag is that of so many characters of text. */
const TEXT_PER_TAG = 100

const isBlank = (char: string): boolean => char.trim() === ''

/** The lines of sanitized HTML as text, without empty ones. */
function flat(html: string): string {
  return html
    .replaceAll(/<\/?(?:[abius]|code)\b[^<>]*>/g, '')
    .replaceAll(/<[^<>]*>/g, '\n')
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .split('\n')
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())
    .filter((line) => line !== '')
    .join('\n')
}

const withoutTags = (html: string): string => html.replaceAll(/<[^<>]*>/g, '')
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
