/** Completion of a mention: `@an` to `@ann`, from a list of nicks. Pure: knows no field and no events. */
import { inserted, type Passage } from './passage.ts'

/** The nicks that complete the word between `from` and the caret at `at`. */
export interface Suggestions {
  readonly from: number
  readonly at: number
  readonly nicks: readonly string[]
  /** The index of the nick that Enter or Tab takes. */
  readonly active: number
  /** Whether Tab has put the active nick into the text. The next Tab replaces it by the next nick. */
  readonly taken: boolean
}

/** How many nicks are shown: more would cover the messages. */
const MAX_NICKS = 8

/** How many characters before the caret are searched for an `@`. A nick has 50 at most. */
const MAX_WORD = 64

/** After a Latin letter or a digit, `@` is part of a mail address; after 你好 it begins a mention. */
const STEM = /(?<![\da-z])@([^\s@]*)$/i

/**
 * The nicks that complete the word before the caret: an exact match first, the writer's own nick last. Undefined if there are none, or the
 * only one is complete already.
 * @param own the writer's nick
 * @param least how many characters after the `@` there must be
 */
export function suggestionsAt({ text, start, end }: Passage, nicks: readonly string[], own: string, least = 1): Suggestions | undefined {
  const [all = '', typed] = STEM.exec(text.slice(Math.max(0, start - MAX_WORD), start)) ?? []
  if (typed === undefined || start !== end || typed.length < least) return undefined
  const found = [...new Set(nicks)]
    .filter((nick) => nick !== '' && fold(nick).startsWith(fold(typed)))
    .toSorted((a, b) => Number(b === typed) - Number(a === typed) || Number(a === own) - Number(b === own) || a.localeCompare(b))
    .slice(0, MAX_NICKS)
  if (found.length === 0 || (found.length === 1 && found[0] === typed)) return undefined
  return { from: start - all.length, at: start, nicks: found, active: 0, taken: false }
}

const fold = (text: string): string => text.normalize('NFKC').toLocaleLowerCase()

/** The effect of a key: the list as it is then, or undefined if it is closed; and the new text, if the key changes it. */
export interface Steered {
  readonly suggestions: Suggestions | undefined
  readonly passage?: Passage
}

/**
 * The keys of an open list: arrows select, Enter and Tab take the active nick, another Tab takes the next one, Escape closes.
 * Undefined for a key that has no effect on the list and keeps its usual meaning.
 */
export function steered(list: Suggestions, key: string, passage: Passage): Steered | undefined {
  const count = list.nicks.length
  if (key === 'Escape') return { suggestions: undefined }
  if (key === 'Tab') return cycled(list, passage)
  if (list.taken) return undefined
  if (key === 'Enter') return { suggestions: undefined, passage: completed(list, list.active, passage) }
  if (key === 'ArrowDown') return { suggestions: { ...list, active: (list.active + 1) % count } }
  if (key === 'ArrowUp') return { suggestions: { ...list, active: (list.active + count - 1) % count } }
  return undefined
}

function cycled(list: Suggestions, before: Passage): Steered {
  const active = list.taken ? (list.active + 1) % list.nicks.length : list.active
  const passage = completed(list, active, before)
  return { passage, suggestions: list.nicks.length > 1 ? { ...list, at: passage.start, active, taken: true } : undefined }
}

/** Replaces the word by a nick, with a space after it if there is none. */
export function completed({ from, nicks }: Suggestions, index: number, passage: Passage): Passage {
  const space = /^\s/.test(passage.text.slice(passage.end)) ? '' : ' '
  return inserted({ ...passage, start: from }, `@${nicks[index] ?? ''}${space}`)
}
