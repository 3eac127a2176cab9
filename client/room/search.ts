/**
 * Search in the messages that are loaded: what is found, and which of them is looked at.
 * Pure rules over texts. Knows no DOM (search-view.ts shows it).
 */
import type { Entry } from './log/rows.ts'

export class Search {
  query = ''
  /** Ids of the messages that hold the query, in their text or as their author; oldest first. */
  hits: readonly string[] = []
  /** Which of them is looked at; the newest at first. */
  private current: string | undefined

  /** @param query what to look for, without regard to case; '' finds nothing */
  look(query: string, entries: readonly Entry[]): void {
    this.query = query
    this.refresh(entries)
    this.current = this.hits.at(-1)
  }

  /** Looks again after something came or went, and stays where it was if that is still there. */
  refresh(entries: readonly Entry[]): void {
    const wanted = folded(this.query.trim())
    const hits = wanted === '' ? [] : entries.flatMap((entry) => (isHit(entry, wanted) ? [entry.id] : []))
    if (hits.length !== this.hits.length || hits.some((id, index) => id !== this.hits[index])) this.hits = hits
    if (this.current === undefined || !this.hits.includes(this.current)) this.current = this.hits.at(-1)
  }

  /** Goes on by one, around the ends. @param by 1 towards newer ones, -1 towards older ones */
  step(by: 1 | -1): void {
    const { length } = this.hits
    if (length > 0) this.current = this.hits[(this.hits.indexOf(this.current ?? '') + by + length) % length]
  }

  get id(): string | undefined {
    return this.current
  }

  /** The place of the one that is looked at, counted from 1; 0 when there is none. */
  get place(): number {
    return this.current === undefined ? 0 : this.hits.indexOf(this.current) + 1
  }
}

function isHit(entry: Entry, wanted: string): boolean {
  return entry.type === 'msg' && (folded(entry.msg).includes(wanted) || folded(entry.nick).includes(wanted))
}

const folded = (text: string): string => text.normalize('NFC').toLocaleLowerCase()
