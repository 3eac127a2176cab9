/**
 * A message's Markdown as HTML to put into the page: rendered, then looked over once more.
 * Knows what may be shown; knows no message and keeps nothing.
 */
import DOMPurify from 'dompurify'
import { renderMarkdown } from './markdown.ts'

/** The second lock: renderMarkdown makes nothing else, and if it did, this would stop it. */
const ALLOWED = {
  ALLOWED_TAGS: 'p br strong em u s a ul ol li blockquote pre code hr h1 h2 h3 h4 h5 h6 table thead tbody tr th td'.split(' '),
  ALLOWED_ATTR: ['href', 'title', 'rel', 'target', 'align', 'start', 'class'],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ADD_URI_SAFE_ATTR: ['rel', 'target', 'align', 'start', 'class'], // no addresses: the line above would take them out
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
}

/** For `innerHTML`: as trusted HTML where the page's policy asks for it (Trusted Types), which comes from here and from nowhere else. */
export const safeHtml = (source: string) => DOMPurify.sanitize(renderMarkdown(source), { ...ALLOWED, RETURN_TRUSTED_TYPE: true })

/** The same as nodes, which need no trust: no text is parsed as HTML again on its way into the page. */
export const safeNodes = (source: string): DocumentFragment =>
  DOMPurify.sanitize(renderMarkdown(source), { ...ALLOWED, RETURN_DOM_FRAGMENT: true })
