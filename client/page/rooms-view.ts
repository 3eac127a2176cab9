/** The list of rooms, and a form to go to a room that is not in it. */
import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { ListedRoom } from './room-list.ts'
import { roomNamed } from './room-names.ts'
import type { Texts } from '../texts.ts'

/** A greater number of unread messages is shown as `99+`. */
const MAX_COUNT = 99

export interface RoomsActions {
  readonly go: (room: string) => void
  /** Called when an invalid name was entered. */
  readonly onInvalid: () => void
}

/** @param isInvalid whether the last name that was entered is invalid */
export function roomsView(
  rooms: readonly ListedRoom[],
  current: string,
  isInvalid: boolean,
  texts: Texts,
  { go, onInvalid }: RoomsActions,
): TemplateResult {
  return html`<ul>
      ${repeat(
        rooms,
        ({ name }) => name,
        (room) => html`<li>${roomLink(room)}</li>`,
      )}
    </ul>
    <form class="new-room" novalidate @submit=${onSubmit}>
      <input
        name="room"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        enterkeyhint="go"
        maxlength="100"
        aria-label=${texts.newRoom}
        placeholder=${texts.newRoom}
        aria-invalid=${isInvalid}
      />
      <button>${texts.go}</button>
      <p role="alert">${isInvalid ? texts.errors['bad_room'] : nothing}</p>
    </form>`

  function roomLink({ name, unread }: ListedRoom): TemplateResult {
    return html`<a
      href=${`?room=${encodeURIComponent(name)}`}
      aria-current=${name === current ? 'page' : nothing}
      class=${unread > 0 ? 'has-unread' : ''}
      @click=${(event: MouseEvent) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
        event.preventDefault()
        go(name)
      }}
      ><span class="room-name" dir="auto">${name}</span>${unread > 0 ? countView(unread) : nothing}</a
    >`
  }

  function countView(unread: number): TemplateResult {
    return html` <span class="count">${unread > MAX_COUNT ? `${MAX_COUNT}+` : unread}</span>
      <span class="unseen">${texts.unreadMessages(unread)}</span>`
  }

  function onSubmit(event: SubmitEvent): void {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const name = roomNamed((form.elements.namedItem('room') as HTMLInputElement).value)
    if (name === undefined) return onInvalid()
    form.reset()
    go(name)
  }
}
