/**
 * `<chat-composer>`: where a message is written. A field that grows, a small toolbar, and what helps while one types.
 * Knows what happens when: which key does what, when the text is kept and when it goes. Knows no connection: it says `send`, and
 * `typing`. What an edit does to a text is edits.ts, which name `@an` becomes completion.ts.
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
import { keepFocus, tabStop, toolbarView, type ToolbarActions } from './toolbar.ts'
import { EmojiPanel } from './emoji.ts'
import { markdownStyle } from '../markdown/markdown-style.ts'
import { inserted, type Passage } from './passage.ts'
import { safeHtml } from '../markdown/safe-html.ts'
import { textsFor, type Texts } from '../texts.ts'

export type SendEvent = CustomEvent<{ msg: string }>

const NOTHING: Passage = { text: '', start: 0, end: 0 }

/**
 * Writes messages for a room; the room posts them.
 *
 * - `texts`: its words · `room`: whose draft and history, by a name that no other room has · `nicks`: whom `@` may name · `nick`: oneself
 * - `disabled`: the text may be read and not written in, nor sent
 *
 * @fires send - `detail.msg`; the field is empty then, and the draft gone: what cannot be posted is given back with `restore()`
 * @fires typing - with each change that somebody makes; who listens sends it on less often
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
    previews: { state: true },
    formats: { state: true },
  }

  declare texts: Texts
  declare room: string
  declare nicks: readonly string[]
  declare nick: string
  declare disabled: boolean
  /** What the field has in it, as far as we were told. */
  declare private passage: Passage
  declare private suggestions: Suggestions | undefined
  declare private previews: boolean
  /** Whether a narrow toolbar is unfolded. */
  declare private formats: boolean

  private readonly field = createRef<HTMLTextAreaElement>()
  private readonly emoji = new EmojiPanel(this, (emoji) => this.edit((passage) => inserted(passage, emoji)))
  /** The place in what was sent, while one walks through it with the arrows. */
  private walk: { sent: readonly string[]; at: number } | undefined

  constructor() {
    super()
    this.texts = textsFor(navigator.language)
    this.room = ''
    this.nicks = []
    this.nick = ''
    this.disabled = false
    this.passage = NOTHING
    this.previews = false
    this.formats = false
  }

  /** Puts the cursor into the field. */
  override focus(options?: FocusOptions): void {
    this.field.value?.focus(options)
  }

  /** Quotes what somebody said, and puts the cursor below it. */
  quote(text: string): void {
    this.edit((passage) => quoted(passage, text))
  }

  /** Gives a text back that could not be posted; what was written meanwhile stays below it. */
  restore(msg: string): void {
    this.fill([msg, this.passage.text].filter((text) => text !== '').join('\n\n'))
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('room')) this.fill(draftOf(this.room), this.room)
    tabStop(this.renderRoot)
  }

  /** Sets a text that nobody typed; there is nothing to undo. */
  private fill(text: string, room = this.room): void {
    const field = this.field.value
    if (!field) return
    field.value = text
    keepDraft(room, text)
    this.walk = undefined
    this.suggestions = undefined
    this.passage = passageIn(field)
  }

  /** Changes the text as typing would, if there is a change to be made. */
  private edit(change: (passage: Passage) => Passage | undefined): boolean {
    const field = this.field.value
    if (!field || this.disabled) return false
    const now = change(passageIn(field))
    if (now) write(field, now)
    this.passage = passageIn(field)
    return now !== undefined
  }

  private readonly typed = (): void => {
    if (!this.field.value) return
    this.passage = passageIn(this.field.value)
    this.suggestions = suggestionsAt(this.passage, this.nicks, this.nick)
    keepDraft(this.room, this.passage.text)
    if (this.passage.text.trim() !== '') this.dispatchEvent(new CustomEvent('typing', { bubbles: true, composed: true }))
  }

  private readonly selected = (): void => {
    if (!this.field.value) return
    this.passage = passageIn(this.field.value)
    if (this.suggestions?.at !== this.passage.start) this.suggestions = undefined
  }

  private readonly pressed = (event: KeyboardEvent): void => {
    if (isComposing(event) || !this.field.value) return
    this.passage = passageIn(this.field.value)
    if (this.suggests(event) || this.edits(event) || this.walks(event)) event.preventDefault()
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

  /** The keys of the list of names; a Tab after a bare `@` opens it. */
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

  /** Up in an empty field brings back what was sent; Up and Down go on from there as long as nothing is changed. */
  private walks(event: KeyboardEvent): boolean {
    const step = STEPS[event.key]
    if (step === undefined || !isPlain(event)) return false
    const { text, start } = this.passage
    const goesOn = this.walk !== undefined && text === this.walk.sent[this.walk.at] && start === text.length
    if (!goesOn && text !== '') return false
    const sent = goesOn && this.walk ? this.walk.sent : sentTo(this.room)
    const at = (goesOn && this.walk ? this.walk.at : sent.length) + step
    if (at < 0 || at > sent.length) return goesOn
    const said = sent[at] ?? ''
    this.edit(() => ({ text: said, start: said.length, end: said.length }))
    this.walk = at < sent.length ? { sent, at } : undefined
    return true
  }

  private readonly pasted = (event: ClipboardEvent): void => {
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (this.edit((passage) => linkTo(text, passage))) event.preventDefault()
  }

  private readonly submitted = (event: SubmitEvent): void => {
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
    unfold: () => (this.formats = !this.formats),
    emoji: () => {
      this.suggestions = undefined
      void this.emoji.toggle(this.texts.language)
    },
    preview: () => (this.previews = !this.previews),
  }

  protected override render(): TemplateResult {
    const { texts, passage, previews, disabled } = this
    const state = { texts, passage, previews, unfolded: this.formats, emoji: this.emoji.isOpen }
    return html`${this.emoji.view(texts)} ${this.peopleView()}
      <form class="frame" @submit=${this.submitted}>
        ${previews ? this.previewView() : nothing} ${this.fieldView()}
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
        @keydown=${this.pressed}
        @input=${this.typed}
        @selectionchange=${this.selected}
        @paste=${this.pasted}
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
