/** The search above the log: its field, the number of results, and the buttons that go from one to the next. */
import { html, type TemplateResult } from 'lit'
import { closeIcon, downIcon, upIcon } from '../icons.ts'
import type { Search } from './search.ts'
import type { Texts } from '../texts.ts'

export interface SearchActions {
  readonly look: (query: string) => void
  readonly step: (by: 1 | -1) => void
  readonly close: () => void
}

export function searchView(search: Search, texts: Texts, { look, step, close }: SearchActions): TemplateResult {
  const isEmpty = search.query.trim() === ''
  return html`<form class="search" role="search" part="search" @submit=${(event: SubmitEvent) => event.preventDefault()}>
    <input
      type="search"
      enterkeyhint="search"
      aria-label=${texts.searchIn}
      placeholder=${texts.searchIn}
      .value=${search.query}
      @input=${(event: InputEvent) => look((event.target as HTMLInputElement).value)}
      @keydown=${(event: KeyboardEvent) => {
        if (event.isComposing || event.keyCode === 229) return
        if (event.key === 'Enter') step(event.shiftKey ? 1 : -1)
        if (event.key === 'ArrowUp') step(-1)
        if (event.key === 'ArrowDown') step(1)
        if (event.key === 'Enter' || event.key.startsWith('Arrow')) event.stopPropagation()
        if (event.key === 'Enter' || event.key === 'ArrowUp' || event.key === 'ArrowDown') event.preventDefault()
      }}
    />
    <span class="hits" role="status">${isEmpty ? '' : texts.hits(search.place, search.hits.length)}</span>
    ${stepButton(texts.previous, upIcon, -1)} ${stepButton(texts.next, downIcon, 1)}
    <button type="button" class="icon-button" aria-label=${texts.close} title=${texts.close} @click=${close}>${closeIcon}</button>
  </form>`

  function stepButton(name: string, icon: TemplateResult, by: 1 | -1): TemplateResult {
    return html`<button
      type="button"
      class="icon-button"
      aria-label=${name}
      title=${name}
      ?disabled=${search.hits.length === 0}
      @click=${() => step(by)}
    >
      ${icon}
    </button>`
  }
}
