/**
 * Any HTML as tame HTML: what editors write, in some twenty elements without attributes but `href` and `start`, well nested and
 * not deep. Scripts, styles, fields, frames and comments are gone with their text; of every other tag the text is kept.
 * Knows HTML and where a link may lead. Knows no Markdown.
 */
import { Parser, type Handler } from 'htmlparser2'

/** What editors write, by the one element that stands for it here; of the names in the last line only the text is kept. */
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
    td: 'td th',
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
    '':
      'span font svg math object embed video audio input button select option template html head body meta link base thead tbody tfoot ' +
      'col colgroup sub sup small big wbr mark label details summary marquee frameset frame applet source track canvas',
  }).flatMap(([element, names]) => names.split(' ').map((name) => [name, element] as const)),
)

const INLINE = new Set(['b', 'i', 'u', 's', 'a', 'code', 'img'])

/** Elements whose text is not for readers. */
const UNREAD = new Set(['script', 'style', 'textarea', 'iframe', 'title', 'xmp', 'noembed', 'noframes', 'noscript'])

const HTML = new RegExp(
  `</?(?:${[...ELEMENTS.keys(), ...UNREAD].join('|')})(?:[\\s/][^<>]*)?>|<!--|&(?:nbsp|lt|gt|amp|quot|apos|#\\d+|#x[\\da-f]+);`,
  'i',
)

/** What building and walking the tree may cost, as the sum over all tags of the elements open at each: 16 KiB of text needs a tenth. */
const MAX_EFFORT = 10_000

type Attributes = Record<string, string>

/** `a < b & c`, `List<String>` and `&copy` are text; a known tag, a comment, or an entity that an editor writes makes it HTML. */
export const isHtml = (text: string): boolean => HTML.test(text)

/**
 * The same in tame HTML, and what is too tangled for that in text and line ends. Never throws.
 *
 * @example
 * sieve('<div style=x><STRONG>a</STRONG><script>b</script>&nbsp;&lt;') // '<div><b>a</b> &lt;</div>'
 */
export function sieve(html: string): string {
  const sieved = new Sieve()
  new Parser(sieved).end(html)
  return sieved.html
}

class Sieve implements Partial<Handler> {
  readonly #out: string[] = []
  /** How the open elements will end. One that is not written ends with ''. */
  readonly #ends: string[] = []
  #unread = 0
  #effort = 0

  get html(): string {
    const html = this.#out.join('')
    return this.#effort > MAX_EFFORT ? flat(html) : html
  }

  onopentag(name: string, attributes: Attributes): void {
    if (UNREAD.has(name)) this.#unread += 1
    this.#effort += this.#ends.length
    const [start, end = ''] = this.#unread > 0 ? [''] : this.#tags(ELEMENTS.get(name) ?? '', attributes)
    this.#ends.push(end)
    // `<b>a</b><b>b</b>` is one run to the eye, and `**a****b**` is none to Markdown.
    if (/^<[bius]>/.test(start) && this.#out.at(-1) === end) this.#out.pop()
    else this.#write(start)
  }

  ontext(text: string): void {
    if (this.#unread === 0) this.#write(escape(text.replaceAll('\u200b', '').replaceAll('\u00a0', ' ')))
  }

  onclosetag(name: string): void {
    if (UNREAD.has(name)) this.#unread -= 1
    this.#write(this.#ends.pop() ?? '')
  }

  #write(part: string): void {
    if (part !== '') this.#out.push(part)
  }

  #tags(element: string, attributes: Attributes): [start: string, end?: string] {
    if (this.#effort > MAX_EFFORT) return [INLINE.has(element) ? '' : '<br>']
    if (this.#ends.includes('</code></pre>')) return [element === 'br' ? '\n' : '']
    if (element === 'a' && this.#ends.includes('</a>')) return ['']
    return tags(element, attributes)
  }
}

/** The tags that stand for an element, or all that is left of it. */
function tags(element: string, { href, start, src, alt = '' }: Attributes): [start: string, end?: string] {
  switch (element) {
    case 'a':
      return link(href)
    case 'img':
      return [image]
    case 'td':
      return [' ']
    case 'ol':
      return [`<ol start="${Number(start) || 1}">`, '</ol>']
    case 'pre':
      return ['<pre><code>', '</code></pre>']
    case '':
      return ['']
    case 'br':
    case 'hr':
      return [`<${element}>`]
    default:
      return [`<${element}>`, `</${element}>`]
  }
}
