/**
 * `<chat-room>`: one room on a page, to read and to write in.
 * Knows what to show when. What goes on in the room visit.ts knows; the messages are <chat-log>'s, the field is <chat-composer>'s.
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
import type { Place } from './log/scroller.ts'
import { SearchBar } from './search-bar.ts'
import { bannerView, nickField, stateView, stoppedView } from './status-view.ts'
import { textsFor, type Texts } from '../texts.ts'
import { Visit } from './visit.ts'

/** How long a passing note stands, in ms. */
const NOTE = 6000
/** How often what is said of a lost connection is brought up to date, in ms. */
const TICK = 500
/** The looks of an id, so that nothing else in an address is looked for. */
const ID = /^\d{1,16}-\d{1,9}$/

/** A message that came while the reader was here. */
export interface MessageDetail {
  readonly room: string
  readonly message: Message
  /** Whether it calls the reader by name. */
  readonly isMention: boolean
}

/**
 * A chat room on a page. Attributes, each a property as well:
 *
 * - `src`: where roomfile is; by default where this script came from, which is in the folder assets/ there
 * - `room`: the room's name, `lobby` by default
 * - `nick`: who writes, at first; then what the reader chose, which the browser remembers
 * - `lang`: `en` or `zh`; the browser's languages decide by default
 * - `theme`: `light` or `dark`; the reader's system decides by default
 * - `at`: the id of a message to show and mark
 *
 * Events, which leave a shadow root: `message` (MessageDetail), `unread` ({room, count}), `state` ({room, state}), `named` ({nick}),
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
  /** A passing word: the room was edited, a message is copied. */
  declare private note: string

  private readonly log = createRef<ChatLog>()
  private readonly composer = createRef<ChatComposer>()
  private readonly bar = new SearchBar(this, {
    entries: () => this.visit?.entries ?? [],
    show: (id) => void this.log.value?.show(id),
    closed: () => this.log.value?.focus(),
  })
  private isPeopleOpen = false
  private wasAtEnd = true
  private visit: Visit | undefined
  /** Where the reader left the rooms, to come back to. */
  private readonly places = new Map<string, Place | undefined>()
  private told = { count: 0, state: '' }
  private isShown = false
  private midnight: ReturnType<typeof setTimeout> | undefined
  private notes: ReturnType<typeof setTimeout> | undefined
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
    document.addEventListener('visibilitychange', this.turned)
    if (this.hasUpdated) this.open()
    this.onNewDay()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    document.removeEventListener('visibilitychange', this.turned)
    for (const timer of [this.midnight, this.notes]) clearTimeout(timer)
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
    if (changed.has('at')) this.isShown = false
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
    this.tellChanges()
  }

  /** Leaves the room it showed, and visits the one it should show. @param left the room that was shown, if it is another */
  private open(left?: string): void {
    const { room } = this
    if (left !== undefined && this.visit) this.places.set(left, this.log.value?.whereabouts())
    this.visit?.end()
    this.isShown = false
    this.bar.forget()
    this.log.value?.start(this.places.get(room))
    this.told = { count: 0, state: '' }
    const src = new URL(this.src || '.', document.baseURI).href
    this.nick ||= recall('roomfile.nick')
    this.visit = new Visit({
      src,
      room,
      nick: this.nick,
      isLooking: () => this.isLooking(),
      changed: () => this.requestUpdate(),
      onMessages: (messages) => this.onMessages(messages),
      edited: () => this.say(this.texts.edited),
    })
  }

  private get texts(): Texts {
    return textsFor(this.lang)
  }

  private isLooking(): boolean {
    return document.visibilityState === 'visible' && (this.log.value?.atEnd ?? true)
  }

  private readonly looked = (): void => {
    const isRead = this.isLooking() && this.visit?.isLoaded === true && this.visit.read()
    const atEnd = this.log.value?.atEnd ?? true
    if (isRead || atEnd !== this.wasAtEnd) this.requestUpdate()
    this.wasAtEnd = atEnd
  }

  /** The tab came to the front: it may be another day, and whoever was signed out may have signed in elsewhere. */
  private readonly turned = (): void => {
    if (document.visibilityState !== 'visible') return
    this.onNewDay()
    this.looked()
    if (this.visit?.stopped) this.open()
  }

  /** What was today is yesterday from midnight on. */
  private onNewDay(): void {
    this.now = Date.now()
    clearTimeout(this.midnight)
    this.midnight = setTimeout(() => this.onNewDay(), untilMidnight(this.now) + 50)
  }

  private say(note: string): void {
    this.note = note
    clearTimeout(this.notes)
    this.notes = setTimeout(() => (this.note = ''), NOTE)
  }

  private onMessages(messages: readonly Message[]): void {
    const { visit, room } = this
    for (const message of messages) {
      if (!visit || message.type !== 'msg' || visit.isOwn(message)) continue
      this.tell('message', { room, message, isMention: isMentioned(message.msg, this.nick, visit.who) } satisfies MessageDetail)
    }
  }

  private tellChanges(): void {
    const { visit, room, told } = this
    if (!visit) return
    const { count } = visit.reading
    const { state } = visit.link.event
    if (count !== told.count) this.tell('unread', { room, count })
    if (state !== told.state) this.tell('state', { room, state })
    this.told = { count, state }
  }

  private tell(type: string, detail: object): boolean {
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }))
  }

  /** Shows the message that an address asks for, once what there is has come; says so when it is gone. */
  private async showAt(): Promise<void> {
    if (this.isShown || !ID.test(this.at) || !this.visit?.isLoaded || !this.log.value) return
    this.isShown = true
    await this.log.value.updateComplete
    if (!(await this.log.value.show(this.at))) this.say(this.texts.gone)
  }

  private readonly rename = (wanted: string): void => {
    const nick = wanted.trim()
    if (nick === this.nick && !this.visit?.nickError) return
    remember('roomfile.nick', nick)
    if (nick === this.nick) void this.visit?.join(nick)
    this.nick = nick
    this.tell('named', { nick })
  }

  private readonly send = ({ detail }: SendEvent): void => {
    this.visit?.say(detail.msg, this.nick)
    this.log.value?.toEnd()
  }

  private readonly editAgain = ({ detail: { cid } }: CustomEvent<{ cid: string }>): void => {
    const entry = this.visit?.pending.find((one) => one.cid === cid)
    if (!entry) return
    this.visit?.discard(cid)
    this.composer.value?.restore(entry.msg)
    this.focus()
  }

  private readonly linked = (event: CustomEvent<{ id: string }>): void => {
    const { id } = event.detail
    if (!this.tell('permalink', { room: this.room, id, url: this.hrefOf(id) })) event.preventDefault()
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

  private readonly pressed = (event: KeyboardEvent): void => {
    const isTyping = event.composedPath().some((at) => at instanceof HTMLElement && at.matches('input, textarea, select'))
    if (event.key === 'Escape' && this.bar.isOpen && !event.isComposing) this.bar.close()
    else if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey) this.find()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  protected override render(): TemplateResult {
    const { texts, visit } = this
    if (!visit) return html``
    return html`<div class="room" lang=${texts.language} @keydown=${this.pressed}>
      ${headerView(this.room, visit.who.length, texts, () => this.find())} ${this.peoplePanel(visit, texts)}
      ${this.bar.isOpen ? this.bar.view(texts) : nothing} ${this.stageView(visit, texts)}
      <aside class="roster" part="people" aria-label=${texts.people}>
        <p class="title">${texts.here(visit.who.length)}</p>
        ${peopleView(visit.who, visit.typing, visit.nick, texts)}
      </aside>
      <div class="foot" part="foot">${this.footView(visit, texts)}</div>
    </div>`
  }

  /** On narrow pages: the same people, behind the button with their number. */
  private peoplePanel(visit: Visit, texts: Texts): TemplateResult {
    return html`<div id="people" class="panel" popover aria-label=${texts.people} role="dialog" @beforetoggle=${this.peopleToggled}>
      ${this.isPeopleOpen ? peopleView(visit.who, visit.typing, visit.nick, texts) : nothing}
    </div>`
  }

  private readonly peopleToggled = (event: ToggleEvent): void => {
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
        @scrolled=${this.looked}
        @permalink=${this.linked}
        @quote=${(event: CustomEvent<{ text: string }>) => this.composer.value?.quote(event.detail.text)}
        @copied=${(event: CustomEvent<{ done: boolean }>) => this.say(event.detail.done ? texts.copied : texts.notCopied)}
        @leave=${() => this.focus()}
        @again=${(event: CustomEvent<{ cid: string }>) => visit.sayAgain(event.detail.cid)}
        @edit=${this.editAgain}
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
        @send=${this.send}
        @typing=${() => visit.type()}
      ></chat-composer>
      <div class="status">${nickField(this.nick, nickError, texts, this.rename)} ${stateView(link, stopped !== undefined, texts)}</div>`
  }

  /** Whom one may mention: those who are here, and those who said something. */
  private nicks({ who, entries }: Visit): string[] {
    return [...new Set([...who, ...entries.flatMap((entry) => ('nick' in entry && entry.nick !== '' ? [entry.nick] : []))])]
  }
}
