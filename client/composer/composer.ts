/**
 * `<chat-composer>`: where a message is written. A text field, a toolbar, a preview, completion of mentions, and an emoji picker.
 * Knows no connection: it fires `send` and `typing`. What an edit does to a text is in edits.ts, completion in completion.ts.
 */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { createRef, ref } from 'lit/directives/ref.js'
import { completed, steered, suggestionsAt, type Steered, type Suggestions } from './completion.ts'
import { EDITS } from './edits.ts'
import { passageIn, write } from './field.ts'
import { continued, quoted } from './lines.ts'
import { linkTo } from './links.ts'
import { editFor, isComposing, isSend } from './keys.ts'
import { draftOf, keepDraft, keepSent, sentTo } from './memory.ts'
import { composerStyle } from './style.ts'
import { keepFocus, ensureTabStop, toolbarView, type ToolbarActions } from './toolbar.ts'
import { EmojiPanel } from './emoji.ts'
import { markdownStyle } from '../markdown/markdown-style.ts'
import { inserted, type Passage } from './passage.ts'
import { safeHtml } from '../markdown/safe-html.ts'
import { textsFor, type Texts } from '../texts.ts'

export type SendEvent = CustomEvent<{ msg: string }>

const EMPTY: Passage = { text: '', start: 0, end: 0 }

/**
 * Writes messages for a room; the room posts them.
 *
 * - `texts`: the texts of the page · `room`: the key of the draft and the history, unique among all rooms and servers
 * - `nicks`: the people to mention · `nick`: the writer's own nick · `disabled`: the text cannot be changed or sent
 *
 * @fires send - `detail.msg`; the field and the draft are empty then. If the message cannot be posted, `restore()` brings it back
 * @fires typing - for each change by the user
 */
export class ChatComposer extends LitElement {
  static override styles = [composerStyle, markdownStyle]
  static override properties = {
    texts: { attribute: false },
    room: {},
    nicks: { attribute: false },
    nick: {},
    disabled: { type: Boolean },
    passage: { state: true },
    suggestions: { state: true },
    hasPreview: { state: true },
    isUnfolded: { state: true },
  }

  declare texts: Texts
  declare room: string
  declare nicks: readonly string[]
  declare nick: string
  declare disabled: boolean
  /** The text and selection of the field at its latest event. */
  declare private passage: Passage
  declare private suggestions: Suggestions | undefined
  declare private hasPreview: boolean
  /** Whether the formats are shown where there is little room. */
  declare private isUnfolded: boolean

  private readonly field = createRef<HTMLTextAreaElement>()
  private readonly emoji = new EmojiPanel(this, (emoji) => this.edit((passage) => inserted(passage, emoji)))
  /** The sent messages and the index of the one in the field, while the arrows go through them. */
  private recalled: { sent: readonly string[]; at: number } | undefined

  constructor() {
    super()
    this.texts = textsFor(navigator.language)
    this.room = ''
    this.nicks = []
    this.nick = ''
    this.disabled = false
    this.passage = EMPTY
    this.hasPreview = false
    this.isUnfolded = false
  }

  /** Puts the cursor into the field. */
  override focus(options?: FocusOptions): void {
    this.field.value?.focus(options)
  }

  /** Quotes a message, with the cursor below it. */
  quote(text: string): void {
    this.edit((passage) => quoted(passage, text))
  }

  /** Puts a text that was not posted back into the field, above what was written since. */
  restore(msg: string): void {
    this.fill([msg, this.passage.text].filter((text) => text !== '').join('\n\n'))
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('room')) this.fill(draftOf(this.room), this.room)
    ensureTabStop(this.renderRoot)
  }

  /** Sets the text of the field, without an undo step. */
  private fill(text: string, room = this.room): void {
    const field = this.field.value
    if (!field) return
    field.value = text
    keepDraft(room, text)
    this.recalled = undefined
    this.suggestions = undefined
    this.passage = passageIn(field)
  }

  /** Changes the text with an undo step. @returns whether there was a change */
  private edit(change: (passage: Passage) => Passage | undefined): boolean {
    const field = this.field.value
    if (!field || this.disabled) return false
    const now = change(passageIn(field))
    if (now) write(field, now)
    this.passage = passageIn(field)
    return now !== undefined
  }

  private readonly onInput = (): void => {
    if (!this.field.value) return
    this.passage = passageIn(this.field.value)
    this.suggestions = suggestionsAt(this.passage, this.nicks, this.nick)
    keepDraft(this.room, this.passage.text)
    if (this.passage.text.trim() !== '') this.dispatchEvent(new CustomEvent('typing', { bubbles: true, composed: true }))
  }

  private readonly onSelection = (): void => {
    if (!this.field.value) return
    this.passage = passageIn(this.field.value)
    if (this.suggestions?.at !== this.passage.start) this.suggestions = undefined
  }

  private readonly onKeydown = (event: KeyboardEvent): void => {
    if (isComposing(event) || !this.field.value) return
    this.passage = passageIn(this.field.value)
    if (this.suggests(event) || this.edits(event) || this.recalls(event)) event.preventDefault()
    else if (isSend(event)) {
      event.preventDefault()
      this.send()
    }
  }

  private edits(event: KeyboardEvent): boolean {
    const name = editFor(event)
    if (name) this.edit(EDITS[name])
    if (name) return true
    return event.key === 'Enter' && event.shiftKey && this.edit(continued)
  }

  /** The keys of the list of nicks. Tab after a bare `@` opens it. */
  private suggests(event: KeyboardEvent): boolean {
    if (!isPlain(event) || this.disabled) return false
    const open = this.suggestions ?? (event.key === 'Tab' ? suggestionsAt(this.passage, this.nicks, this.nick, 0) : undefined)
    const next = open && steered(open, event.key, this.passage)
    if (next) this.steer(next)
    else if (open?.taken) this.suggestions = undefined
    return next !== undefined
  }

  private steer({ passage, suggestions }: Steered): void {
    if (passage) this.edit(() => passage)
    this.suggestions = suggestions
  }

  /** Up in an empty field brings back the latest sent message; Up and Down then go through the others, until the text is changed. */
  private recalls(event: KeyboardEvent): boolean {
    const step = STEPS[event.key]
    if (step === undefined || !isPlain(event)) return false
    const { text, start } = this.passage
    const isRecalled = this.recalled !== undefined && text === this.recalled.sent[this.recalled.at] && start === text.length
    if (!isRecalled && text !== '') return false
    const sent = isRecalled && this.recalled ? this.recalled.sent : sentTo(this.room)
    const at = (isRecalled && this.recalled ? this.recalled.at : sent.length) + step
    if (at < 0 || at > sent.length) return isRecalled
    const said = sent[at] ?? ''
    this.edit(() => ({ text: said, start: said.length, end: said.length }))
    this.recalled = at < sent.length ? { sent, at } : undefined
    return true
  }

  private readonly onPaste = (event: ClipboardEvent): void => {
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (this.edit((passage) => linkTo(text, passage))) event.preventDefault()
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    this.send()
  }

  private send(): void {
    const msg = this.field.value?.value.trimEnd() ?? ''
    if (this.disabled || msg.trim() === '') return
    keepSent(this.room, msg)
    this.fill('')
    this.focus()
    this.dispatchEvent(new CustomEvent('send', { detail: { msg }, bubbles: true, composed: true }))
  }

  private readonly actions: ToolbarActions = {
    edit: (name) => void this.edit(EDITS[name]),
    unfold: () => (this.isUnfolded = !this.isUnfolded),
    emoji: () => {
      this.suggestions = undefined
      void this.emoji.toggle(this.texts.language)
    },
    preview: () => (this.hasPreview = !this.hasPreview),
  }

  protected override render(): TemplateResult {
    const { texts, passage, hasPreview, isUnfolded, disabled } = this
    const state = { texts, passage, hasPreview, isUnfolded, hasEmoji: this.emoji.isOpen }
    return html`${this.emoji.view(texts)} ${this.peopleView()}
      <form class="frame" @submit=${this.onSubmit}>
        ${hasPreview ? this.previewView() : nothing} ${this.fieldView()}
        <div class="row">
          ${toolbarView(state, this.actions)}
          <button class="send" part="send" ?disabled=${disabled} @mousedown=${keepFocus}>${texts.send}</button>
        </div>
      </form>`
  }

  private previewView(): TemplateResult {
    const { preview } = this.texts.composer
    return html`<div
      class="preview text"
      part="preview"
      dir="auto"
      role="region"
      aria-label=${preview}
      tabindex="0"
      data-empty=${preview}
      .innerHTML=${safeHtml(this.passage.text)}
    ></div>`
  }

  private fieldView(): TemplateResult {
    const { texts, suggestions } = this
    return html`<div class="grow" data-text=${this.passage.text}>
      <textarea
        ${ref(this.field)}
        part="field"
        rows="1"
        dir="auto"
        enterkeyhint="send"
        aria-label=${texts.message}
        aria-autocomplete="list"
        aria-controls=${suggestions ? 'people' : nothing}
        aria-activedescendant=${suggestions ? `nick-${suggestions.active}` : nothing}
        placeholder=${texts.placeholder}
        ?readonly=${this.disabled}
        @keydown=${this.onKeydown}
        @input=${this.onInput}
        @selectionchange=${this.onSelection}
        @paste=${this.onPaste}
        @blur=${() => (this.suggestions = undefined)}
      ></textarea>
    </div>`
  }

  private peopleView(): TemplateResult | typeof nothing {
    const list = this.suggestions
    if (!list) return nothing
    const take = (index: number): void => this.steer({ suggestions: undefined, passage: completed(list, index, this.passage) })
    return html`<ul class="people" id="people" role="listbox" aria-label=${this.texts.composer.people} @mousedown=${keepFocus}>
      ${list.nicks.map(
        (nick, index) =>
          html`<li id=${`nick-${index}`} role="option" aria-selected=${index === list.active} @click=${() => take(index)}>${nick}</li>`,
      )}
    </ul>`
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'chat-composer': ChatComposer
  }
}

const STEPS: Record<string, number> = { ArrowUp: -1, ArrowDown: 1 }

const isPlain = (event: KeyboardEvent): boolean => !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey
