/**
 * Answers to the tutorials' clients, bounded in size whatever the room holds: a page is as many messages as fit, oldest first, and the
 * client's own place goes on behind them. Knows sizes and places; does not know what an answer looks like.
 */
import { BUDGETS } from '../budgets.ts'
import { bytesIn, type Message } from '../room/message.ts'

/** How a protocol tells messages. Each text is a part of its answer, in the form that it has there. */
export interface Manner {
  /** What the client's place names: messages with the same one have to be told in one answer. */
  readonly placeOf: (message: Message) => string | number
  readonly full: (message: Message) => string
  /** Its source text, where there is no room for more. */
  readonly plain: (message: Message) => string
  /** Says that so many messages are left out, from this one on. */
  readonly leftOut: (count: number, message: Message) => string
}

export interface Page {
  readonly parts: readonly string[]
  /** The newest message that it tells; undefined when it tells none. */
  readonly last: Message | undefined
}

/** The messages of one answer, from index `first` on. */
export function pageFrom(messages: readonly Message[], first: number, manner: Manner): Page {
  const parts: string[] = []
  let left: number = BUDGETS.dialectAnswer
  let end = first
  while (end < messages.length) {
    const group = placeFrom(messages, end, manner)
    const told = within(
      group.map((message) => () => manner.full(message)),
      left,
    )
    if (told.parts.length < group.length) {
      if (end === first) return { parts: [...told.parts, ...briefly(group.slice(told.parts.length), manner)], last: group.at(-1) }
      break
    }
    parts.push(...told.parts)
    left = told.left
    end += group.length
  }
  return { parts, last: messages[end - 1] }
}

/** The messages of one place. */
function placeFrom(messages: readonly Message[], first: number, { placeOf }: Manner): readonly Message[] {
  const place = placeOf(messages[first] as Message)
  let end = first + 1
  while (end < messages.length && placeOf(messages[end] as Message) === place) end += 1
  return messages.slice(first, end)
}

/** As many texts as fit. One is made only as long as there is room. */
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

/** What is too much for one answer and cannot wait for the next. */
function briefly(rest: readonly Message[], manner: Manner): string[] {
  const { parts } = within(
    rest.map((message) => () => manner.plain(message)),
    BUDGETS.dialectTimestamp - BUDGETS.dialectAnswer,
  )
  const [next] = rest.slice(parts.length)
  return next ? [...parts, manner.leftOut(rest.length - parts.length, next)] : parts
}

/** Pages as a protocol writes them, each made once for all who stand at its place, as long as the room is as it is. */
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
