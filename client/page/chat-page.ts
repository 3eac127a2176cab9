/**
 * The page around <chat-room>: which room the address names, the list of rooms, the settings, and who is called when somebody speaks.
 * Knows the address, the title and the tab. The element knows what happens in the room.
 */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { createRef, ref } from 'lit/directives/ref.js'
import { askPermission, chime, count, notify, permission } from './alerts.ts'
import { ChatRoom, type MessageDetail } from '../room/elements.ts' // which defines the elements
import { menuIcon, settingsIcon } from '../icons.ts'
import { isMentioned } from '../room/log/mention.ts'
import { placeBelow } from '../popover.ts'
import { recall } from '../remembered.ts'
import { RoomList } from './room-list.ts'
import { roomsView } from './rooms-view.ts'
import { change, settings, type Settings } from './settings.ts'
import { settingsView } from './settings-view.ts'
import { sharedHub } from '../api/shared.ts'
import { textsFor, type Texts } from '../texts.ts'

/** How often to look which rooms there are, while somebody looks at the page, in ms. */
const REFRESH = 60_000

/** Renders into the document itself: style.css is its style. */
export class ChatPage extends LitElement {
  static override properties = { room: { state: true }, at: { state: true }, chosen: { state: true }, isRefused: { state: true } }

  declare private room: string
  /** The message that the address names. */
  declare private at: string
  declare private chosen: Settings
  /** Whether the name of a room that was typed is none. */
  declare private isRefused: boolean

  private readonly element = createRef<InstanceType<typeof ChatRoom>>()
  private isRoomsOpen = false
  private isSettingsOpen = false
  private readonly list = new RoomList({
    src: document.baseURI.split(/[?#]/, 1)[0] ?? '',
    hub: sharedHub('.'),
    nick: () => recall('roomfile.nick'),
    changed: () => this.requestUpdate(),
    onMessages: (room, messages) => {
      for (const message of messages) {
        const isOwn = message.nick !== '' && message.nick === recall('roomfile.nick')
        if (message.type === 'msg' && !isOwn) this.call({ room, message, isMention: isMentioned(message.msg, recall('roomfile.nick')) })
      }
    },
  })

  constructor() {
    super()
    this.chosen = settings()
    this.isRefused = false
    this.at = ''
    this.room = ''
    this.arrive()
  }

  protected override createRenderRoot(): HTMLElement {
    return this
  }

  override connectedCallback(): void {
    super.connectedCallback()
    addEventListener('popstate', this.arrive)
    document.addEventListener('visibilitychange', this.onVisibilityChange)
    document.addEventListener('keydown', this.pressed)
    setInterval(this.onVisibilityChange, REFRESH)
    void this.list.refresh()
  }

  protected override firstUpdated(): void {
    // On a phone the focus would open the keyboard over the messages.
    if (matchMedia('(pointer: fine)').matches) void this.element.value?.updateComplete.then(() => this.element.value?.focus())
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('room')) this.list.show(this.room)
  }

  protected override updated(): void {
    const { documentElement } = document
    documentElement.lang = this.texts.language
    documentElement.dataset['theme'] = this.chosen.theme
    count(document.hidden ? this.list.unread : 0, this.texts.title(this.room))
  }

  private get texts(): Texts {
    return textsFor(this.chosen.language)
  }

  /** Shows what the address names. */
  private readonly arrive = (): void => {
    this.room = new URLSearchParams(location.search).get('room')?.normalize('NFC') || 'lobby'
    this.at = location.hash.slice(1)
  }

  private readonly onVisibilityChange = (): void => {
    this.requestUpdate()
    if (!document.hidden) void this.list.refresh()
  }

  private readonly pressed = (event: KeyboardEvent): void => {
    const isTyping = event.composedPath().some((at) => at instanceof HTMLElement && at.matches('input, textarea, select'))
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    this.element.value?.find()
  }

  private go(room: string): void {
    this.isRefused = false
    for (const panel of this.querySelectorAll<HTMLElement>('[popover]:popover-open')) panel.hidePopover()
    if (room !== this.room) history.pushState(null, '', `?room=${encodeURIComponent(room)}`)
    this.arrive()
    if (matchMedia('(pointer: fine)').matches) this.element.value?.focus()
  }

  /** Calls a reader who asked for it, when it is about them or when they look elsewhere. */
  private call({ room, message, isMention }: MessageDetail): void {
    if (!isMention && !document.hidden) return
    if (this.chosen.sound) chime()
    if (!this.chosen.notifications || (!document.hidden && room === this.room)) return
    const { anonymous, inRoom } = this.texts
    notify(inRoom(message.nick || anonymous, room), message.msg, room, () => this.go(room))
  }

  private readonly onMessage = ({ detail }: CustomEvent<MessageDetail>): void => {
    this.list.stir(detail.message.timestamp)
    this.call(detail)
  }

  private readonly linked = (event: CustomEvent<{ url: string }>): void => {
    event.preventDefault()
    history.pushState(null, '', event.detail.url)
    this.arrive()
  }

  private readonly changeSettings = (changes: Partial<Settings>): void => {
    this.chosen = change(changes)
    if (changes.sound) chime()
    if (changes.notifications) void askPermission().then(() => this.requestUpdate())
  }

  protected override render(): TemplateResult {
    const { texts, room, at, chosen, list } = this
    return html`<button class="skip" @click=${() => this.element.value?.focus()}>${texts.toField}</button>
      <nav class="rooms" aria-label=${texts.rooms}>${this.roomsView(texts)}</nav>
      <main>
        <chat-room
          ${ref(this.element)}
          .room=${room}
          .at=${at}
          .lang=${chosen.language}
          .theme=${chosen.theme}
          @message=${this.onMessage}
          @permalink=${this.linked}
          @unread=${({ detail }: CustomEvent<{ room: string; count: number }>) => list.count(detail.room, detail.count)}
        >
          ${this.roomsButton(texts)}
          <h1 slot="title" dir="auto">${room}</h1>
          <button slot="end" class="icon-button" popovertarget="settings" aria-label=${texts.settings} title=${texts.settings}>
            ${settingsIcon}
          </button>
        </chat-room>
      </main>
      ${this.panels(texts)}`
  }

  private roomsView(texts: Texts): TemplateResult {
    return roomsView(this.list.rooms, this.room, this.isRefused, texts, {
      go: (room) => this.go(room),
      refuse: () => (this.isRefused = true),
    })
  }

  private roomsButton(texts: Texts): TemplateResult {
    const { unread } = this.list
    return html`<button
      slot="start"
      class="icon-button rooms-button"
      popovertarget="rooms"
      aria-label=${unread > 0 ? texts.unreadIn(texts.rooms, unread) : texts.rooms}
      title=${texts.rooms}
    >
      ${menuIcon}${unread > 0 ? html`<span class="dot" aria-hidden="true"></span>` : nothing}
    </button>`
  }

  /** What opens from a button. What is closed is not there. */
  private panels(texts: Texts): TemplateResult {
    return html`<div id="rooms" class="rooms drawer" popover role="dialog" aria-label=${texts.rooms} @beforetoggle=${this.roomsToggled}>
        ${this.isRoomsOpen ? this.roomsView(texts) : nothing}
      </div>
      <div id="settings" class="panel" popover role="dialog" aria-label=${texts.settings} @beforetoggle=${this.settingsToggled}>
        ${this.isSettingsOpen ? settingsView(this.chosen, permission(), texts, this.changeSettings) : nothing}
      </div>`
  }

  private readonly roomsToggled = (event: ToggleEvent): void => {
    this.isRoomsOpen = event.newState === 'open'
    if (this.isRoomsOpen) void this.list.refresh()
    this.requestUpdate()
  }

  private readonly settingsToggled = (event: ToggleEvent): void => {
    this.isSettingsOpen = event.newState === 'open'
    const button = this.querySelector('[popovertarget="settings"]')
    if (button) placeBelow(event.target as HTMLElement, button)
    this.requestUpdate()
  }
}
