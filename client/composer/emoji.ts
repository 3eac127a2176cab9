/**
 * The emoji picker, above the composer. It is loaded when it is first opened: emoji-picker-element as a chunk of its own, and its data from
 * our server.
 */
import chineseData from 'emoji-picker-element-data/zh/emojibase/data.json?url'
import englishData from 'emoji-picker-element-data/en/emojibase/data.json?url'
import { html, nothing, type LitElement, type TemplateResult } from 'lit'
import type { Texts } from '../texts.ts'

/** The address of the data is relative to this module, since the page may be on another server. */
async function loadPicker(language: string): Promise<HTMLElement> {
  const isChinese = language.startsWith('zh')
  const [chinese] = await Promise.all([
    isChinese ? import('emoji-picker-element/i18n/zh_CN.js') : undefined,
    import('emoji-picker-element/picker.js'), // defines the element, unless the page has it already
  ])
  const dataSource = new URL(isChinese ? chineseData : englishData, import.meta.url).href
  const words = chinese ? { i18n: chinese.default } : {}
  return Object.assign(document.createElement('emoji-picker'), { locale: isChinese ? 'zh' : 'en', dataSource, ...words })
}

/** The least height of the picker, and the space above it, in pixels. */
const MIN_HEIGHT = 220
const MARGIN = 16

type State = 'closed' | 'loading' | 'failed' | 'open'

/** The panel of one composer, which renders it. */
export class EmojiPanel {
  #state: State = 'closed'
  #picker: { language: string; element: HTMLElement } | undefined
  readonly #host: LitElement
  readonly #onPick: (emoji: string) => void

  constructor(host: LitElement, onPick: (emoji: string) => void) {
    this.#host = host
    this.#onPick = onPick
    host.addController(this)
  }

  hostConnected(): void {
    document.addEventListener('pointerdown', this.#onPointerdown)
  }

  hostDisconnected(): void {
    document.removeEventListener('pointerdown', this.#onPointerdown)
  }

  get isOpen(): boolean {
    return this.#state !== 'closed'
  }

  close(): void {
    this.#setState('closed')
  }

  /** Opens or closes the panel. */
  async toggle(language: string): Promise<void> {
    if (this.#state === 'open' || this.#state === 'loading') return this.close()
    this.#setState('loading')
    try {
      if (this.#picker?.language !== language) this.#picker = { language, element: await loadPicker(language) }
    } catch (error) {
      console.warn('roomfile: the emoji picker cannot be loaded', error)
      return this.#setState('failed')
    }
    if (!this.isOpen) return // closed meanwhile
    const above = this.#host.getBoundingClientRect().top - MARGIN
    this.#picker.element.style.maxHeight = `${Math.max(MIN_HEIGHT, above)}px`
    this.#setState('open')
    await this.#host.updateComplete
    // On a phone, the focus would open the keyboard over the emoji.
    if (matchMedia('(pointer: fine)').matches) this.#picker.element.shadowRoot?.querySelector('input')?.focus()
  }

  view({ composer: texts }: Texts): TemplateResult | typeof nothing {
    if (this.#state === 'loading') return html`<p class="emoji-panel" role="status">${texts.emojiLoading}</p>`
    if (this.#state === 'failed') return html`<p class="emoji-panel" role="alert">${texts.emojiFailed}</p>`
    return this.#picker ? this.#pickerView(this.#picker.element, texts.emoji) : nothing
  }

  /** A closed picker stays in the page, so that it opens quickly. */
  #pickerView(picker: HTMLElement, label: string): TemplateResult {
    return html`<div
      class="emoji-panel"
      role="dialog"
      aria-label=${label}
      ?hidden=${!this.isOpen}
      @keydown=${this.#onKeydown}
      @emoji-click=${this.#onEmojiClick}
    >
      ${picker}
    </div>`
  }

  #setState(state: State): void {
    this.#state = state
    this.#host.requestUpdate()
  }

  readonly #onEmojiClick = ({ detail }: CustomEvent<{ unicode?: string }>): void => {
    this.close()
    if (detail.unicode !== undefined) this.#onPick(detail.unicode)
  }

  readonly #onKeydown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return
    this.close()
    this.#host.focus()
  }

  readonly #onPointerdown = (event: PointerEvent): void => {
    const isOurs = event.composedPath().some((target) => target instanceof Element && target.matches('.emoji-panel, [data-tool=emoji]'))
    if (this.isOpen && !isOurs) this.close()
  }
}
