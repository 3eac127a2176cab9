/**
 * The emoji picker, fetched when it is first asked for: a chunk of its own, with data that we serve. Opens above the composer.
 * Knows the picker, its languages and where its data are; knows nothing of the text that an emoji goes into.
 */
import chineseData from 'emoji-picker-element-data/zh/emojibase/data.json?url'
import englishData from 'emoji-picker-element-data/en/emojibase/data.json?url'
import { html, nothing, type LitElement, type TemplateResult } from 'lit'
import type { Texts } from '../texts.ts'

/** Its data lie beside this module, wherever the page is that uses it. */
async function fetchPicker(language: string): Promise<HTMLElement> {
  const isChinese = language.startsWith('zh')
  const [chinese] = await Promise.all([
    isChinese ? import('emoji-picker-element/i18n/zh_CN.js') : undefined,
    import('emoji-picker-element/picker.js'), // which defines the element; a page may have one already
  ])
  const dataSource = new URL(isChinese ? chineseData : englishData, import.meta.url).href
  const words = chinese ? { i18n: chinese.default } : {}
  return Object.assign(document.createElement('emoji-picker'), { locale: isChinese ? 'zh' : 'en', dataSource, ...words })
}

/** Pixels that the picker needs to be of use, and what stays free above it. */
const LEAST_HEIGHT = 220
const MARGIN = 16

type State = 'closed' | 'loading' | 'failed' | 'open'

/** The panel of one composer. It renders with its host, and hands over what is picked. */
export class EmojiPanel {
  #state: State = 'closed'
  #picker: { language: string; element: HTMLElement } | undefined
  readonly #host: LitElement
  readonly #pick: (emoji: string) => void

  constructor(host: LitElement, pick: (emoji: string) => void) {
    this.#host = host
    this.#pick = pick
    host.addController(this)
  }

  hostConnected(): void {
    document.addEventListener('pointerdown', this.#pressed)
  }

  hostDisconnected(): void {
    document.removeEventListener('pointerdown', this.#pressed)
  }

  get isOpen(): boolean {
    return this.#state !== 'closed'
  }

  close(): void {
    this.#become('closed')
  }

  /** Opens, fetching the picker the first time, or closes. */
  async toggle(language: string): Promise<void> {
    if (this.#state === 'open' || this.#state === 'loading') return this.close()
    this.#become('loading')
    try {
      if (this.#picker?.language !== language) this.#picker = { language, element: await fetchPicker(language) }
    } catch (error) {
      console.warn('roomfile: no emoji', error)
      return this.#become('failed')
    }
    if (!this.isOpen) return // closed meanwhile
    const above = this.#host.getBoundingClientRect().top - MARGIN
    this.#picker.element.style.maxHeight = `${Math.max(LEAST_HEIGHT, above)}px`
    this.#become('open')
    await this.#host.updateComplete
    // On a phone the focus would open the keyboard over the emoji.
    if (matchMedia('(pointer: fine)').matches) this.#picker.element.shadowRoot?.querySelector('input')?.focus()
  }

  view({ composer: texts }: Texts): TemplateResult | typeof nothing {
    if (this.#state === 'loading') return html`<p class="emoji-panel" role="status">${texts.emojiLoading}</p>`
    if (this.#state === 'failed') return html`<p class="emoji-panel" role="alert">${texts.emojiFailed}</p>`
    return this.#picker ? this.#pickerView(this.#picker.element, texts.emoji) : nothing
  }

  /** Stays where it is when it closes: it would have to start anew. */
  #pickerView(picker: HTMLElement, label: string): TemplateResult {
    return html`<div
      class="emoji-panel"
      role="dialog"
      aria-label=${label}
      ?hidden=${!this.isOpen}
      @keydown=${this.#keyed}
      @emoji-click=${this.#picked}
    >
      ${picker}
    </div>`
  }

  #become(state: State): void {
    this.#state = state
    this.#host.requestUpdate()
  }

  readonly #picked = ({ detail }: CustomEvent<{ unicode?: string }>): void => {
    this.close()
    if (detail.unicode !== undefined) this.#pick(detail.unicode)
  }

  readonly #keyed = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return
    this.close()
    this.#host.focus()
  }

  readonly #pressed = (event: PointerEvent): void => {
    const isOurs = event.composedPath().some((target) => target instanceof Element && target.matches('.emoji-panel, [data-tool=emoji]'))
    if (this.isOpen && !isOurs) this.close()
  }
}
