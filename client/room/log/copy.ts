/** Puts a text on the clipboard, also where a page has no clipboard of its own: over plain http. Knows browsers; shows nothing. */

/** Resolves to whether the text is on the clipboard. Call it while the reader's click is being handled. */
export async function copy(text: string): Promise<boolean> {
  // The clipboard is for secure contexts only; the types do not know that.
  const clipboard = navigator.clipboard as Clipboard | undefined
  if (!clipboard) return copyBySelection(text)
  return clipboard.writeText(text).then(
    () => true,
    () => copyBySelection(text), // not allowed in this frame, or the page has lost the focus
  )
}

function copyBySelection(text: string): boolean {
  const before = focused()
  const field = document.createElement('textarea')
  field.value = text
  field.readOnly = true
  field.style.position = 'fixed'
  field.style.opacity = '0'
  document.body.append(field)
  field.select()
  const done = document.execCommand('copy')
  field.remove()
  if (before instanceof HTMLElement) before.focus({ preventScroll: true })
  return done
}

/** What has the focus, inside of whatever element hides it. */
function focused(): Element | null {
  let at = document.activeElement
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
  return at
}

/** Marks what an element holds, for a reader who has to copy by hand. */
export function selectAllIn(element: Element): void {
  getSelection()?.selectAllChildren(element)
}
