/** The scroll position of the log: keeps it while rows are added and change their heights. Knows only rows, by their `data-id`. */

/** Within this distance, in pixels, the reader counts as being at the end. */
const NEAR_END = 80
/** What stays visible above a row that is scrolled to the top, in pixels. */
const MARGIN = 64

/** A scroll position: a row, and its distance from the upper edge of the log, in pixels. */
export interface ScrollPosition {
  readonly id: string
  readonly offset: number
}

export class Scroller {
  /** Whether the end is in view; then it is kept in view. */
  atEnd = true
  private readonly log: HTMLElement
  private frame = 0
  /** The position that was restored, and its scrollTop. As long as scrollTop is the same, nobody has scrolled. */
  private restored: ScrollPosition | undefined
  private scrollTop = 0

  constructor(log: HTMLElement) {
    this.log = log
  }

  /** To be called for each scroll event. */
  onScroll(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.log
    this.atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END
  }

  /**
   * The first row in view; undefined at the end. A position that was restored and not left is returned unchanged: scroll positions are whole
   * pixels, heights are not, and the rounding errors would add up.
   */
  position(): ScrollPosition | undefined {
    if (this.atEnd) return undefined
    if (this.restored && this.log.scrollTop === this.scrollTop && this.row(this.restored.id)) return this.restored
    const { top } = this.log.getBoundingClientRect()
    for (const row of this.log.querySelectorAll<HTMLElement>('[data-id]')) {
      const box = row.getBoundingClientRect()
      if (box.height > 0 && box.bottom > top) return { id: row.dataset['id'] ?? '', offset: box.top - top }
    }
    return undefined
  }

  /** Scrolls so that a row is where it was. */
  restore(position: ScrollPosition): void {
    const { id, offset } = position
    this.scroll(position, () => {
      const row = this.row(id)
      if (row) this.log.scrollTop += row.getBoundingClientRect().top - this.log.getBoundingClientRect().top - offset
    })
  }

  toEnd(): void {
    this.atEnd = true
    this.log.scrollTop = this.log.scrollHeight
  }

  /** Scrolls towards the end, as far as this row stays in view. */
  toEndBelow(row: Element): void {
    this.scroll(undefined, () => {
      const above = row.getBoundingClientRect().top - this.log.getBoundingClientRect().top + this.log.scrollTop - MARGIN
      this.log.scrollTop = Math.min(above, this.log.scrollHeight)
      this.onScroll()
    })
  }

  /** Scrolls a row to the middle, unless it is in view already. @returns the row, if there is one */
  toRow(id: string): HTMLElement | undefined {
    const row = this.row(id)
    if (!row || this.isInView(row)) return row
    this.atEnd = false
    this.scroll(undefined, () => row.scrollIntoView({ block: 'center' }))
    return row
  }

  private isInView(row: HTMLElement): boolean {
    const [box, frame] = [row.getBoundingClientRect(), this.log.getBoundingClientRect()]
    return box.top >= frame.top && box.bottom <= frame.bottom
  }

  row(id: string): HTMLElement | undefined {
    return this.log.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`) ?? undefined
  }

  /**
   * Scrolls now and in the next two frames: rows that were never rendered have estimated heights, which change when they come into view.
   * Stops if somebody scrolls meanwhile.
   */
  private scroll(restored: ScrollPosition | undefined, move: () => void, frames = 2): void {
    cancelAnimationFrame(this.frame)
    move()
    this.restored = restored
    this.scrollTop = this.log.scrollTop
    if (frames === 0) return
    this.frame = requestAnimationFrame(() => {
      if (this.log.scrollTop === this.scrollTop) this.scroll(restored, move, frames - 1)
    })
  }
}
