/** Copies texts to the clipboard, also in pages that came over plain http and have no Clipboard API. */

/** To be called while a click is handled. @returns whether the text was copied */
export async function copy(text: string): Promise<boolean> {
  // Undefined outside of secure contexts, which its type does not say.
  const clipboard = navigator.clipboard as Clipboard | undefined
  if (!clipboard) return copyBySelection(text)
  return clipboard.writeText(text).then(
    () => true,
    () => copyBySelection(text), // the frame may not, or the page has lost the focus
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

/** The element that has the focus, also inside of shadow roots. */
function focused(): Element | null {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element
}

/** Selects the contents of an element, for a reader who has to copy by hand. */
export function selectAllIn(element: Element): void {
  getSelection()?.selectAllChildren(element)
}
