/**
 * Chat Markdown to HTML: the one Markdown configuration of the project, for the page and for the dialects alike.
 * Knows what a message may look like and that its author is not to be trusted: the HTML it returns is safe by itself.
 * Knows no DOM, no room and no network.
 */
import markdownIt, { type StateCore, type Token } from 'markdown-it'
import cjkFriendly from 'markdown-it-cjk-friendly'
import ins from 'markdown-it-ins'
import { RENDER_BUDGET, withinBudget } from './render-budget.ts'

/** The only places a link may lead to; `javascript:`, `data:` and what is invented next stay text, and so does `https:x`, a place on our own site. */
const LINK = /^(?:https?:\/\/|mailto:)/i

const markdown = markdownIt({ html: false, linkify: true, breaks: true })

// CommonMark alone leaves the asterisks of `**重要！**请看` standing.
markdown.use(cjkFriendly).use(ins)

// What people type must not vanish or change shape by surprise: `[1]: https://…` is a line of chat and no definition,
// and a row of dashes below a sentence does not make a heading of it.
markdown.disable(['reference', 'lheading'])

// Only what says http(s) is a link: README.md and deploy.sh are files, although .md and .sh are countries.
markdown.linkify?.set({ fuzzyLink: false, fuzzyIP: false }).add('//').add('ftp:')
markdown.validateLink = (url) => LINK.test(url) && URL.canParse(url)

markdown.core.ruler.after('inline', 'images_to_links', imagesToLinks)
markdown.core.ruler.push('plain_attributes', plainAttributes)
markdown.renderer.rules['ins_open'] = () => '<u>'
markdown.renderer.rules['ins_close'] = () => '</u>'
const parse = withinBudget(markdown)

/** Lines that are elements, where a message is shown as its source. More are lines of one element. */
const MOST_BREAKS = 500

/**
 * Turns the Markdown of a message into HTML that may be inserted into a page as it is: no scripts, no images, no
 * styles, no ids; links only to http, https and mailto, opening in a new tab. What is beyond RENDER_BUDGET is shown as its source.
 *
 * @example
 * renderMarkdown('**重要！**请看') // '<p><strong>重要！</strong>请看</p>\n'
 */
export function renderMarkdown(source: string): string {
  const tokens = parse(source)
  const html = tokens && markdown.renderer.render(tokens, markdown.options, {})
  return html === undefined || html.length > RENDER_BUDGET.html ? asItIs(source) : html
}

function asItIs(source: string): string {
  const lines = markdown.utils.escapeHtml(source).split(/\r?\n/)
  return lines.length > MOST_BREAKS ? `<pre>\n${lines.join('\n')}</pre>\n` : `<p>${lines.join('<br>\n')}</p>\n`
}

/** A picture from elsewhere would tell its server who reads this room and when: it becomes a link to itself. */
function imagesToLinks(state: StateCore): void {
  for (const block of state.tokens) {
    if (block.children?.some((token) => token.type === 'image')) block.children = withoutImages(state, block.children)
  }
}

function withoutImages(state: StateCore, tokens: Token[]): Token[] {
  let open = 0
  return tokens.flatMap((token) => {
    if (token.type === 'link_open') open++
    if (token.type === 'link_close') open--
    if (token.type !== 'image') return [token]
    const url = String(token.attrGet('src') ?? '')
    const text = new state.Token('text', '', 0)
    text.content = markdown.renderer.renderInlineAsText(token.children ?? [], markdown.options, {}) || url
    return open > 0 ? [text] : link(state, url, text) // a link in a link is no HTML
  })
}

function link(state: StateCore, url: string, text: Token): Token[] {
  const open = new state.Token('link_open', 'a', 1)
  open.attrSet('href', url)
  return [open, text, new state.Token('link_close', 'a', -1)]
}

/** Links get their manners, and table cells lose their `style`, which the page's content security policy forbids. */
function plainAttributes(state: StateCore): void {
  for (const block of state.tokens) {
    if (block.type === 'th_open' || block.type === 'td_open') block.attrs = alignment(block)
    for (const token of block.children ?? []) {
      if (token.type !== 'link_open') continue
      token.attrSet('rel', 'noopener noreferrer nofollow')
      token.attrSet('target', '_blank')
    }
  }
}

function alignment(cell: Token): [string, string][] | null {
  const side = /^text-align:(\w+)$/.exec(String(cell.attrGet('style') ?? ''))?.[1]
  return side === undefined ? null : [['align', side]]
}
