/** The search in one room: opens and closes the bar, and shows the current result. search.ts finds the results, search-view.ts renders the bar. */
import type { LitElement, TemplateResult } from 'lit'
import type { Entry } from './log/rows.ts'
import { Search } from './search.ts'
import { searchView } from './search-view.ts'
import type { Texts } from '../texts.ts'

export interface SearchBarHost {
  /** Where to search. */
  readonly entries: () => readonly Entry[]
  /** Scrolls to a message. */
  readonly show: (id: string) => void
  /** Called when the reader closes the search: the focus has to go elsewhere. */
  readonly onClose: () => void
}

export class SearchBar {
  isOpen = false
  readonly search = new Search()
  private readonly element: LitElement
  private readonly host: SearchBarHost

  /** @param element renders the view; it is updated after each change */
  constructor(element: LitElement, host: SearchBarHost) {
    this.element = element
    this.host = host
  }

  /** Opens the bar, and focuses its field. */
  open(): void {
    this.isOpen = true
    this.element.requestUpdate()
    void this.element.updateComplete.then(() => this.element.renderRoot.querySelector<HTMLInputElement>('.search input')?.select())
  }

  close(): void {
    this.reset()
    this.element.requestUpdate()
    this.host.onClose()
  }

  /** Closes the bar, since another room is shown. */
  reset(): void {
    this.isOpen = false
    this.search.look('', [])
  }

  /** Searches again, after the entries have changed. */
  refresh(): void {
    if (this.isOpen) this.search.refresh(this.host.entries())
  }

  view(texts: Texts): TemplateResult {
    return searchView(this.search, texts, {
      look: (query) => {
        this.search.look(query, this.host.entries())
        this.showResult()
      },
      step: (by) => {
        this.search.step(by)
        this.showResult()
      },
      close: () => this.close(),
    })
  }

  private showResult(): void {
    if (this.search.id !== undefined) this.host.show(this.search.id)
    this.element.requestUpdate()
  }
}
