/** Renders the rows of the log (rows.ts): messages, joins and parts, and the lines between them. Has no state. */
import { html, nothing, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { repeat } from 'lit/directives/repeat.js'
import type { Message } from '../../api/client.ts'
import { isoOf, type Clock } from '../../language.ts'
import type { MessageTexts } from './message-text.ts'
import { isolated, nickView } from './nick.ts'
import { isLong, movesOf, type Row } from './rows.ts'
import type { Texts } from '../../texts.ts'

/** What the rows depend on, besides their messages. */
export interface LogContext {
  readonly texts: Texts
  readonly clock: Clock
  /** The current time, in ms since the epoch: it decides which day is today. */
  readonly now: number
  readonly messageTexts: MessageTexts
  /** Whether the first unread message has been read since it came. */
  readonly isRead: boolean
  /** The ids of long messages that are unfolded. */
  readonly unfolded: ReadonlySet<string>
  readonly toggle: (id: string) => void
  /** The id of the message that is marked. */
  readonly marked: string | undefined
  readonly hrefOf: (id: string) => string
}

/** Keyed by id, so that for a new message only its own element is made. */
export function logView(rows: readonly Row[], context: LogContext): unknown {
  return repeat(
    rows,
    (row) => row.id,
    (row) => rowView(row, context),
  )
}

function rowView(row: Row, context: LogContext): unknown {
  const { texts, clock, now, isRead, marked, unfolded, messageTexts, hrefOf } = context
  switch (row.kind) {
    case 'day':
      return html`<p class="divider day"><span>${clock.day(row.timestamp, now)}</span></p>`
    case 'gap':
      return html`<p class="divider gap"><span>${texts.gap}</span></p>`
    case 'unread':
      return html`<p class="unread-line ${isRead ? 'read' : ''}"><span>${texts.unread}</span></p>`
    case 'presence':
      return presenceView(row.messages, context)
    default: {
      const { id, message, first } = row
      // There may be thousands: a message is rendered again only if one of these has changed.
      const dependencies = [message, first, marked === id, unfolded.has(id), texts, clock, messageTexts, hrefOf]
      return guard(dependencies, () => messageView(message, first, context))
    }
  }
}

function messageView(message: Message, first: boolean, context: LogContext): TemplateResult {
  const { id } = message
  const classes = `message${first ? ' first' : ''}${context.marked === id ? ' marked' : ''}`
  return html`<div class=${classes} part="message" data-id=${id} tabindex="-1">
    ${first ? nickView(message.nick, context.texts) : nothing}
    ${isLong(message.msg) ? foldedView(message, context) : context.messageTexts.of(message, context.texts.copyCode)}
    ${timeView(message, context)}
  </div>`
}

function foldedView(message: Message, context: LogContext): TemplateResult {
  const isOpen = context.unfolded.has(message.id)
  return html`<div class="long ${isOpen ? '' : 'folded'}">
    ${context.messageTexts.of(message, context.texts.copyCode)}
    <button type="button" class="fold" aria-expanded=${isOpen} @click=${() => context.toggle(message.id)}>
      ${isOpen ? context.texts.less : context.texts.more}
    </button>
  </div>`
}

function timeView({ id, timestamp }: Message, { clock, hrefOf }: LogContext): TemplateResult {
  return html`<a class="time" href=${hrefOf(id)} target="_blank" rel="noopener" tabindex="-1" title=${clock.full(timestamp)}
    ><time datetime=${isoOf(timestamp)}>${clock.time(timestamp)}</time></a
  >`
}

/** A single join or part is a line. Several in a row are one line, which can be opened. */
function presenceView(messages: readonly Message[], context: LogContext): TemplateResult {
  const { texts } = context
  const [only] = messages
  if (only && messages.length === 1) return html`<p class="presence" data-id=${only.id}>${moveView(only, context)}</p>`
  return html`<details class="presence">
    <summary>${summaryOf(messages, texts)}</summary>
    ${messages.map((message) => html`<p data-id=${message.id}>${moveView(message, context)}</p>`)}
  </details>`
}

function moveView(message: Message, context: LogContext): TemplateResult {
  return html`${summaryOf([message], context.texts)} ${timeView(message, context)}`
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
