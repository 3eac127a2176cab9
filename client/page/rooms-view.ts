/** The list of rooms, and the way to one that is not in it. Knows names, counts and words. */
import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { ListedRoom } from './room-list.ts'
import { roomNamed } from './room-names.ts'
import type { Texts } from '../texts.ts'

/** A count that is worth reading in full. */
const MOST = 99

export interface RoomsActions {
  readonly go: (room: string) => void
  /** An invalid name was typed. */
  readonly refuse: () => void
}

/** @param refused whether the name that was typed last is none */
export function roomsView(
  rooms: readonly ListedRoom[],
  current: string,
  refused: boolean,
  texts: Texts,
  { go, refuse }: RoomsActions,
): TemplateResult {
  return html`<ul>
      ${repeat(
        rooms,
        ({ name }) => name,
        (room) => html`<li>${roomLink(room)}</li>`,
      )}
    </ul>
    <form class="new-room" novalidate @submit=${submitted}>
      <input
        name="room"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        enterkeyhint="go"
        maxlength="100"
        aria-label=${texts.newRoom}
        placeholder=${texts.newRoom}
        aria-invalid=${refused}
      />
      <button>${texts.go}</button>
      <p role="alert">${refused ? texts.errors['bad_room'] : nothing}</p>
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
    return html` <span class="count">${unread > MOST ? `${MOST}+` : unread}</span>
      <span class="unseen">${texts.unreadMessages(unread)}</span>`
  }

  function submitted(event: SubmitEvent): void {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const name = roomNamed((form.elements.namedItem('room') as HTMLInputElement).value)
    if (name === undefined) return refuse()
    form.reset()
    go(name)
  }
}
