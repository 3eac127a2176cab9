/**
 * `<chat-log>`, a part of <chat-room>: the list of messages, with its scroll position, keys, and buttons for each message.
 * Knows no connection: it renders its properties, and fires events.
 */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { createRef, ref } from 'lit/directives/ref.js'
import { copy, selectAllIn } from './copy.ts'
import type { OutboxEntry } from '../../api/outbox.ts'
import type { Clock } from '../../language.ts'
import { logStyle } from './log-style.ts'
import { markdownStyle } from '../../markdown/markdown-style.ts'
import { MessageActions } from './message-actions.ts'
import { MessageTexts } from './message-text.ts'
import { logView } from './message-view.ts'
import { nickStyle } from './nick.ts'
import { pendingView } from './pending-view.ts'
import { rowsOf, type Entry } from './rows.ts'
import { Scroller, type ScrollPosition } from './scroller.ts'
import { SearchHighlight } from './search-highlight.ts'
import type { Texts } from '../../texts.ts'

/** How many entries are rendered at first (the newest), and how many older ones are added at a time, so that the page does not block. */
const FIRST = 60
const STEP = 150

/**
 * Events: `scrolled`; `quote` with `{ text }`; `permalink` (cancelable) with `{ id }`; `copied` with `{ done }`; `leave` for Escape;
 * `again`, `edit` and `discard` with the `{ cid }` of a message that was not sent.
 */
export class ChatLog extends LitElement {
  static override styles = [logStyle, nickStyle, markdownStyle]
  static override properties = {
    entries: {},
    pending: {},
    isLoaded: {},
    unreadFrom: {},
    isRead: {},
    texts: {},
    clock: {},
    now: {},
    hrefOf: {},
    marked: {},
    hits: {},
    query: {},
    unfolded: { state: true },
    from: { state: true },
  }

  declare entries: readonly Entry[]
  declare pending: readonly OutboxEntry[]
  /** Whether the first messages have come. */
  declare isLoaded: boolean
  /** The id of the first unread message, above which there is a line; and whether it has been read since. */
  declare unreadFrom: string | undefined
  declare isRead: boolean
  declare texts: Texts
  declare clock: Clock
  declare now: number
  declare hrefOf: (id: string) => string
  /** The id of the message that is marked: from the address, or the current result of the search. */
  declare marked: string | undefined
  /** The results of the search, and its query. */
  declare hits: readonly string[]
  declare query: string
  declare private unfolded: ReadonlySet<string>
  /** The index of the first entry that is rendered so far. */
  declare from: number

  private readonly frame = createRef<HTMLElement>()
  private readonly messageTexts = new MessageTexts()
  private readonly highlight = new SearchHighlight()
  private readonly resized = new ResizeObserver(() => this.follow())
  private readonly actions = new MessageActions({
    copy: (id) => void this.copy(this.sourceOf(id), this.row(id)),
    quote: (id) => this.emit('quote', { text: this.sourceOf(id) }),
    leave: () => this.emit('leave', {}),
  })
  private scroller: Scroller | undefined
  /** The scroll position to restore after the current update. */
  private positionToRestore: ScrollPosition | undefined
  /** The scroll position of the previous visit to this room, until it is restored. */
  private previousPosition: ScrollPosition | undefined
  private fillTimeout: ReturnType<typeof setTimeout> | undefined

  constructor() {
    super()
    this.entries = []
    this.pending = []
    this.isLoaded = false
    this.isRead = false
    this.hits = []
    this.query = ''
    this.unfolded = new Set()
    this.from = 0
  }

  /** Whether the end is in sight. */
  get atEnd(): boolean {
    return this.scroller?.atEnd ?? true
  }

  /** The scroll position; undefined at the end. */
  position(): ScrollPosition | undefined {
    return this.scroller?.position()
  }

  /** Begins again, for another room. @param position the scroll position of the previous visit */
  start(position: ScrollPosition | undefined): void {
    if (this.scroller) this.scroller.atEnd = position === undefined
    this.unfolded = new Set()
    this.previousPosition = position
  }

  toEnd(): void {
    this.scroller?.toEnd()
    this.emit('scrolled', {})
  }

  /** Scrolls to a message, and unfolds it. @returns whether it is there */
  async show(id: string): Promise<boolean> {
    const index = this.entries.findIndex((entry) => entry.id === id)
    if (index < 0) return false
    if (index < this.from) this.from = Math.max(0, index - STEP)
    this.unfolded = new Set(this.unfolded).add(id)
    await this.updateComplete
    const row = this.row(id)
    row?.closest('details')?.setAttribute('open', '')
    this.scroller?.toRow(id)
    this.emit('scrolled', {})
    return row !== undefined
  }

  override focus(options?: FocusOptions): void {
    this.frame.value?.focus(options)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.resized.disconnect()
    this.highlight.clear()
    clearTimeout(this.fillTimeout)
  }

  override connectedCallback(): void {
    super.connectedCallback()
    if (this.hasUpdated) this.observe()
  }

  protected override willUpdate(changed: PropertyValues<ChatLog>): void {
    if (changed.has('texts')) this.actions.render(this.texts)
    const before = changed.get('entries')
    const isRedrawn = before !== undefined && before[0] !== this.entries[0]
    if (isRedrawn) this.from = this.startOf(before)
    const previous = this.entries.findIndex(({ id }) => id === this.previousPosition?.id)
    if (previous >= 0) this.from = Math.min(this.from, Math.max(0, previous - STEP))
    if (this.query !== '') this.from = 0
    this.positionToRestore = isRedrawn || changed.has('from') ? (this.previousPosition ?? this.scroller?.position()) : undefined
  }

  /** The new value of `from` when the first entry has changed: the same entries stay rendered if they are still there (a trimmed or edited room). */
  private startOf(before: readonly Entry[]): number {
    const shown = new Set(before.slice(this.from).map(({ id }) => id))
    const first = this.entries.findIndex(({ id }) => shown.has(id))
    const newest = Math.max(0, this.entries.length - FIRST)
    return first < 0 ? newest : Math.min(first, newest)
  }

  protected override firstUpdated(): void {
    if (this.frame.value) this.scroller = new Scroller(this.frame.value)
    this.observe()
  }

  private observe(): void {
    for (const element of this.renderRoot.querySelectorAll('.log, .lines')) this.resized.observe(element)
  }

  protected override updated(changed: PropertyValues<ChatLog>): void {
    if (this.positionToRestore) this.scroller?.restore(this.positionToRestore)
    if (this.previousPosition && this.entries.length > 0) this.previousPosition = undefined
    this.follow()
    this.fillUp()
    const rows = this.hits.flatMap((id) => this.row(id) ?? [])
    if (changed.has('query') || changed.has('hits') || (this.query !== '' && changed.has('entries'))) this.highlight.show(rows, this.query)
  }

  /** Renders older messages after the newest ones have been painted. */
  private fillUp(): void {
    if (this.from === 0) return
    clearTimeout(this.fillTimeout)
    this.fillTimeout = setTimeout(() => (this.from = Math.max(0, this.from - STEP)), 0)
  }

  /** Keeps the end in view for a reader who is there, but not beyond the line above the first unread message. */
  private follow(): void {
    if (!this.scroller?.atEnd || this.entries.length === 0) return
    const line = this.isRead ? undefined : this.renderRoot.querySelector('.unread-line')
    if (line) this.scroller.toEndBelow(line)
    else this.scroller.toEnd()
    this.emit('scrolled', {})
  }

  private row(id: string): HTMLElement | undefined {
    return this.scroller?.row(id)
  }

  private sourceOf(id: string): string {
    const entry = this.entries.find((one) => one.id === id)
    return entry && 'msg' in entry ? entry.msg : ''
  }

  private async copy(text: string, shown: Element | null | undefined): Promise<void> {
    const done = await copy(text)
    if (!done && shown) selectAllIn(shown)
    this.emit('copied', { done })
  }

  private emit(type: string, detail: object): boolean {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }))
  }

  private readonly onScroll = (): void => {
    this.scroller?.onScroll()
    this.emit('scrolled', {})
  }

  private readonly toggle = (id: string): void => {
    const unfolded = new Set(this.unfolded)
    if (!unfolded.delete(id)) unfolded.add(id)
    this.unfolded = unfolded
  }

  private readonly onClick = (event: MouseEvent): void => {
    const target = event.target as Element
    const code = target.closest('.copy-code')?.previousElementSibling
    if (code) void this.copy((code.textContent ?? '').replace(/\n$/, ''), code)
    const id = target.closest('.time')?.closest<HTMLElement>('[data-id]')?.dataset['id']
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0
    if (id !== undefined && isPlain && !this.emit('permalink', { id })) event.preventDefault()
  }

  protected override render(): TemplateResult {
    const { entries, from, unreadFrom, isRead, unfolded, marked, texts, clock, now, hrefOf, messageTexts, toggle } = this
    const dependencies = [entries, from, unreadFrom, isRead, unfolded, marked, texts, clock, now, hrefOf]
    const context = { texts, clock, now, messageTexts, isRead, unfolded, toggle, marked, hrefOf }
    return html`<div
      class="log"
      part="log"
      role="log"
      aria-live="polite"
      aria-busy=${!this.isLoaded || from > 0}
      aria-label=${texts.chat}
      tabindex="0"
      ${ref(this.frame)}
      @scroll=${this.onScroll}
      @click=${this.onClick}
      @keydown=${this.actions.onKeydown}
      @pointerover=${this.actions.onPoint}
      @focusin=${this.actions.onPoint}
    >
      <div class="lines">
        ${guard(dependencies, () => logView(rowsOf(entries.slice(from), unreadFrom), context))}
        ${pendingView(this.pending, messageTexts, texts, {
          again: (cid) => this.emit('again', { cid }),
          edit: (cid) => this.emit('edit', { cid }),
          discard: (cid) => this.emit('discard', { cid }),
        })}
        ${this.isLoaded && entries.length === 0 && this.pending.length === 0 ? html`<p class="empty">${texts.empty}</p>` : nothing}
      </div>
    </div>`
  }
}
