/** Panels that open from a button: the browser's own popovers (Escape, a click beside, focus back), put below their button. */

/** How near a panel comes to the edge of the window, in pixels. */
const EDGE = 8

/** Puts an open panel below its button, within the window. */
export function placeBelow(panel: HTMLElement, button: Element): void {
  const { bottom, right } = button.getBoundingClientRect()
  panel.style.top = `${bottom + EDGE / 2}px`
  panel.style.right = `${Math.max(EDGE, document.documentElement.clientWidth - right)}px`
}
