/** The text of a message as an element: its Markdown as safe HTML, with a button on each code block that copies it. */
import { safeNodes } from '../../markdown/safe-html.ts'

/** A message, or an entry of the outbox. */
type Source = { readonly msg: string }

/** The elements of one log. Each is made once, since a message object never changes: after a reset there are new objects. */
export class MessageTexts {
  private elements = new WeakMap<Source, HTMLElement>()
  private copyCode = ''

  /** @param copyCode the label of the button on a code block; with another label all elements are made again */
  of(message: Source, copyCode: string): HTMLElement {
    if (copyCode !== this.copyCode) this.elements = new WeakMap()
    this.copyCode = copyCode
    const known = this.elements.get(message)
    if (known) return known
    const text = document.createElement('div')
    text.className = 'text'
    text.dir = 'auto'
    text.append(safeNodes(message.msg))
    for (const block of text.querySelectorAll('pre')) addCopyButton(block, copyCode)
    for (const table of text.querySelectorAll('table')) table.tabIndex = 0 // so that a wide table can be scrolled by keys
    this.elements.set(message, text)
    return text
  }
}

/** The log handles clicks on the button: the code is the element before it. */
function addCopyButton(block: HTMLElement, label: string): void {
  const frame = document.createElement('div')
  frame.className = 'code'
  block.tabIndex = 0
  block.replaceWith(frame)
  const button = document.createElement('button')
  button.className = 'copy-code'
  button.type = 'button'
  button.textContent = label
  frame.append(block, button)
}
