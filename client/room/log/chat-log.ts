/**
 * `<chat-log>`, a part of <chat-room>: the messages, where the reader is among them, what is unfolded and what is marked.
 * Knows scrolling, keys and the buttons of a message. Knows no connection: it is given what there is, and tells what was wanted.
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
import { Scroller, type Place } from './scroller.ts'
import { SearchHighlight } from './search-highlight.ts'
import type { Texts } from '../../texts.ts'

/** How many entries are shown first, and how many older ones are added at a time: the newest are read first, and nothing blocks. */
const FIRST = 60
const STEP = 150

/**
 * Events: `scrolled` when the reader moved, `quote` and `permalink` (cancelable) with `{ id }`, `copied` with `{ done }`, `leave` for
 * Escape, `again`, `edit` and `discard` with the `{ cid }` of what was not sent.
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
  /** Whether the room has told what there is. */
  declare isLoaded: boolean
  /** The message that the line of the unread stands before, and whether it has been read meanwhile. */
  declare unreadFrom: string | undefined
  declare isRead: boolean
  declare texts: Texts
  declare clock: Clock
  declare now: number
  declare hrefOf: (id: string) => string
  /** The message that an address or the search points to. */
  declare marked: string | undefined
  /** What the search has found, and for what. */
  declare hits: readonly string[]
  declare query: string
  declare private unfolded: ReadonlySet<string>
  /** The entry from which on they are shown so far. */
  declare from: number

  private readonly frame = createRef<HTMLElement>()
  private readonly made = new MessageTexts()
  private readonly highlight = new SearchHighlight()
  private readonly resized = new ResizeObserver(() => this.follow())
  private readonly actions = new MessageActions({
    copy: (id) => void this.copy(this.sourceOf(id), this.row(id)),
    quote: (id) => this.tell('quote', { text: this.sourceOf(id) }),
    leave: () => this.tell('leave', {}),
  })
  private scroller: Scroller | undefined
  /** Where the reader was before the update under way. */
  private place: Place | undefined
  /** Where the reader was in this room the last time, until it is shown. */
  private returning: Place | undefined
  private fill: ReturnType<typeof setTimeout> | undefined

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

  /** Where the reader is, for coming back; undefined at the end. */
  whereabouts(): Place | undefined {
    return this.scroller?.place()
  }

  /** Starts afresh, for another room. @param place where the reader was there the last time */
  start(place: Place | undefined): void {
    if (this.scroller) this.scroller.atEnd = place === undefined
    this.unfolded = new Set()
    this.returning = place
  }

  toEnd(): void {
    this.scroller?.toEnd()
    this.tell('scrolled', {})
  }

  /** Brings a message into sight, unfolded. @returns whether it is there */
  async show(id: string): Promise<boolean> {
    const index = this.entries.findIndex((entry) => entry.id === id)
    if (index < 0) return false
    if (index < this.from) this.from = Math.max(0, index - STEP)
    this.unfolded = new Set(this.unfolded).add(id)
    await this.updateComplete
    const row = this.row(id)
    row?.closest('details')?.setAttribute('open', '')
    this.scroller?.toSight(id)
    this.tell('scrolled', {})
    return row !== undefined
  }

  override focus(options?: FocusOptions): void {
    this.frame.value?.focus(options)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.resized.disconnect()
    this.highlight.clear()
    clearTimeout(this.fill)
  }

  override connectedCallback(): void {
    super.connectedCallback()
    if (this.hasUpdated) this.observe()
  }

  protected override willUpdate(changed: PropertyValues<ChatLog>): void {
    if (changed.has('texts')) this.actions.name(this.texts)
    const before = changed.get('entries')
    const isRedrawn = before !== undefined && before[0] !== this.entries[0]
    if (isRedrawn) this.from = this.startOf(before)
    const returning = this.entries.findIndex(({ id }) => id === this.returning?.id)
    if (returning >= 0) this.from = Math.min(this.from, Math.max(0, returning - STEP))
    if (this.query !== '') this.from = 0
    this.place = isRedrawn || changed.has('from') ? (this.returning ?? this.scroller?.place()) : undefined
  }

  /** Where to begin to show, after what there was has changed at its beginning: a room trimmed or edited goes on, another one begins. */
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
    if (this.place) this.scroller?.restore(this.place)
    if (this.returning && this.entries.length > 0) this.returning = undefined
    this.follow()
    this.fillUp()
    const rows = this.hits.flatMap((id) => this.row(id) ?? [])
    if (changed.has('query') || changed.has('hits') || (this.query !== '' && changed.has('entries'))) this.highlight.show(rows, this.query)
  }

  /** Older messages follow once the newest are painted. */
  private fillUp(): void {
    if (this.from === 0) return
    clearTimeout(this.fill)
    this.fill = setTimeout(() => (this.from = Math.max(0, this.from - STEP)), 0)
  }

  /** Keeps a reader who is at the end there; what came while nobody looked stays in sight from its beginning. */
  private follow(): void {
    if (!this.scroller?.atEnd || this.entries.length === 0) return
    const line = this.isRead ? undefined : this.renderRoot.querySelector('.unread-line')
    if (line) this.scroller.toEndBelow(line)
    else this.scroller.toEnd()
    this.tell('scrolled', {})
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
    this.tell('copied', { done })
  }

  private tell(type: string, detail: object): boolean {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }))
  }

  private readonly scrolled = (): void => {
    this.scroller?.scrolled()
    this.tell('scrolled', {})
  }

  private readonly toggle = (id: string): void => {
    const unfolded = new Set(this.unfolded)
    if (!unfolded.delete(id)) unfolded.add(id)
    this.unfolded = unfolded
  }

  private readonly clicked = (event: MouseEvent): void => {
    const target = event.target as Element
    const code = target.closest('.copy-code')?.previousElementSibling
    if (code) void this.copy((code.textContent ?? '').replace(/\n$/, ''), code)
    const id = target.closest('.time')?.closest<HTMLElement>('[data-id]')?.dataset['id']
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0
    if (id !== undefined && isPlain && !this.tell('permalink', { id })) event.preventDefault()
  }

  protected override render(): TemplateResult {
    const { entries, from, unreadFrom, isRead, unfolded, marked, texts, clock, now, hrefOf, made, toggle } = this
    const shown = [entries, from, unreadFrom, isRead, unfolded, marked, texts, clock, now, hrefOf]
    const look = { texts, clock, now, made, isRead, unfolded, toggle, marked, hrefOf }
    return html`<div
      class="log"
      part="log"
      role="log"
      aria-live="polite"
      aria-busy=${!this.isLoaded || from > 0}
      aria-label=${texts.chat}
      tabindex="0"
      ${ref(this.frame)}
      @scroll=${this.scrolled}
      @click=${this.clicked}
      @keydown=${this.actions.pressed}
      @pointerover=${this.actions.moveTo}
      @focusin=${this.actions.moveTo}
    >
      <div class="lines">
        ${guard(shown, () => logView(rowsOf(entries.slice(from), unreadFrom), look))}
        ${pendingView(this.pending, this.made, texts, {
          again: (cid) => this.tell('again', { cid }),
          edit: (cid) => this.tell('edit', { cid }),
          discard: (cid) => this.tell('discard', { cid }),
        })}
        ${this.isLoaded && entries.length === 0 && this.pending.length === 0 ? html`<p class="empty">${texts.empty}</p>` : nothing}
      </div>
    </div>`
  }
}
