/**
 * What can be done with one message, by pointer or keys: copy, quote, link to it, go to the next.
 * One set of buttons for the whole log, which moves to the message that is pointed at or has the focus: 2,000 messages need no 6,000 buttons.
 */
import { html, render } from 'lit'
import { copyIcon, quoteIcon } from '../../icons.ts'
import type { Texts } from '../../texts.ts'

export interface ActionsHost {
  copy(id: string): void
  quote(id: string): void
  /** Leaves the log for the field. */
  leave(): void
}

export class MessageActions {
  private readonly host: ActionsHost
  private readonly buttons = document.createElement('div')

  constructor(host: ActionsHost) {
    this.host = host
    this.buttons.className = 'actions'
  }

  /** Names the buttons, anew in another language. */
  name(texts: Texts): void {
    const button = (name: string, key: string, icon: unknown, act: (id: string) => void): unknown =>
      html`<button type="button" class="icon-button" aria-label=${name} title=${`${name} (${key})`} @click=${() => act(this.id())}>
        ${icon}
      </button>`
    render(
      [button(texts.copy, 'C', copyIcon, (id) => this.host.copy(id)), button(texts.quote, 'R', quoteIcon, (id) => this.host.quote(id))],
      this.buttons,
    )
  }

  /** To be told where the pointer is, and where the focus goes. The focus is the stronger claim. */
  readonly moveTo = (event: Event): void => {
    const message = messageAt(event.target)
    if (!message || this.buttons.parentElement === message) return
    if (event.type !== 'focusin' && this.buttons.matches(':focus-within')) return
    message.append(this.buttons)
  }

  /** Arrows walk through the messages; letters act on the one that has the focus. */
  readonly pressed = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    const log = event.currentTarget as HTMLElement
    const message = messageAt(event.target)
    const act = this.keys(log, message)[event.key]
    if (!act) return
    event.preventDefault()
    act()
  }

  private keys(log: HTMLElement, message: HTMLElement | undefined): Partial<Record<string, () => void>> {
    const id = message?.dataset['id']
    const messages = (): HTMLElement[] => [...log.querySelectorAll<HTMLElement>('.message')]
    const walk: Partial<Record<string, () => void>> = {
      Escape: () => this.host.leave(),
      ArrowUp: () => focusOn(message ? neighbour(messages(), message, -1) : messages().at(-1)),
    }
    if (!message || id === undefined) return walk
    return {
      ...walk,
      ArrowDown: () => focusOn(neighbour(messages(), message, 1)),
      Home: () => focusOn(messages()[0]),
      End: () => focusOn(messages().at(-1)),
      c: () => this.host.copy(id),
      r: () => this.host.quote(id),
    }
  }

  private id(): string {
    return this.buttons.parentElement?.dataset['id'] ?? ''
  }
}

function messageAt(target: EventTarget | null): HTMLElement | undefined {
  return target instanceof Element ? (target.closest<HTMLElement>('.message[data-id]') ?? undefined) : undefined
}

function neighbour(messages: readonly HTMLElement[], message: HTMLElement, by: number): HTMLElement | undefined {
  return messages[messages.indexOf(message) + by]
}

function focusOn(message: HTMLElement | undefined): void {
  message?.focus()
  message?.scrollIntoView({ block: 'nearest' })
}
