/**
 * What the dialects share whose client inserts an answer into its page as HTML. Knows how a message looks there, and how JSON travels as
 * text/html; knows none of the dialects.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Request } from '../http.ts'
import { readBody } from '../http.ts'
import { toHtml } from '../markup.ts'
import type { Message } from '../message.ts'

export const HTML = 'text/html; charset=utf-8'

/** These clients ask again at once after an error. They are held back this long, so that an error that lasts costs little. */
const ERROR_PAUSE_MS = 1000

export function pauseAfterError(signal: AbortSignal): Promise<void> {
  return delay(ERROR_PAUSE_MS, undefined, { signal }).catch(() => undefined)
}

/** A form, whatever its type says. @throws RoomfileError as readBody does */
export async function readForm(req: Request, maxBytes: number): Promise<URLSearchParams> {
  return new URLSearchParams((await readBody(req, maxBytes)).text)
}

const UNSAFE = /[<>&\u2028\u2029]/g

/** JSON that says the same to a JSON parser and to `eval`, and nothing to a browser that takes it for HTML. */
export function inertJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
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
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
