/**
 * `<chat-room>`: one room on a page, to read and to write in.
 * Knows what to show when: what came, how the connection is, where the reader has scrolled to, what could not be sent.
 * Knows nothing of polls and retries (client.ts), nor how a message looks (message-view.ts).
 */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { createRef, ref } from 'lit/directives/ref.js'
import { chatRoomStyle } from './chat-room-style.ts'
import { connect, newCid, RoomError, type Connection, type MessagesEvent, type StateEvent } from './client.ts'
import { fit, isSend } from './composer.ts'
import { markdownStyle } from './markdown-style.ts'
import { logView, type Entry } from './message-view.ts'
import { recall, remember } from './remembered.ts'
import { sharedHub } from './shared.ts'
import { clockFor, textsFor } from './texts.ts'

/** As many entries as the page keeps; a room that is open for weeks must not fill the memory. */
const MOST_ENTRIES = 2000
/** Pixels from the end within which a reader counts as being there. */
const NEAR = 80
/** How long a passing note stands, in ms. */
const NOTE = 6000

/**
 * A chat room on a page.
 *
 * - `src`: where roomfile is, `.` by default: the folder of the page
 * - `room`: the room's name, `lobby` by default
 * - `nick`: who writes, at first; then what the reader chose, which the browser remembers
 *
 * @example
 * <script type="module" src="chat-room.js"></script>
 * <chat-room src="https://chat.example.org/" room="lobby"></chat-room>
 */
export class ChatRoom extends LitElement {
  static override styles = [chatRoomStyle, markdownStyle]
  static override properties = {
    src: {},
    room: {},
    nick: {},
    entries: { state: true },
    link: { state: true },
    stopped: { state: true },
    unsent: { state: true },
    sending: { state: true },
    unseen: { state: true },
    edited: { state: true },
  }

  declare src: string
  declare room: string
  declare nick: string
  declare private entries: Entry[]
  declare private link: StateEvent
  /** Why the room cannot be followed any more. */
  declare private stopped: Error | undefined
  /** Why the text in the field is still there. */
  declare private unsent: Error | undefined
  declare private sending: boolean
  /** Messages that came while the reader was further up. */
  declare private unseen: number
  declare private edited: boolean

  private readonly texts = textsFor(navigator.language)
  private readonly clock = clockFor(navigator.language)
  private readonly log = createRef<HTMLElement>()
  private readonly field = createRef<HTMLTextAreaElement>()
  private readonly resized = new ResizeObserver(() => this.stick())
  private connection: Connection | undefined
  private ends = new AbortController()
  private ticks: ReturnType<typeof setInterval> | undefined
  private notes: ReturnType<typeof setTimeout> | undefined
  private atEnd = true
  /** The text last tried and its cid: sent again unchanged, it is the same post, and the room keeps it once. */
  private tried: { msg: string; nick: string; cid: string } | undefined

  constructor() {
    super()
    this.src = '.'
    this.room = 'lobby'
    this.nick = recall('roomfile.nick')
    this.entries = []
    this.link = { type: 'state', state: 'connecting' }
    this.sending = false
    this.unseen = 0
    this.edited = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    addEventListener('online', this.retry)
    if (this.hasUpdated) this.open()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('online', this.retry)
    this.resized.disconnect()
    this.stopTicks()
    clearTimeout(this.notes)
    this.ends.abort()
  }

  /** Puts the cursor where the next message is written. */
  override focus(options?: FocusOptions): void {
    this.field.value?.focus(options)
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('src') || changed.has('room')) this.open()
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('entries')) this.stick()
    const waits = this.link.state === 'waiting'
    if (waits) this.ticks ??= setInterval(() => this.requestUpdate(), 1000)
    else this.stopTicks()
  }

  protected override firstUpdated(): void {
    if (this.log.value) this.resized.observe(this.log.value)
  }

  private stopTicks(): void {
    clearInterval(this.ticks)
    this.ticks = undefined
  }

  /** Forgets the room it showed and follows the one it should show. */
  private open(): void {
    this.ends.abort()
    this.ends = new AbortController()
    this.entries = []
    this.unseen = 0
    this.atEnd = true
    this.stopped = undefined
    if (this.log.value) this.resized.observe(this.log.value)
    void this.follow(this.ends.signal)
  }

  private async follow(signal: AbortSignal): Promise<void> {
    try {
      this.connection = connect(this.src, { room: this.room, signal, hub: sharedHub(this.src) })
      for await (const event of this.connection) {
        if (event.type === 'state') this.link = event
        else if (event.type === 'messages') this.take(event)
      }
    } catch (error) {
      if (!signal.aborted) this.stopped = error as Error
    }
  }

  private take({ messages, reset, gap, timestamp }: MessagesEvent): void {
    const divider: Entry[] = gap && this.entries.length > 0 ? [{ type: 'gap', id: `gap-${timestamp}` }] : []
    const before = reset ? [] : this.entries
    if (reset && this.entries.length > 0) this.noteEdit()
    if (!this.atEnd) this.unseen = reset ? 0 : this.unseen + messages.length
    this.entries = [...before, ...divider, ...messages].slice(-MOST_ENTRIES)
  }

  private noteEdit(): void {
    this.edited = true
    clearTimeout(this.notes)
    this.notes = setTimeout(() => (this.edited = false), NOTE)
  }

  /** Keeps a reader who is at the end at the end, and leaves one who reads further up alone. */
  private stick(): void {
    const log = this.log.value
    if (log && this.atEnd) log.scrollTop = log.scrollHeight
  }

  private readonly toEnd = (): void => {
    this.atEnd = true
    this.unseen = 0
    this.stick()
  }

  private readonly scrolled = (): void => {
    const log = this.log.value
    if (!log) return
    this.atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR
    if (this.atEnd) this.unseen = 0
  }

  private readonly retry = (): void => this.connection?.retry()

  private readonly renamed = (event: Event): void => {
    this.nick = (event.target as HTMLInputElement).value.trim()
    remember('roomfile.nick', this.nick)
  }

  private readonly typed = (event: KeyboardEvent): void => {
    if (!isSend(event)) return
    event.preventDefault()
    void this.send()
  }

  private readonly submitted = (event: SubmitEvent): void => {
    event.preventDefault()
    void this.send()
  }

  /** The text leaves the field when the room has it, and not before. */
  private async send(): Promise<void> {
    const field = this.field.value
    const { connection, nick } = this
    const msg = field?.value.trimEnd() ?? ''
    if (!field || !connection || this.sending || msg.trim() === '') return
    if (this.tried?.msg !== msg || this.tried.nick !== nick) this.tried = { msg, nick, cid: newCid() }
    this.sending = true
    this.unsent = undefined
    try {
      await connection.post(msg, { nick, cid: this.tried.cid })
      this.tried = undefined
      field.value = ''
      fit(field)
      this.toEnd()
    } catch (error) {
      this.unsent = error as Error
    } finally {
      this.sending = false
    }
  }

  protected override render(): TemplateResult {
    return html`
      <div class="stage">
        <div class="log" role="log" aria-live="polite" aria-label=${this.texts.chat} tabindex="0" ${ref(this.log)} @scroll=${this.scrolled}>
          ${guard([this.entries], () => logView(this.entries, this.texts, this.clock))}
          ${this.entries.length === 0 && this.link.state === 'connected' ? html`<p class="empty">${this.texts.empty}</p>` : nothing}
        </div>
        <div class="float">
          ${this.edited ? html`<p class="edited" role="status">${this.texts.edited}</p>` : nothing}
          ${this.unseen > 0 ? html`<button class="unseen" @click=${this.toEnd}>↓ ${this.texts.newMessages(this.unseen)}</button>` : nothing}
        </div>
      </div>
      <div class="foot">${this.linkView()} ${this.unsentView()} ${this.composerView()}</div>
    `
  }

  /** How the connection is: a quiet word while all is well, a clear line when it is not. */
  private linkView(): TemplateResult | typeof nothing {
    if (this.stopped) return html`<p class="notice" role="alert"><span>${this.texts.stopped} ${this.stopped.message}</span></p>`
    if (this.link.state !== 'waiting') return nothing
    const seconds = Math.max(0, Math.round((this.link.retryAt - Date.now()) / 1000))
    return html`<p class="notice">
      <span><span role="status">${this.texts.lost}</span>${this.texts.retryIn(seconds)}</span>
      <button class="retry" @click=${this.retry}>${this.texts.retryNow}</button>
    </p>`
  }

  private unsentView(): TemplateResult | typeof nothing {
    if (!this.unsent) return nothing
    // The server gives its reasons in words; a browser says 'Failed to fetch', or 'Load failed', or else.
    const reason = this.unsent instanceof RoomError ? this.unsent.message : this.texts.unreachable
    return html`<p class="notice unsent" role="alert"><span>${this.texts.notSent} ${reason}</span></p>`
  }

  private composerView(): TemplateResult {
    const { texts, link, sending } = this
    const state = this.stopped || link.state === 'waiting' ? nothing : html`<span class="state ${link.state}">${texts[link.state]}</span>`
    return html`<form class="composer" @submit=${this.submitted}>
      <textarea
        ${ref(this.field)}
        rows="1"
        dir="auto"
        enterkeyhint="send"
        aria-label=${texts.message}
        placeholder=${texts.placeholder}
        ?readonly=${sending}
        @keydown=${this.typed}
        @input=${(event: InputEvent) => fit(event.target as HTMLTextAreaElement)}
      ></textarea>
      <div class="row">
        <input
          class="name"
          autocomplete="nickname"
          maxlength="32"
          aria-label=${texts.name}
          placeholder=${texts.name}
          .value=${this.nick}
          @change=${this.renamed}
        />
        ${state}
        <button class="send" ?disabled=${sending}>${sending ? texts.sending : texts.send}</button>
      </div>
    </form>`
  }
}
