/**
 * The text of a message as an element: Markdown made safe, code blocks with a button that copies them.
 * Knows what a message may look like on the page. Knows no room, and is told the only words it shows.
 */
import { safeNodes } from '../../markdown/safe-html.ts'

/** A message, or one that is to become one. */
type Said = { readonly msg: string }

/** The elements of one log, each made once: a message never changes, what has its id after a reset is another object. */
export class MessageTexts {
  private made = new WeakMap<Said, HTMLElement>()
  private copyCode = ''

  /** @param copyCode what the button on a code block is called; in another language all are made anew */
  of(message: Said, copyCode: string): HTMLElement {
    if (copyCode !== this.copyCode) this.made = new WeakMap()
    this.copyCode = copyCode
    const known = this.made.get(message)
    if (known) return known
    const text = document.createElement('div')
    text.className = 'text'
    text.dir = 'auto'
    text.append(safeNodes(message.msg))
    for (const block of text.querySelectorAll('pre')) addCopy(block, copyCode)
    for (const table of text.querySelectorAll('table')) table.tabIndex = 0 // a wide one scrolls, by keys as well
    this.made.set(message, text)
    return text
  }
}

/** The button is the log's to handle: it finds the code beside it. */
function addCopy(block: HTMLElement, name: string): void {
  const frame = document.createElement('div')
  frame.className = 'code'
  block.tabIndex = 0
  block.replaceWith(frame)
  const button = document.createElement('button')
  button.className = 'copy-code'
  button.type = 'button'
  button.textContent = name
  frame.append(block, button)
}
