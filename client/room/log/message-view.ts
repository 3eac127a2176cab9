/**
 * The look of the log: messages, those who come and go, the lines between them, and what is on its way.
 * Knows how a row is shown. Knows no connection, and keeps no state: what is folded and where links lead it is told.
 */
import { html, nothing, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { repeat } from 'lit/directives/repeat.js'
import type { Message } from '../../api/client.ts'
import { isoOf, type Clock } from '../../language.ts'
import type { MessageTexts } from './message-text.ts'
import { isolated, nickView } from './nick.ts'
import { isLong, movesOf, type Row } from './rows.ts'
import type { Texts } from '../../texts.ts'

/** How rows are shown at the moment. */
export interface Look {
  readonly texts: Texts
  readonly clock: Clock
  /** For what is today. */
  readonly now: number
  /** Makes the texts of messages, and keeps them. */
  readonly made: MessageTexts
  /** Whether the line before what is new has done its work. */
  readonly isRead: boolean
  /** The long messages that were unfolded. */
  readonly unfolded: ReadonlySet<string>
  readonly toggle: (id: string) => void
  /** The message that an address points to, or the search. */
  readonly marked: string | undefined
  readonly hrefOf: (id: string) => string
}

/** All rows, in order, keyed by id so that a new message costs one new element. */
export function logView(rows: readonly Row[], look: Look): unknown {
  return repeat(
    rows,
    (row) => row.id,
    (row) => rowView(row, look),
  )
}

function rowView(row: Row, look: Look): unknown {
  const { texts, clock, now } = look
  switch (row.kind) {
    case 'day':
      return html`<p class="divider day"><span>${clock.day(row.timestamp, now)}</span></p>`
    case 'gap':
      return html`<p class="divider gap"><span>${texts.gap}</span></p>`
    case 'unread':
      return html`<p class="unread-line ${look.isRead ? 'read' : ''}"><span>${texts.unread}</span></p>`
    case 'presence':
      return presenceView(row.messages, look)
    default: {
      const { id, message, first } = row
      // A room has thousands, and one more of them is no reason to look at the others.
      const shown = [message, first, look.marked === id, look.unfolded.has(id), texts, clock, look.made, look.hrefOf]
      return guard(shown, () => messageView(message, first, look))
    }
  }
}

function messageView(message: Message, first: boolean, look: Look): TemplateResult {
  const { id } = message
  const classes = `message${first ? ' first' : ''}${look.marked === id ? ' marked' : ''}`
  return html`<div class=${classes} part="message" data-id=${id} tabindex="-1">
    ${first ? nickView(message.nick, look.texts) : nothing}
    ${isLong(message.msg) ? foldedView(message, look) : look.made.of(message, look.texts.copyCode)} ${timeView(message, look)}
  </div>`
}

function foldedView(message: Message, look: Look): TemplateResult {
  const isOpen = look.unfolded.has(message.id)
  return html`<div class="long ${isOpen ? '' : 'folded'}">
    ${look.made.of(message, look.texts.copyCode)}
    <button type="button" class="fold" aria-expanded=${isOpen} @click=${() => look.toggle(message.id)}>
      ${isOpen ? look.texts.less : look.texts.more}
    </button>
  </div>`
}

function timeView({ id, timestamp }: Message, { clock, hrefOf }: Look): TemplateResult {
  return html`<a class="time" href=${hrefOf(id)} target="_blank" rel="noopener" tabindex="-1" title=${clock.full(timestamp)}
    ><time datetime=${isoOf(timestamp)}>${clock.time(timestamp)}</time></a
  >`
}

/** One who came is a line; several in a row are one line, which opens. */
function presenceView(messages: readonly Message[], look: Look): TemplateResult {
  const { texts } = look
  const [only] = messages
  if (only && messages.length === 1) return html`<p class="presence" data-id=${only.id}>${moveView(only, look)}</p>`
  return html`<details class="presence">
    <summary>${summaryOf(messages, texts)}</summary>
    ${messages.map((message) => html`<p data-id=${message.id}>${moveView(message, look)}</p>`)}
  </details>`
}

function moveView(message: Message, look: Look): TemplateResult {
  return html`${summaryOf([message], look.texts)} ${timeView(message, look)}`
}

function summaryOf(messages: readonly Message[], texts: Texts): string {
  const { came, left, cameAndLeft, cameBack } = movesOf(
    messages.map((message) => ({ ...message, nick: isolated(message.nick || texts.anonymous) })),
  )
  const parts = [
    [came, texts.came],
    [cameBack, texts.cameBack],
    [left, texts.left],
    [cameAndLeft, texts.cameAndLeft],
  ] as const
  return parts.flatMap(([names, say]) => (names.length > 0 ? [say(names)] : [])).join(texts.between)
}
