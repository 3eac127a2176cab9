/** The header of a room, with slots for the page around it; and the button that scrolls to the end of the log. */
import { html, type TemplateResult } from 'lit'
import { downIcon, peopleIcon, searchIcon } from '../icons.ts'
import type { Texts } from '../texts.ts'

/** @param here the number of people in the room */
export function headerView(room: string, here: number, texts: Texts, find: () => void): TemplateResult {
  return html`<header class="header" part="header">
    <slot name="start"></slot>
    <slot name="title"><h2 class="title">${room}</h2></slot>
    <div class="tools">
      <button type="button" class="icon-button" aria-label=${texts.search} title="${texts.search} (/)" @click=${find}>${searchIcon}</button>
      <button type="button" class="icon-button people-button" popovertarget="people" aria-label=${texts.here(here)} title=${texts.people}>
        ${peopleIcon}<span class="count" aria-hidden="true">${here}</span>
      </button>
      <slot name="end"></slot>
    </div>
  </header>`
}

/** @param unread the number of unread messages */
export function latestView(unread: number, texts: Texts, go: () => void): TemplateResult {
  const label = unread > 0 ? texts.newMessages(unread) : texts.latest
  return html`<button
    type="button"
    class="latest ${unread > 0 ? 'unseen' : ''}"
    part="latest"
    aria-label=${label}
    title=${label}
    @click=${go}
  >
    ${downIcon}${unread > 0 ? html`<span>${label}</span>` : ''}
  </button>`
}
