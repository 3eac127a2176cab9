/** A search in the messages that are loaded: its results, and which of them is the current one. Knows no DOM. */
import type { Entry } from './log/rows.ts'

export class Search {
  query = ''
  /** The ids of the results, oldest first: messages that have the query in their text or nick. */
  hits: readonly string[] = []
  /** The id of the current result; at first the newest one. */
  private current: string | undefined

  /** @param query what to search for, in upper or lower case; '' has no results */
  look(query: string, entries: readonly Entry[]): void {
    this.query = query
    this.refresh(entries)
    this.current = this.hits.at(-1)
  }

  /** Searches again, after the entries have changed. The current result stays the same if it is still there. */
  refresh(entries: readonly Entry[]): void {
    const wanted = folded(this.query.trim())
    const hits = wanted === '' ? [] : entries.flatMap((entry) => (isHit(entry, wanted) ? [entry.id] : []))
    if (hits.length !== this.hits.length || hits.some((id, index) => id !== this.hits[index])) this.hits = hits
    if (this.current === undefined || !this.hits.includes(this.current)) this.current = this.hits.at(-1)
  }

  /** Goes to the next (1) or previous (-1) result; after the last one comes the first. */
  step(by: 1 | -1): void {
    const { length } = this.hits
    if (length > 0) this.current = this.hits[(this.hits.indexOf(this.current ?? '') + by + length) % length]
  }

  get id(): string | undefined {
    return this.current
  }

  /** The number of the current result, from 1; 0 without results. */
  get place(): number {
    return this.current === undefined ? 0 : this.hits.indexOf(this.current) + 1
  }
}

function isHit(entry: Entry, wanted: string): boolean {
  return entry.type === 'msg' && (folded(entry.msg).includes(wanted) || folded(entry.nick).includes(wanted))
}

const folded = (text: string): string => text.normalize('NFC').toLocaleLowerCase()
