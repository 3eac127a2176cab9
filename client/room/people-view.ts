/** Who is here and who is typing, as lists and lines. Knows names and words, no room. */
import { html, nothing, type TemplateResult } from 'lit'
import { isolated, nickColour } from './log/nick.ts'
import type { Texts } from '../texts.ts'

/** @param nick the reader's own name among them, `''` for none */
export function peopleView(who: readonly string[], typing: readonly string[], nick: string, texts: Texts): TemplateResult {
  if (who.length === 0) return html`<p class="nobody">${texts.nobody}</p>`
  return html`<ul>
    ${who.map(
      (name) =>
        html`<li>
          <bdi class="nick ${nickColour(name)}">${name}</bdi>
          ${name === nick ? html`<span class="you">${texts.you}</span>` : nothing}
          ${typing.includes(name) && name !== nick ? html`<span class="pen" aria-hidden="true">…</span>` : nothing}
        </li>`,
    )}
  </ul>`
}

/** The line has its place also when nobody types, so that nothing moves when somebody does. */
export function typingView(typing: readonly string[], nick: string, texts: Texts): TemplateResult {
  const others = typing.filter((name) => name !== nick)
  return html`<p class="typing" part="typing" aria-live="off">${others.length > 0 ? texts.typing(others.map(isolated)) : nothing}</p>`
}
