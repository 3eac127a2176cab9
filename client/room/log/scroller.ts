/**
 * Where the reader is in the log, and how that place is kept while the log changes.
 * Knows heights and scroll positions of rows that carry `data-id`; knows nothing of what they say.
 */

/** Pixels from the end within which a reader counts as being there. */
const NEAR = 80
/** What stays visible above a row that is scrolled to the top, in pixels. */
const ABOVE = 64

/** A row, and how far below the upper edge of the log it stands, in pixels. */
export interface Place {
  readonly id: string
  readonly offset: number
}

export class Scroller {
  /** Whether the end is in sight: then it is kept in sight. */
  atEnd = true
  private readonly log: HTMLElement
  private frame = 0
  /** The place that was gone back to, and how far the log was scrolled for it: as long as it still is, nobody has left. */
  private goal: Place | undefined
  private scrollTop = 0

  constructor(log: HTMLElement) {
    this.log = log
  }

  /** To be told of each scroll event. */
  scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.log
    this.atEnd = scrollHeight - scrollTop - clientHeight < NEAR
  }

  /**
   * The first row that can be seen; undefined at the end, where the end is the place to keep. Who was brought back is still there: logs are
   * scrolled by whole pixels and rows have parts of them, which would add up with each change.
   */
  place(): Place | undefined {
    if (this.atEnd) return undefined
    if (this.goal && this.log.scrollTop === this.scrollTop && this.row(this.goal.id)) return this.goal
    const { top } = this.log.getBoundingClientRect()
    for (const row of this.log.querySelectorAll<HTMLElement>('[data-id]')) {
      const box = row.getBoundingClientRect()
      if (box.height > 0 && box.bottom > top) return { id: row.dataset['id'] ?? '', offset: box.top - top }
    }
    return undefined
  }

  /** Puts a row back to where it was. Rows that were never shown have guessed heights, so the next frame looks again. */
  restore(place: Place): void {
    const { id, offset } = place
    this.settle(place, () => {
      const row = this.row(id)
      if (row) this.log.scrollTop += row.getBoundingClientRect().top - this.log.getBoundingClientRect().top - offset
    })
  }

  toEnd(): void {
    this.atEnd = true
    this.log.scrollTop = this.log.scrollHeight
  }

  /** As far to the end as this row stays in sight. */
  toEndBelow(row: Element): void {
    this.settle(undefined, () => {
      const above = row.getBoundingClientRect().top - this.log.getBoundingClientRect().top + this.log.scrollTop - ABOVE
      this.log.scrollTop = Math.min(above, this.log.scrollHeight)
      this.scrolled()
    })
  }

  /** Brings a row into sight: into the middle, unless it can be seen already. @returns the row, when there is one */
  toSight(id: string): HTMLElement | undefined {
    const row = this.row(id)
    if (!row || this.isInSight(row)) return row
    this.atEnd = false
    this.settle(undefined, () => row.scrollIntoView({ block: 'center' }))
    return row
  }

  private isInSight(row: HTMLElement): boolean {
    const [box, frame] = [row.getBoundingClientRect(), this.log.getBoundingClientRect()]
    return box.top >= frame.top && box.bottom <= frame.bottom
  }

  row(id: string): HTMLElement | undefined {
    return this.log.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`) ?? undefined
  }

  /** Does it now, and in the next two frames, when what has come into sight has its real height; not if somebody scrolls meanwhile. */
  private settle(goal: Place | undefined, move: () => void, frames = 2): void {
    cancelAnimationFrame(this.frame)
    move()
    this.goal = goal
    this.scrollTop = this.log.scrollTop
    if (frames === 0) return
    this.frame = requestAnimationFrame(() => {
      if (this.log.scrollTop === this.scrollTop) this.settle(goal, move, frames - 1)
    })
  }
}
