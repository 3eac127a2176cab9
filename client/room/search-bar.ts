/**
 * The search of one room: its field, what it found, and which of it is looked at.
 * Knows when the field is there and what its keys do. What is found search.ts decides, how it looks search-view.ts.
 */
import type { LitElement, TemplateResult } from 'lit'
import type { Entry } from './log/rows.ts'
import { Search } from './search.ts'
import { searchView } from './search-view.ts'
import type { Texts } from '../texts.ts'

export interface SearchBarHost {
  /** What there is to search in. */
  readonly entries: () => readonly Entry[]
  /** Brings a message that was found into sight. */
  readonly show: (id: string) => void
  /** The search has ended: the focus goes elsewhere. */
  readonly closed: () => void
}

export class SearchBar {
  isOpen = false
  readonly search = new Search()
  private readonly element: LitElement
  private readonly host: SearchBarHost

  /** @param element shows the view, and is told when it has changed */
  constructor(element: LitElement, host: SearchBarHost) {
    this.element = element
    this.host = host
  }

  /** Opens the field, or goes to it. */
  open(): void {
    this.isOpen = true
    this.element.requestUpdate()
    void this.element.updateComplete.then(() => this.element.renderRoot.querySelector<HTMLInputElement>('.search input')?.select())
  }

  close(): void {
    this.forget()
    this.element.requestUpdate()
    this.host.closed()
  }

  /** Closes without a word: another room is shown. */
  forget(): void {
    this.isOpen = false
    this.search.look('', [])
  }

  /** Looks again after something came or went. */
  refresh(): void {
    if (this.isOpen) this.search.refresh(this.host.entries())
  }

  view(texts: Texts): TemplateResult {
    return searchView(this.search, texts, {
      look: (query) => {
        this.search.look(query, this.host.entries())
        this.toHit()
      },
      step: (by) => {
        this.search.step(by)
        this.toHit()
      },
      close: () => this.close(),
    })
  }

  private toHit(): void {
    if (this.search.id !== undefined) this.host.show(this.search.id)
    this.element.requestUpdate()
  }
}
