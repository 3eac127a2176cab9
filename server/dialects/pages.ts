/**
 * Limits the size of answers to the tutorials' clients: a page is as many messages as fit, oldest first, and the client's next poll gets those
 * after it. Knows sizes and cursors; does not know what an answer looks like.
 */
import { BUDGETS } from '../budgets.ts'
import { bytesIn, type Message } from '../room/message.ts'

/** How a dialect writes messages. Each text is a part of its answer. */
export interface MessageFormat {
  /** The client's cursor at a message. Messages with the same cursor have to be in one answer. */
  readonly cursorOf: (message: Message) => string | number
  readonly full: (message: Message) => string
  /** Its source text, where the whole does not fit. */
  readonly plain: (message: Message) => string
  /** A note that so many messages are left out, from this one on. */
  readonly leftOut: (count: number, message: Message) => string
}

export interface Page {
  readonly parts: readonly string[]
  /** The newest message on it; undefined when it has none. */
  readonly last: Message | undefined
}

/** The messages of one answer, from index `first` on. */
export function pageFrom(messages: readonly Message[], first: number, format: MessageFormat): Page {
  const parts: string[] = []
  let left: number = BUDGETS.dialectAnswer
  let end = first
  while (end < messages.length) {
    const group = groupFrom(messages, end, format)
    const told = within(
      group.map((message) => () => format.full(message)),
      left,
    )
    if (told.parts.length < group.length) {
      if (end === first) return { parts: [...told.parts, ...briefly(group.slice(told.parts.length), format)], last: group.at(-1) }
      break
    }
    parts.push(...told.parts)
    left = told.left
    end += group.length
  }
  return { parts, last: messages[end - 1] }
}

/** The messages with the same cursor as the one at index `first`. */
function groupFrom(messages: readonly Message[], first: number, { cursorOf }: MessageFormat): readonly Message[] {
  const cursor = cursorOf(messages[first] as Message)
  let end = first + 1
  while (end < messages.length && cursorOf(messages[end] as Message) === cursor) end += 1
  return messages.slice(first, end)
}

/** As many texts as fit. None is made beyond that. */
function within(texts: readonly (() => string)[], budget: number): { parts: string[]; left: number } {
  const parts: string[] = []
  let left = budget
  for (const text of texts) {
    const part = text()
    if (bytesIn(part) > left) break
    parts.push(part)
    left -= bytesIn(part)
  }
  return { parts, left }
}

/** Messages that do not fit into an answer, and cannot be in the next one: as source text, and then as a number. */
function briefly(rest: readonly Message[], format: MessageFormat): string[] {
  const { parts } = within(
    rest.map((message) => () => format.plain(message)),
    BUDGETS.dialectTimestamp - BUDGETS.dialectAnswer,
  )
  const [next] = rest.slice(parts.length)
  return next ? [...parts, format.leftOut(rest.length - parts.length, next)] : parts
}

/** The pages of a dialect. Each is made once for all clients with the same cursor, until the room changes. */
export class Pages {
  #messages: readonly Message[] = []
  readonly #made = new Map<number, string>()
  #bytes = 0

  /** The text of the page from index `first` on. */
  get(messages: readonly Message[], first: number, make: () => string): string {
    if (messages !== this.#messages) this.#clear(messages)
    const ready = this.#made.get(first)
    if (ready !== undefined) return ready
    const made = make()
    if (this.#bytes + bytesIn(made) > BUDGETS.dialectAnswersKept) this.#clear(messages)
    this.#made.set(first, made)
    this.#bytes += bytesIn(made)
    return made
  }

  #clear(messages: readonly Message[]): void {
    this.#messages = messages
    this.#made.clear()
    this.#bytes = 0
  }
}
