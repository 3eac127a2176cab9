/**
 * The page around <chat-room>: the list of rooms, the settings, and alerts for new messages. The address of the page names the room.
 * What happens in the room is shown by the element.
 */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { createRef, ref } from 'lit/directives/ref.js'
import { askPermission, notify, permission, playSound, showUnread } from './alerts.ts'
import { ChatRoom, type MessageDetail } from '../room/elements.ts' // this import defines the elements
import { menuIcon, settingsIcon } from '../icons.ts'
import { isMentioned } from '../room/log/mention.ts'
import { placeBelow } from '../popover.ts'
import { recall } from '../remembered.ts'
import { RoomList } from './room-list.ts'
import { roomsView } from './rooms-view.ts'
import { changeSettings, settings, type Settings } from './settings.ts'
import { settingsView } from './settings-view.ts'
import { sharedHub } from '../api/shared.ts'
import { textsFor, type Texts } from '../texts.ts'

/** How often the list of rooms is loaded while the page is visible, in ms. */
const REFRESH_INTERVAL = 60_000

/** Has no shadow root, so that style.css applies. */
export class ChatPage extends LitElement {
  static override properties = { room: { state: true }, at: { state: true }, chosen: { state: true }, isNameInvalid: { state: true } }

  declare private room: string
  /** The id of the message in the address. */
  declare private at: string
  declare private chosen: Settings
  /** Whether the last room name that was entered is invalid. */
  declare private isNameInvalid: boolean

  private readonly element = createRef<InstanceType<typeof ChatRoom>>()
  private isRoomsOpen = false
  private isSettingsOpen = false
  private readonly list = new RoomList({
    src: document.baseURI.split(/[?#]/, 1)[0] ?? '',
    hub: sharedHub('.'),
    nick: () => recall('roomfile.nick'),
    onChange: () => this.requestUpdate(),
    onMessages: (room, messages) => {
      for (const message of messages) {
        const isOwn = message.nick !== '' && message.nick === recall('roomfile.nick')
        if (message.type === 'msg' && !isOwn) this.alert({ room, message, isMention: isMentioned(message.msg, recall('roomfile.nick')) })
      }
    },
  })

  constructor() {
    super()
    this.chosen = settings()
    this.isNameInvalid = false
    this.at = ''
    this.room = ''
    this.readAddress()
  }

  protected override createRenderRoot(): HTMLElement {
    return this
  }

  override connectedCallback(): void {
    super.connectedCallback()
    addEventListener('popstate', this.readAddress)
    document.addEventListener('visibilitychange', this.onVisibilityChange)
    document.addEventListener('keydown', this.onKeydown)
    setInterval(this.onVisibilityChange, REFRESH_INTERVAL)
    void this.list.refresh()
  }

  protected override firstUpdated(): void {
    // On a phone, the focus would open the keyboard over the messages.
    if (matchMedia('(pointer: fine)').matches) void this.element.value?.updateComplete.then(() => this.element.value?.focus())
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('room')) this.list.show(this.room)
  }

  protected override updated(): void {
    const { documentElement } = document
    documentElement.lang = this.texts.language
    documentElement.dataset['theme'] = this.chosen.theme
    showUnread(document.hidden ? this.list.unread : 0, this.texts.title(this.room))
  }

  private get texts(): Texts {
    return textsFor(this.chosen.language)
  }

  /** Shows the room and the message that the address names. */
  private readonly readAddress = (): void => {
    this.room = new URLSearchParams(location.search).get('room')?.normalize('NFC') || 'lobby'
    this.at = location.hash.slice(1)
  }

  private readonly onVisibilityChange = (): void => {
    this.requestUpdate()
    if (!document.hidden) void this.list.refresh()
  }

  private readonly onKeydown = (event: KeyboardEvent): void => {
    const isTyping = event.composedPath().some((target) => target instanceof HTMLElement && target.matches('input, textarea, select'))
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    this.element.value?.find()
  }

  private go(room: string): void {
    this.isNameInvalid = false
    for (const panel of this.querySelectorAll<HTMLElement>('[popover]:popover-open')) panel.hidePopover()
    if (room !== this.room) history.pushState(null, '', `?room=${encodeURIComponent(room)}`)
    this.readAddress()
    if (matchMedia('(pointer: fine)').matches) this.element.value?.focus()
  }

  /** Alerts the reader, as the settings say: to a mention, or to any message while the page is hidden. */
  private alert({ room, message, isMention }: MessageDetail): void {
    if (!isMention && !document.hidden) return
    if (this.chosen.sound) playSound()
    if (!this.chosen.notifications || (!document.hidden && room === this.room)) return
    const { anonymous, inRoom } = this.texts
    notify(inRoom(message.nick || anonymous, room), message.msg, room, () => this.go(room))
  }

  private readonly onMessage = ({ detail }: CustomEvent<MessageDetail>): void => {
    this.list.setTimestamp(detail.message.timestamp)
    this.alert(detail)
  }

  private readonly onPermalink = (event: CustomEvent<{ url: string }>): void => {
    event.preventDefault()
    history.pushState(null, '', event.detail.url)
    this.readAddress()
  }

  private readonly onSettings = (changes: Partial<Settings>): void => {
    this.chosen = changeSettings(changes)
    if (changes.sound) playSound()
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
          @permalink=${this.onPermalink}
          @unread=${({ detail }: CustomEvent<{ room: string; count: number }>) => list.setUnread(detail.room, detail.count)}
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
    return roomsView(this.list.rooms, this.room, this.isNameInvalid, texts, {
      go: (room) => this.go(room),
      onInvalid: () => (this.isNameInvalid = true),
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

  /** The popovers. Their contents are rendered only while they are open. */
  private panels(texts: Texts): TemplateResult {
    return html`<div id="rooms" class="rooms drawer" popover role="dialog" aria-label=${texts.rooms} @beforetoggle=${this.onRoomsToggle}>
        ${this.isRoomsOpen ? this.roomsView(texts) : nothing}
      </div>
      <div id="settings" class="panel" popover role="dialog" aria-label=${texts.settings} @beforetoggle=${this.onSettingsToggle}>
        ${this.isSettingsOpen ? settingsView(this.chosen, permission(), texts, this.onSettings) : nothing}
      </div>`
  }

  private readonly onRoomsToggle = (event: ToggleEvent): void => {
    this.isRoomsOpen = event.newState === 'open'
    if (this.isRoomsOpen) void this.list.refresh()
    this.requestUpdate()
  }

  private readonly onSettingsToggle = (event: ToggleEvent): void => {
    this.isSettingsOpen = event.newState === 'open'
    const button = this.querySelector('[popovertarget="settings"]')
    if (button) placeBelow(event.target as HTMLElement, button)
    this.requestUpdate()
  }
}
