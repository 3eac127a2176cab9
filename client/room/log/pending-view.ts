/** The messages that the room does not have yet: being sent, or refused, with buttons for their author to decide what to do. */
import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { OutboxEntry } from '../../api/outbox.ts'
import type { MessageTexts } from './message-text.ts'
import { nickView } from './nick.ts'
import { errorText, type Texts } from '../../texts.ts'

export interface PendingActions {
  readonly again: (cid: string) => void
  /** Moves its text back into the composer. */
  readonly edit: (cid: string) => void
  readonly discard: (cid: string) => void
}

export function pendingView(entries: readonly OutboxEntry[], messageTexts: MessageTexts, texts: Texts, actions: PendingActions): unknown {
  return repeat(
    entries,
    ({ cid }) => cid,
    (entry) => entryView(entry, messageTexts, texts, actions),
  )
}

function entryView(entry: OutboxEntry, messageTexts: MessageTexts, texts: Texts, actions: PendingActions): TemplateResult {
  const isFailed = entry.state === 'failed'
  return html`<div class="message pending first ${isFailed ? 'unsent' : ''}">
    ${nickView(entry.nick, texts)} ${messageTexts.of(entry, texts.copyCode)}
    ${isFailed ? nothing : html`<span class="on-its-way">${texts.sending}</span>`} ${isFailed ? failedView(entry, texts, actions) : nothing}
  </div>`
}

function failedView({ cid, error }: OutboxEntry, texts: Texts, actions: PendingActions): TemplateResult {
  return html`<p class="refused" role="alert">
    <span>${texts.notSent} ${error ? errorText(error, texts) : nothing}</span>
    <button type="button" @click=${() => actions.again(cid)}>${texts.sendAgain}</button>
    <button type="button" @click=${() => actions.edit(cid)}>${texts.edit}</button>
    <button type="button" @click=${() => actions.discard(cid)}>${texts.discard}</button>
  </p>`
}
