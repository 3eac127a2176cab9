/** Highlights the results of a search in the messages that are shown, by the CSS Custom Highlight API. A browser without it shows no highlights. */

/** The name of the highlight; log-style.ts gives it its colours. */
const NAME = 'roomfile-found'

/** The highlighted ranges of one log. All logs of a page share one highlight, so each removes only its own ranges. */
export class SearchHighlight {
  private ranges: Range[] = []

  /** Highlights the query in these messages, in place of what was highlighted before. */
  show(rows: readonly Element[], query: string): void {
    this.clear()
    const wanted = query.trim().toLocaleLowerCase()
    if (wanted === '' || !('highlights' in CSS)) return
    this.ranges = rows.flatMap((row) => [...row.querySelectorAll('.text, .nick')].flatMap((text) => rangesIn(text, wanted)))
    const highlight = CSS.highlights.get(NAME) ?? new Highlight()
    for (const range of this.ranges) highlight.add(range)
    CSS.highlights.set(NAME, highlight)
  }

  clear(): void {
    if (!('highlights' in CSS)) return
    const highlight = CSS.highlights.get(NAME)
    for (const range of this.ranges) highlight?.delete(range)
    this.ranges = []
  }
}

function rangesIn(root: Element, wanted: string): Range[] {
  const ranges: Range[] = []
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = (node.textContent ?? '').toLocaleLowerCase()
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      if (at + wanted.length > (node.textContent ?? '').length) break // in lower case a letter may become two
      const range = new Range()
      range.setStart(node, at)
      range.setEnd(node, at + wanted.length)
      ranges.push(range)
    }
  }
  return ranges
}
