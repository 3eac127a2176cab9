/** The list of the people in a room, and the line that says who is typing. */
import { html, nothing, type TemplateResult } from 'lit'
import { isolated, nickColour } from './log/nick.ts'
import type { Texts } from '../texts.ts'

/** @param nick the reader's own nick; `''` for none */
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

/** The line is there even while nobody is typing, so that nothing moves when somebody begins. */
export function typingView(typing: readonly string[], nick: string, texts: Texts): TemplateResult {
  const others = typing.filter((name) => name !== nick)
  return html`<p class="typing" part="typing" aria-live="off">${others.length > 0 ? texts.typing(others.map(isolated)) : nothing}</p>`
}
