/** Renders Markdown as HTML for the page, and sanitizes it with DOMPurify. */
import DOMPurify from 'dompurify'
import { renderMarkdown } from './markdown.ts'

/** All that renderMarkdown makes. Should it ever make anything else, DOMPurify removes it. */
const ALLOWED = {
  ALLOWED_TAGS: 'p br strong em u s a ul ol li blockquote pre code hr h1 h2 h3 h4 h5 h6 table thead tbody tr th td'.split(' '),
  ALLOWED_ATTR: ['href', 'title', 'rel', 'target', 'align', 'start', 'class'],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ADD_URI_SAFE_ATTR: ['rel', 'target', 'align', 'start', 'class'], // these are not addresses, which the line above checks
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
}

/** For `innerHTML`: a TrustedHTML where the page's content security policy requires one. */
export const safeHtml = (source: string) => DOMPurify.sanitize(renderMarkdown(source), { ...ALLOWED, RETURN_TRUSTED_TYPE: true })

/** The same as DOM nodes, which the page does not parse again. */
export const safeNodes = (source: string): DocumentFragment =>
  DOMPurify.sanitize(renderMarkdown(source), { ...ALLOWED, RETURN_DOM_FRAGMENT: true })
