/**
 * The actions on one message, by buttons and keys: copy it, quote it, go to the next.
 * There is one set of buttons in the whole log. It moves to the message that has the pointer or the focus, so that 2,000 messages do not
 * need 4,000 buttons.
 */
import { html, render } from 'lit'
import { copyIcon, quoteIcon } from '../../icons.ts'
import type { Texts } from '../../texts.ts'

export interface ActionsHost {
  copy(id: string): void
  quote(id: string): void
  /** Moves the focus from the log to the composer. */
  leave(): void
}

export class MessageActions {
  private readonly host: ActionsHost
  private readonly buttons = document.createElement('div')

  constructor(host: ActionsHost) {
    this.host = host
    this.buttons.className = 'actions'
  }

  /** Renders the buttons; again for another language. */
  render(texts: Texts): void {
    const button = (label: string, key: string, icon: unknown, act: (id: string) => void): unknown =>
      html`<button type="button" class="icon-button" aria-label=${label} title=${`${label} (${key})`} @click=${() => act(this.id())}>
        ${icon}
      </button>`
    render(
      [button(texts.copy, 'C', copyIcon, (id) => this.host.copy(id)), button(texts.quote, 'R', quoteIcon, (id) => this.host.quote(id))],
      this.buttons,
    )
  }

  /** For `pointerover` and `focusin`: moves the buttons. While one of them has the focus, the pointer does not move them. */
  readonly onPoint = (event: Event): void => {
    const message = messageAt(event.target)
    if (!message || this.buttons.parentElement === message) return
    if (event.type !== 'focusin' && this.buttons.matches(':focus-within')) return
    message.append(this.buttons)
  }

  /** Arrows go from message to message; letters act on the one that has the focus. */
  readonly onKeydown = (event: KeyboardEvent): void => {
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
    const keys: Partial<Record<string, () => void>> = {
      Escape: () => this.host.leave(),
      ArrowUp: () => focusOn(message ? neighbour(messages(), message, -1) : messages().at(-1)),
    }
    if (!message || id === undefined) return keys
    return {
      ...keys,
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
