/** How a nick is shown: in one of ten colours, always the same one, and without an effect on the direction of the text around it. */
import { css, html, unsafeCSS, type TemplateResult } from 'lit'
import type { Texts } from '../../texts.ts'

/** Hues of OKLCH: far enough apart to be told from each other, and none of them the red of errors. */
const HUES = [185, 250, 300, 345, 55, 90, 125, 155, 220, 275]

/** The lightness gives enough contrast with the background, in the light theme and in the dark one. */
export const nickStyle = css`
  ${unsafeCSS(HUES.map((hue, index) => `.hue-${index} { --nick: light-dark(oklch(0.48 0.1 ${hue}), oklch(0.8 0.085 ${hue})) }`).join('\n'))}
`

export function nickView(nick: string, texts: Texts): TemplateResult {
  if (nick === '') return html`<span class="nick anonymous">${texts.anonymous}</span>`
  return html`<bdi class="nick ${nickColour(nick)}">${nick}</bdi>`
}

/** The class of a nick's colour. The index is an FNV-1a hash of the nick, so that similar nicks get different colours. */
export function nickColour(nick: string): string {
  let hash = 2_166_136_261
  for (const char of nick) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619)
  hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_507)
  return `hue-${((hash ^ (hash >>> 13)) >>> 0) % HUES.length}`
}

/** Letters that are written from right to left, and characters that change the direction of text. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}\p{Bidi_Control}]/u

/** A nick for the middle of a sentence: between FSI and PDI where it could change the direction of the text around it. */
export function isolated(nick: string): string {
  return RIGHT_TO_LEFT.test(nick) ? `\u2068${nick}\u2069` : nick
}
