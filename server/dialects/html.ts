/**
 * What the dialects share whose client inserts an answer into its page as HTML. Knows how a message looks there, and how JSON travels as
 * text/html; knows none of the dialects.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Limits } from '../backlog.ts'
import { toHtml } from '../markup.ts'
import { jsonEscape, type Message } from '../message.ts'
import type { Times } from '../times.ts'

export const HTML = 'text/html; charset=utf-8'

/** These clients ask again at once after an error: they are held back, unless they go away. */
export function pauseAfterError({ errorPause }: Times, signal: AbortSignal): Promise<void> {
  return delay(errorPause, undefined, { signal }).catch(() => undefined)
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

const rendered = new WeakMap<Message, string>()

/** A message with its nick as safe HTML, made once a message. */
export function messageHtml(message: Message): string {
  let html = rendered.get(message)
  if (html === undefined) {
    html = render(message)
    rendered.set(message, html)
  }
  return html
}

function render({ type, nick, msg }: Message): string {
  const name = nick === '' ? '' : `<b>${escapeHtml(nick)}</b>`
  return type === 'msg' ? `<div>${name && `${name}: `}${toHtml(msg)}</div>` : `<div>${name} ${type === 'join' ? 'joined' : 'left'}</div>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, entity)
}

/** A character as HTML that means nothing but itself. */
export function entity(char: string): string {
  return `&#${char.charCodeAt(0)};`
}
