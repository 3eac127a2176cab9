/**
 * Renders the Markdown of messages as HTML, for the page and for the dialects. The authors are not trusted: the HTML is safe by itself.
 * Knows no DOM, no room and no network.
 */
import markdownIt, { type StateCore, type Token } from 'markdown-it'
import cjkFriendly from 'markdown-it-cjk-friendly'
import ins from 'markdown-it-ins'
import { RENDER_BUDGET, withinBudget } from './render-budget.ts'

/** Addresses of links. Anything else stays text: `javascript:`, `data:`, any other scheme, and `https:x`, which is relative to our own site. */
const LINK = /^(?:https?:\/\/|mailto:)/i

const markdown = markdownIt({ html: false, linkify: true, breaks: true })

// CommonMark itself does not recognize `**重要！**请看` as bold.
markdown.use(cjkFriendly).use(ins)

// In a chat `[1]: https://…` is text, and not a link definition, which is not shown; and a line of dashes does not make a heading of the line
// above it.
markdown.disable(['reference', 'lheading'])

// Only a text with http(s) is a link: README.md and deploy.sh are files, although .md and .sh are domains of countries.
markdown.linkify?.set({ fuzzyLink: false, fuzzyIP: false }).add('//').add('ftp:')
markdown.validateLink = (url) => LINK.test(url) && URL.canParse(url)

markdown.core.ruler.after('inline', 'images_to_links', imagesToLinks)
markdown.core.ruler.push('safe_attributes', safeAttributes)
markdown.renderer.rules['ins_open'] = () => '<u>'
markdown.renderer.rules['ins_close'] = () => '</u>'
const parse = withinBudget(markdown)

/** A message that is shown as its source has a `<br>` for each line; if there are more lines than this, it is one `<pre>`. */
const MAX_BREAKS = 500

/**
 * Renders a message as HTML that may be inserted into a page: no scripts, images, styles or ids; links only to http, https and mailto, which
 * open in a new tab. A message beyond RENDER_BUDGET is shown as its source.
 *
 * @example
 * renderMarkdown('**重要！**请看') // '<p><strong>重要！</strong>请看</p>\n'
 */
export function renderMarkdown(source: string): string {
  const tokens = parse(source)
  const html = tokens && markdown.renderer.render(tokens, markdown.options, {})
  return html === undefined || html.length > RENDER_BUDGET.html ? sourceHtml(source) : html
}

function sourceHtml(source: string): string {
  const lines = markdown.utils.escapeHtml(source).split(/\r?\n/)
  return lines.length > MAX_BREAKS ? `<pre>\n${lines.join('\n')}</pre>\n` : `<p>${lines.join('<br>\n')}</p>\n`
}

/** An image would tell its server who reads the room, and when. So it becomes a link. */
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
    return open > 0 ? [text] : link(state, url, text) // HTML has no links in links
  })
}

function link(state: StateCore, url: string, text: Token): Token[] {
  const open = new state.Token('link_open', 'a', 1)
  open.attrSet('href', url)
  return [open, text, new state.Token('link_close', 'a', -1)]
}

/** Adds `rel` and `target` to links. Table cells get `align` for `style`, which the page's content security policy forbids. */
function safeAttributes(state: StateCore): void {
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
