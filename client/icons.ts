/** Icons, as SVG in the colour of the text around them. Hidden from assistive technology: each is in a button that has a label. */
import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit'

const icon = (paths: SVGTemplateResult): TemplateResult =>
  html`<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">${paths}</svg>`

export const searchIcon = icon(svg`<circle cx="8.75" cy="8.75" r="5.25" /><path d="m12.75 12.75 4 4" />`)
export const peopleIcon = icon(
  svg`<circle cx="8" cy="7" r="3" /><path d="M2.5 16.5c0-3 2.4-4.75 5.5-4.75s5.5 1.75 5.5 4.75M13 4.3a3 3 0 0 1 0 5.4M15 12.2c1.6.7 2.5 2.2 2.5 4.3" />`,
)
export const menuIcon = icon(svg`<path d="M3 5.5h14M3 10h14M3 14.5h14" />`)
export const settingsIcon = icon(
  svg`<path d="M3 6h7M14 6h3M3 14h3M10 14h7" /><circle cx="12" cy="6" r="2" /><circle cx="8" cy="14" r="2" />`,
)
export const closeIcon = icon(svg`<path d="m5 5 10 10M15 5 5 15" />`)
export const upIcon = icon(svg`<path d="m5 12.5 5-5 5 5" />`)
export const downIcon = icon(svg`<path d="m5 7.5 5 5 5-5" />`)
export const copyIcon = icon(
  svg`<rect x="7" y="7" width="9.5" height="9.5" rx="2" /><path d="M4.5 13A1.5 1.5 0 0 1 3.5 11.5v-7a1 1 0 0 1 1-1h7A1.5 1.5 0 0 1 13 4.5" />`,
)
export const quoteIcon = icon(svg`<path d="M8 5 3.5 9.5 8 14M4 9.5h7.5a5 5 0 0 1 5 5v1" />`)
