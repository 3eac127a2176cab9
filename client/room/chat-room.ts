/**
 * `<chat-room>`: one room on a page, to read and to write in.
 * Renders what a visit to the room has (visit.ts); <chat-log> shows the messages, and in <chat-composer> they are written.
 */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { createRef, ref } from 'lit/directives/ref.js'
import { chatRoomStyle } from './chat-room-style.ts'
import type { ChatComposer, SendEvent } from '../composer/composer.ts'
import type { ChatLog } from './log/chat-log.ts'
import type { Message } from '../api/client.ts'
import { headerView, latestView } from './header-view.ts'
import { clockFor, languageFor, untilMidnight } from '../language.ts'
import { isMentioned } from './log/mention.ts'
import { nickStyle } from './log/nick.ts'
import { peopleView, typingView } from './people-view.ts'
import { placeBelow } from '../popover.ts'
import { recall, remember } from '../remembered.ts'
import type { ScrollPosition } from './log/scroller.ts'
import { SearchBar } from './search-bar.ts'
import { bannerView, nickField, stateView, stoppedView } from './status-view.ts'
import { textsFor, type Texts } from '../texts.ts'
import { Visit } from './visit.ts'

/** How long a note is shown, in ms. */
const NOTE_TIME = 6000
/** How often the view is updated while there is no connection, in ms. */
const TICK = 500
/** The format of a message id: any other fragment of an address is ignored. */
const ID = /^\d{1,16}-\d{1,9}$/

/** A message that came during the visit. */
export interface MessageDetail {
  readonly room: string
  readonly message: Message
  /** Whether it mentions the reader's nick. */
  readonly isMention: boolean
}

/**
 * A chat room on a page. Attributes, each a property as well:
 *
 * - `src`: the address of the server; by default the one that this script came from
 * - `room`: the room's name, `lobby` by default
 * - `nick`: the reader's nick; once the reader has chosen another one, the browser stores that
 * - `lang`: `en` or `zh`; the browser's languages decide by default
 * - `theme`: `light` or `dark`; the reader's system decides by default
 * - `at`: the id of a message to show and mark
 *
 * Events, which bubble out of shadow roots: `message` (MessageDetail), `unread` ({room, count}), `state` ({room, state}), `named` ({nick}),
 * and `permalink` ({room, id, url}) before a message's link is followed, cancelable.
 *
 * @example
 * <script type="module" src="https://chat.example.org/chat-room.js"></script>
 * <chat-room src="https://chat.example.org/" room="lobby"></chat-room>
 */
export class ChatRoom extends LitElement {
  static override styles = [chatRoomStyle, nickStyle]
  static override properties = {
    src: {},
    room: {},
    nick: {},
    lang: {},
    theme: { reflect: true },
    at: {},
    now: { state: true },
    note: { state: true },
  }

  declare src: string
  declare room: string
  declare nick: string
  declare lang: string
  declare theme: string
  declare at: string
  declare private now: number
  /** A text that is shown for a short time: the room was edited, a message is copied. */
  declare private note: string

  private readonly log = createRef<ChatLog>()
  private readonly composer = createRef<ChatComposer>()
  private readonly bar = new SearchBar(this, {
    entries: () => this.visit?.entries ?? [],
    show: (id) => void this.log.value?.show(id),
    onClose: () => this.log.value?.focus(),
  })
  private isPeopleOpen = false
  private wasAtEnd = true
  private visit: Visit | undefined
  /** The scroll positions of other rooms, for when the reader returns. */
  private readonly positions = new Map<string, ScrollPosition | undefined>()
  /** What the latest `unread` and `state` events said. */
  private reported = { count: 0, state: '' }
  /** Whether the message `at` has been shown. */
  private isAtShown = false
  private midnight: ReturnType<typeof setTimeout> | undefined
  private noteTimeout: ReturnType<typeof setTimeout> | undefined
  private ticks: ReturnType<typeof setInterval> | undefined

  constructor() {
    super()
    this.src = new URL('..', import.meta.url).href
    this.room = 'lobby'
    this.nick = ''
    this.lang = ''
    this.theme = ''
    this.at = ''
    this.now = Date.now()
    this.note = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    document.addEventListener('visibilitychange', this.onVisibilityChange)
    if (this.hasUpdated) this.open()
    this.onNewDay()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    document.removeEventListener('visibilitychange', this.onVisibilityChange)
    for (const timer of [this.midnight, this.noteTimeout]) clearTimeout(timer)
    clearInterval(this.ticks)
    this.ticks = undefined
    this.visit?.end()
  }

  /** Puts the cursor where the next message is written. */
  override focus(): void {
    this.composer.value?.focus()
  }

  /** Opens the search, or goes to its field. */
  find(): void {
    this.bar.open()
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('src') || changed.has('room')) this.open(changed.get('room'))
    else if (changed.has('nick')) void this.visit?.join(this.nick)
    if (changed.has('at')) this.isAtShown = false
    this.bar.refresh()
  }

  protected override updated(): void {
    const isDown = this.visit?.link.isDown === true && this.isConnected
    if (isDown) this.ticks ??= setInterval(() => this.requestUpdate(), TICK)
    if (!isDown) {
      clearInterval(this.ticks)
      this.ticks = undefined
    }
    void this.showAt()
    this.reportChanges()
  }

  /** Visits the room of `src` and `room`. @param left the room that was shown before, if it is another one */
  private open(left?: string): void {
    const { room } = this
    if (left !== undefined && this.visit) this.positions.set(left, this.log.value?.position())
    this.visit?.end()
    this.isAtShown = false
    this.bar.reset()
    this.log.value?.start(this.positions.get(room))
    this.reported = { count: 0, state: '' }
    const src = new URL(this.src || '.', document.baseURI).href
    this.nick ||= recall('roomfile.nick')
    this.visit = new Visit({
      src,
      room,
      nick: this.nick,
      isLooking: () => this.isLooking(),
      onChange: () => this.requestUpdate(),
      onMessages: (messages) => this.onMessages(messages),
      onReset: () => this.showNote(this.texts.edited),
    })
  }

  private get texts(): Texts {
    return textsFor(this.lang)
  }

  private isLooking(): boolean {
    return document.visibilityState === 'visible' && (this.log.value?.atEnd ?? true)
  }

  private readonly onScroll = (): void => {
    const isRead = this.isLooking() && this.visit?.isLoaded === true && this.visit.read()
    const atEnd = this.log.value?.atEnd ?? true
    if (isRead || atEnd !== this.wasAtEnd) this.requestUpdate()
    this.wasAtEnd = atEnd
  }

  /** The page is visible again: it may be another day, and the reader may have signed in on another page. */
  private readonly onVisibilityChange = (): void => {
    if (document.visibilityState !== 'visible') return
    this.onNewDay()
    this.onScroll()
    if (this.visit?.stopped) this.open()
  }

  /** Renders again at midnight, when `Today` becomes `Yesterday`. */
  private onNewDay(): void {
    this.now = Date.now()
    clearTimeout(this.midnight)
    this.midnight = setTimeout(() => this.onNewDay(), untilMidnight(this.now) + 50)
  }

  private showNote(note: string): void {
    this.note = note
    clearTimeout(this.noteTimeout)
    this.noteTimeout = setTimeout(() => (this.note = ''), NOTE_TIME)
  }

  private onMessages(messages: readonly Message[]): void {
    const { visit, room } = this
    for (const message of messages) {
      if (!visit || message.type !== 'msg' || visit.isOwn(message)) continue
      this.emit('message', { room, message, isMention: isMentioned(message.msg, this.nick, visit.who) } satisfies MessageDetail)
    }
  }

  private reportChanges(): void {
    const { visit, room, reported } = this
    if (!visit) return
    const { count } = visit.reading
    const { state } = visit.link.event
    if (count !== reported.count) this.emit('unread', { room, count })
    if (state !== reported.state) this.emit('state', { room, state })
    this.reported = { count, state }
  }

  private emit(type: string, detail: object): boolean {
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }))
  }

  /** Shows the message `at` once the messages have come, or a note that it is not there. */
  private async showAt(): Promise<void> {
    if (this.isAtShown || !ID.test(this.at) || !this.visit?.isLoaded || !this.log.value) return
    this.isAtShown = true
    await this.log.value.updateComplete
    if (!(await this.log.value.show(this.at))) this.showNote(this.texts.gone)
  }

  private readonly onRename = (wanted: string): void => {
    const nick = wanted.trim()
    if (nick === this.nick && !this.visit?.nickError) return
    remember('roomfile.nick', nick)
    if (nick === this.nick) void this.visit?.join(nick)
    this.nick = nick
    this.emit('named', { nick })
  }

  private readonly onSend = ({ detail }: SendEvent): void => {
    this.visit?.send(detail.msg, this.nick)
    this.log.value?.toEnd()
  }

  private readonly onEdit = ({ detail: { cid } }: CustomEvent<{ cid: string }>): void => {
    const entry = this.visit?.pending.find((one) => one.cid === cid)
    if (!entry) return
    this.visit?.discard(cid)
    this.composer.value?.restore(entry.msg)
    this.focus()
  }

  private readonly onPermalink = (event: CustomEvent<{ id: string }>): void => {
    const { id } = event.detail
    if (!this.emit('permalink', { room: this.room, id, url: this.hrefOf(id) })) event.preventDefault()
  }

  private readonly hrefOf = (id: string): string => {
    const url = new URL(this.src || '.', document.baseURI)
    url.search = `?room=${encodeURIComponent(this.room)}`
    url.hash = id
    return url.href
  }

  private readonly retry = (): void => {
    if (this.visit?.stopped) this.open()
    else this.visit?.retry()
  }

  private readonly onKeydown = (event: KeyboardEvent): void => {
    const isTyping = event.composedPath().some((target) => target instanceof HTMLElement && target.matches('input, textarea, select'))
    if (event.key === 'Escape' && this.bar.isOpen && !event.isComposing) this.bar.close()
    else if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey) this.find()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  protected override render(): TemplateResult {
    const { texts, visit } = this
    if (!visit) return html``
    return html`<div class="room" lang=${texts.language} @keydown=${this.onKeydown}>
      ${headerView(this.room, visit.who.length, texts, () => this.find())} ${this.peoplePanel(visit, texts)}
      ${this.bar.isOpen ? this.bar.view(texts) : nothing} ${this.stageView(visit, texts)}
      <aside class="roster" part="people" aria-label=${texts.people}>
        <p class="title">${texts.here(visit.who.length)}</p>
        ${peopleView(visit.who, visit.typing, visit.nick, texts)}
      </aside>
      <div class="foot" part="foot">${this.footView(visit, texts)}</div>
    </div>`
  }

  /** Where there is little room, the list of people opens from a button. */
  private peoplePanel(visit: Visit, texts: Texts): TemplateResult {
    return html`<div id="people" class="panel" popover aria-label=${texts.people} role="dialog" @beforetoggle=${this.onPeopleToggle}>
      ${this.isPeopleOpen ? peopleView(visit.who, visit.typing, visit.nick, texts) : nothing}
    </div>`
  }

  private readonly onPeopleToggle = (event: ToggleEvent): void => {
    this.isPeopleOpen = event.newState === 'open'
    const button = this.renderRoot.querySelector('.people-button')
    if (button) placeBelow(event.target as HTMLElement, button)
    this.requestUpdate()
  }

  private stageView(visit: Visit, texts: Texts): TemplateResult {
    const { reading } = visit
    return html`<div class="stage">
      <chat-log
        exportparts="log, message"
        ${ref(this.log)}
        .entries=${visit.entries}
        .pending=${visit.pending}
        .isLoaded=${visit.isLoaded}
        .unreadFrom=${reading.from}
        .isRead=${reading.isRead}
        .texts=${texts}
        .clock=${clockFor(languageFor(this.lang))}
        .now=${this.now}
        .hrefOf=${this.hrefOf}
        .marked=${this.bar.isOpen ? this.bar.search.id : this.at}
        .hits=${this.bar.search.hits}
        .query=${this.bar.search.query}
        @scrolled=${this.onScroll}
        @permalink=${this.onPermalink}
        @quote=${(event: CustomEvent<{ text: string }>) => this.composer.value?.quote(event.detail.text)}
        @copied=${(event: CustomEvent<{ done: boolean }>) => this.showNote(event.detail.done ? texts.copied : texts.notCopied)}
        @leave=${() => this.focus()}
        @again=${(event: CustomEvent<{ cid: string }>) => visit.sendAgain(event.detail.cid)}
        @edit=${this.onEdit}
        @discard=${(event: CustomEvent<{ cid: string }>) => visit.discard(event.detail.cid)}
      ></chat-log>
      <div class="float">
        <div role="status">${this.note === '' ? nothing : html`<p class="note">${this.note}</p>`}</div>
        ${this.log.value?.atEnd === false ? latestView(reading.count, texts, () => this.log.value?.toEnd()) : nothing}
      </div>
    </div>`
  }

  private footView(visit: Visit, texts: Texts): unknown {
    const { link, stopped, typing, nick, nickError } = visit
    const signIn = new URL(this.src || '.', document.baseURI).href
    return html`${stopped ? stoppedView(stopped, texts, signIn, this.retry) : bannerView(link, Date.now(), texts, this.retry)}
      ${typingView(typing, nick, texts)}
      <chat-composer
        part="composer"
        exportparts="field, toolbar, send, preview"
        ${ref(this.composer)}
        .texts=${texts}
        .room=${visit.key}
        .nicks=${this.nicks(visit)}
        .nick=${this.nick}
        @send=${this.onSend}
        @typing=${() => visit.type()}
      ></chat-composer>
      <div class="status">${nickField(this.nick, nickError, texts, this.onRename)} ${stateView(link, stopped !== undefined, texts)}</div>`
  }

  /** The nicks that a message may mention: people who are here, and authors of messages. */
  private nicks({ who, entries }: Visit): string[] {
    return [...new Set([...who, ...entries.flatMap((entry) => ('nick' in entry && entry.nick !== '' ? [entry.nick] : []))])]
  }
}
