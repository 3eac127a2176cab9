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
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
}

/** What the page's policy takes for HTML (Trusted Types): it comes from here and from nowhere else. */
export type SafeHtml = ReturnType<typeof safeHtml>

export const safeHtml = (source: string) => DOMPurify.sanitize(renderMarkdown(source), { ...ALLOWED, RETURN_TRUSTED_TYPE: true })
