/**
 * Completing a name: `@an` to `@ann`, by a list to choose from.
 * Pure: a passage and a key go in, what to show and what to write come out. Knows no field and no events.
 */
import { inserted, type Passage } from './passage.ts'

/** What a list offers for the word between `from` and the caret at `at`. */
export interface Suggestions {
  readonly from: number
  readonly at: number
  readonly nicks: readonly string[]
  /** The one that the next key would take. */
  readonly active: number
  /** Tab has put the active one into the text; the next Tab puts the next one in its place. */
  readonly taken: boolean
}

/** More would cover the messages that one writes about. */
const MOST = 8

/** The longest word looked at: names have 32 characters. */
const LONGEST = 64

/** After a Latin letter or a digit it is a mail address; after 你好 it is not. */
const STEM = /(?<![\da-z])@([^\s@]*)$/i

/**
 * The names that the word before the caret may become: what it is already comes first, oneself last. Undefined when there is nothing to add.
 * @param least letters to be typed after the `@`
 */
export function suggestionsAt({ text, start, end }: Passage, nicks: readonly string[], own: string, least = 1): Suggestions | undefined {
  const [all = '', typed] = STEM.exec(text.slice(Math.max(0, start - LONGEST), start)) ?? []
  if (typed === undefined || start !== end || typed.length < least) return undefined
  const found = [...new Set(nicks)]
    .filter((nick) => nick !== '' && fold(nick).startsWith(fold(typed)))
    .toSorted((a, b) => Number(b === typed) - Number(a === typed) || Number(a === own) - Number(b === own) || a.localeCompare(b))
    .slice(0, MOST)
  if (found.length === 0 || (found.length === 1 && found[0] === typed)) return undefined
  return { from: start - all.length, at: start, nicks: found, active: 0, taken: false }
}

const fold = (text: string): string => text.normalize('NFKC').toLocaleLowerCase()

/** What a key made of it: the list as it is now, none when it is done; and a new text, if there is one. */
export interface Steered {
  readonly suggestions: Suggestions | undefined
  readonly passage?: Passage
}

/**
 * The keys of an open list: arrows choose, Enter takes, Tab takes and takes the next in its place, Escape closes.
 * Undefined for a key that is not the list's: Tab moves on as ever when there is nothing more to choose from.
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

/** Puts a name in place of the word, and a space behind it where there is none. */
export function completed({ from, nicks }: Suggestions, index: number, passage: Passage): Passage {
  const space = /^\s/.test(passage.text.slice(passage.end)) ? '' : ' '
  return inserted({ ...passage, start: from }, `@${nicks[index] ?? ''}${space}`)
}
