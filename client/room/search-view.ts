/**
 * The look of the search: its field above the log, and what is found marked in the log.
 * Knows the DOM of the log; what is found search.ts decides.
 */
import { html, type TemplateResult } from 'lit'
import { closeIcon, downIcon, upIcon } from '../icons.ts'
import type { Search } from './search.ts'
import type { Texts } from '../texts.ts'

/** The name under which chat-room-style.ts colours what is found. */
const FOUND = 'roomfile-found'

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

/** Colours what is found in one log; several logs on a page share the highlight, so each clears only its own. */
export class Marker {
  private ranges: Range[] = []

  /** @param rows the messages to look in */
  mark(rows: readonly Element[], query: string): void {
    this.clear()
    const wanted = query.trim().toLocaleLowerCase()
    if (wanted === '' || !('highlights' in CSS)) return
    this.ranges = rows.flatMap((row) => [...row.querySelectorAll('.text, .nick')].flatMap((text) => rangesIn(text, wanted)))
    const found = CSS.highlights.get(FOUND) ?? new Highlight()
    for (const range of this.ranges) found.add(range)
    CSS.highlights.set(FOUND, found)
  }

  clear(): void {
    if (!('highlights' in CSS)) return
    const found = CSS.highlights.get(FOUND)
    for (const range of this.ranges) found?.delete(range)
    this.ranges = []
  }
}

function rangesIn(root: Element, wanted: string): Range[] {
  const ranges: Range[] = []
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = (node.textContent ?? '').toLocaleLowerCase()
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      if (at + wanted.length > (node.textContent ?? '').length) break // a letter whose small form is longer
      const range = new Range()
      range.setStart(node, at)
      range.setEnd(node, at + wanted.length)
      ranges.push(range)
    }
  }
  return ranges
}
