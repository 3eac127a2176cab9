/**
 * For the dialects whose clients insert an answer into their page as HTML: messages as HTML, and JSON that is safe as text/html.
 * Does not know any dialect.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { renderMarkdown } from '../../client/markdown/markdown.ts'
import type { Response } from '../http/http.ts'
import type { Limits } from '../room/backlog.ts'
import { BUDGETS } from '../budgets.ts'
import { jsonEscape, type Message } from '../room/message.ts'
import type { Times } from '../times.ts'

export const HTML = 'text/html; charset=utf-8'

/** Waits before an error is answered, because these clients ask again at once. Ends when the client goes away. */
export async function pauseAfterError({ errorPause }: Times, res: Response): Promise<void> {
  if (!res.closed) await Promise.race([delay(errorPause, undefined, { ref: false }), once(res, 'close')])
}

/** A byte in a form takes three at most: `%3C`. */
const FORM_PER_BYTE = 3

/** Bytes for the other fields of a form. */
export const OTHER_FIELDS = 1024

/** The largest form that carries a message within the limits. */
export function maxForm({ maxMessage }: Limits): number {
  return maxMessage * FORM_PER_BYTE + OTHER_FIELDS
}

const UNSAFE = /[<>&\u2028\u2029]/g

/** JSON that has the same meaning for a JSON parser and for `eval`, and contains no HTML for a browser that reads it as such. */
export function inertJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, jsonEscape)
}

const rendered = new LRUCache<Message, string>({ maxSize: BUDGETS.dialectHtmlKept, sizeCalculation: (html) => html.length + 1 })

/** A message with its nick as safe HTML. Kept for the next poll, within a budget. */
export function messageHtml(message: Message): string {
  let html = rendered.get(message)
  if (html === undefined) {
    html = render(message)
    rendered.set(message, html)
  }
  return html
}

/**
 * Markdown as safe HTML, for a client that inserts it unchanged.
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

/** The same, with the source text in place of the Markdown's HTML. */
export function plainHtml(message: Message): string {
  return said(message, `<pre>${escapeHtml(message.msg)}</pre>`)
}

/** Stands for messages that do not fit into an answer. */
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

/** In `<bdi>`, so that a nick does not change the text direction of what is beside it. */
function nameHtml({ nick }: Message): string {
  return nick === '' ? '' : `<b><bdi>${escapeHtml(nick)}</bdi></b>`
}

/** Messages as parts of a JSON string that contains HTML. */
export const HTML_IN_JSON = {
  full: (message: Message): string => inJson(messageHtml(message)),
  plain: (message: Message): string => inJson(plainHtml(message)),
  leftOut: (count: number): string => inJson(leftOutHtml(count)),
}

/** A text escaped for such a JSON string. */
function inJson(text: string): string {
  return inertJson(text).slice(1, -1)
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, entity)
}

/** A character as an HTML entity. */
export function entity(char: string): string {
  return `&#${char.charCodeAt(0)};`
}
