/** The ten colours of names: as light as reads well on the paper, by light and by dark. */
import { css, unsafeCSS } from 'lit'

/** Hues of OKLCH, so far apart that neighbours differ, and none of them the red of a warning. */
const HUES = [185, 250, 300, 345, 55, 90, 125, 155, 220, 275]

export const nickStyle = css`
  ${unsafeCSS(HUES.map((hue, index) => `.hue-${index} { --nick: light-dark(oklch(0.48 0.1 ${hue}), oklch(0.8 0.085 ${hue})) }`).join('\n'))}
`
