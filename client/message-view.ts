/**
 * The look of the log: messages, those who come and go, and the lines between them.
 * Knows how a message is shown, and shown safely. Knows no connection and keeps no state, but for HTML already made.
 */
import DOMPurify from 'dompurify'
import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Message } from './client.ts'
import { renderMarkdown } from './markdown.ts'
import type { Clock, Texts } from './texts.ts'

/** A message, or the place where messages are missing. */
export type Entry = Message | { type: 'gap'; id: string }

/** Messages of one person stand together as long as they follow each other within this many ms. */
const TOGETHER = 300_000

/** The second lock: renderMarkdown makes nothing else, and if it did, this would stop it. */
const ALLOWED = {
  ALLOWED_TAGS: 'p br strong em u s a ul ol li blockquote pre code hr h1 h2 h3 h4 h5 h6 table thead tbody tr th td'.split(' '),
  ALLOWED_ATTR: ['href', 'title', 'rel', 'target', 'align', 'start', 'class'],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
}

/** What the page's policy takes for HTML (Trusted Types): it comes from here and from nowhere else. */
const clean = (rendered: string) => DOMPurify.sanitize(rendered, { ...ALLOWED, RETURN_TRUSTED_TYPE: true })

// A message never changes: what is shown under one id after a reset is another object.
const made = new WeakMap<Message, ReturnType<typeof clean>>()

function htmlOf(message: Message): ReturnType<typeof clean> {
  const known = made.get(message)
  if (known !== undefined) return known
  const fresh = clean(renderMarkdown(message.msg))
  made.set(message, fresh)
  return fresh
}

/** All entries, in order, keyed by id so that a new message costs one new element. */
export function logView(entries: readonly Entry[], texts: Texts, clock: Clock): unknown {
  return repeat(
    entries,
    (entry) => entry.id,
    (entry, index) => entryView(entry, entries[index - 1], texts, clock),
  )
}

function entryView(entry: Entry, before: Entry | undefined, texts: Texts, clock: Clock): TemplateResult {
  if (entry.type === 'gap') return html`<p class="divider gap"><span>${texts.gap}</span></p>`
  const newDay = before === undefined || before.type === 'gap' || clock.day(before.timestamp) !== clock.day(entry.timestamp)
  const day = newDay ? html`<p class="divider day"><span>${clock.day(entry.timestamp)}</span></p>` : nothing
  return html`${day}${entry.type === 'msg' ? messageView(entry, newDay || !belongs(entry, before), texts, clock) : presenceView(entry, texts, clock)}`
}

function belongs(message: Message, before: Entry): boolean {
  return before.type === 'msg' && before.nick === message.nick && message.timestamp - before.timestamp < TOGETHER
}

function messageView(message: Message, first: boolean, texts: Texts, clock: Clock): TemplateResult {
  const nick =
    message.nick === '' ? html`<span class="nick anonymous">${texts.anonymous}</span>` : html`<span class="nick">${message.nick}</span>`
  return html`<div class="message ${first ? 'first' : ''}" data-id=${message.id}>
    ${first ? nick : nothing}
    <div class="text" dir="auto" .innerHTML=${htmlOf(message)}></div>
    ${timeView(message, clock)}
  </div>`
}

function presenceView(message: Message, texts: Texts, clock: Clock): TemplateResult {
  const nick = message.nick || texts.anonymous
  return html`<p class="presence" data-id=${message.id}>
    ${message.type === 'join' ? texts.joined(nick) : texts.left(nick)} ${timeView(message, clock)}
  </p>`
}

function timeView({ timestamp }: Message, clock: Clock): TemplateResult {
  return html`<time datetime=${new Date(timestamp).toISOString()} title=${clock.full(timestamp)}>${clock.time(timestamp)}</time>`
}
