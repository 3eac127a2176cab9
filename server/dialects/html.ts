/**
 * What the dialects share whose client inserts an answer into its page as HTML. Knows how a message looks there, and how JSON travels as
 * text/html; knows none of the dialects.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { renderMarkdown } from '../../client/markdown/markdown.ts'
import { goneSignal, type Response } from '../http/http.ts'
import type { Limits } from '../room/backlog.ts'
import { BUDGETS } from '../budgets.ts'
import { jsonEscape, type Message } from '../room/message.ts'
import type { Times } from '../times.ts'

export const HTML = 'text/html; charset=utf-8'

/** Waits before an error is answered, because these clients ask again at once. Ends when the client goes away. */
export function pauseAfterError({ errorPause }: Times, res: Response): Promise<void> {
  return delay(errorPause, undefined, { signal: goneSignal(res) }).catch(() => undefined)
}

/** A form makes three bytes of one at most. */
const FORM_PER_BYTE = 3

/** What a form may have beside its message. */
export const OTHER_FIELDS = 1024

/** The largest form that carries a message within the limits. */
export function maxForm({ maxMessage }: Limits): number {
  return maxMessage * FORM_PER_BYTE + OTHER_FIELDS
}

const UNSAFE = /[<>&\u2028\u2029]/g

/** JSON that says the same to a JSON parser and to `eval`, and nothing to a browser that takes it for HTML. */
export function inertJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, jsonEscape)
}

const rendered = new LRUCache<Message, string>({ maxSize: BUDGETS.dialectHtmlKept, sizeCalculation: (html) => html.length + 1 })

/** A message with its nick as safe HTML, made once a message as long as there is room. */
export function messageHtml(message: Message): string {
  let html = rendered.get(message)
  if (html === undefined) {
    html = render(message)
    rendered.set(message, html)
  }
  return html
}

/**
 * The message as HTML, for a client that inserts it as it is.
 *
 * @example
 * toHtml('**hi** <b>') // '<p><strong>hi</strong> &lt;b&gt;</p>'
 */
export function toHtml(msg: string): string {
  return renderMarkdown(msg).trimEnd()
}

function render(message: Message): string {
  const { type, msg } = message
  return type === 'msg' ? said(message, toHtml(msg)) : `<div>${nameHtml(message)} ${type === 'join' ? 'joined' : 'left'}</div>`
}

/** The same with its source text. */
export function plainHtml(message: Message): string {
  return said(message, `<pre>${escapeHtml(message.msg)}</pre>`)
}

/** In place of messages that are too much for an answer. */
export function leftOutHtml(count: number): string {
  return `<div>${leftOut(count)}</div>`
}

/** The same as text. */
export function leftOut(count: number): string {
  return `… ${count === 1 ? 'a message that is too long is' : `${count} messages, too many at once, are`} left out here`
}

function said(message: Message, html: string): string {
  const name = nameHtml(message)
  return `<div>${name && `${name}: `}${html}</div>`
}

/** Isolated: however a nick turns the direction of writing, it turns nothing beside it. */
function nameHtml({ nick }: Message): string {
  return nick === '' ? '' : `<b><bdi>${escapeHtml(nick)}</bdi></b>`
}

/** A manner of telling messages as parts of a JSON string that holds HTML. */
export const HTML_IN_JSON = {
  full: (message: Message): string => inJson(messageHtml(message)),
  plain: (message: Message): string => inJson(plainHtml(message)),
  leftOut: (count: number): string => inJson(leftOutHtml(count)),
}

/** A text as it stands in a JSON string that is inert. */
function inJson(text: string): string {
  return inertJson(text).slice(1, -1)
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, entity)
}

/** A character as HTML that means nothing but itself. */
export function entity(char: string): string {
  return `&#${char.charCodeAt(0)};`
}
