/** The icons of the toolbar, on a grid of 24, in the colour of the text. */
import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit'

const icon = (lines: SVGTemplateResult): TemplateResult => html`<svg viewBox="0 0 24 24" aria-hidden="true">${lines}</svg>`

export const ICONS = {
  bold: icon(svg`<path d="M7 5h6a3.5 3.5 0 0 1 0 7H7zM7 12h7a3.5 3.5 0 0 1 0 7H7z" />`),
  italic: icon(svg`<path d="M10.5 5H17M7 19h6.5M14 5l-4 14" />`),
  underline: icon(svg`<path d="M7 4v7a5 5 0 0 0 10 0V4M6 20h12" />`),
  strike: icon(
    svg`<path d="M4 12h16M16.5 8c0-2-1.8-3.2-4.5-3.2S7.5 6 7.5 8c0 1 .4 1.7 1 2.2M7 16c.2 2 2 3.2 5 3.2s5-1.2 5-3.4c0-.6-.1-1-.4-1.5" />`,
  ),
  code: icon(svg`<path d="m8 7-5 5 5 5M16 7l5 5-5 5" />`),
  codeBlock: icon(
    svg`<rect x="3" y="4.5" width="18" height="15" rx="2.5" /><path d="m9.5 9.5-2.5 2.5 2.5 2.5M14.5 9.5l2.5 2.5-2.5 2.5" />`,
  ),
  link: icon(
    svg`<path d="M10 14a4 4 0 0 0 5.7 0l3.5-3.5a4 4 0 0 0-5.7-5.7L12.3 6M14 10a4 4 0 0 0-5.7 0l-3.5 3.5a4 4 0 0 0 5.7 5.7l1.2-1.2" />`,
  ),
  list: icon(svg`<path d="M9.5 6.5H20M9.5 12H20M9.5 17.5H20M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01" />`),
  quote: icon(svg`<path d="M5 5v14M10 7h10M10 12h10M10 17h6" />`),
  emoji: icon(svg`<circle cx="12" cy="12" r="8.5" /><path d="M8.5 14.2c1.8 2.3 5.2 2.3 7 0M9 9.5h.01M15 9.5h.01" />`),
  preview: icon(
    svg`<path d="M2.5 12C5 7.7 8.2 5.5 12 5.5S19 7.7 21.5 12c-2.5 4.3-5.7 6.5-9.5 6.5S5 16.3 2.5 12z" /><circle cx="12" cy="12" r="2.7" />`,
  ),
}
