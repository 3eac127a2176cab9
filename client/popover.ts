/** The position of popovers. The browser does the rest: it closes them, and gives the focus back. */

/** The least distance to the edge of the window, in pixels. */
const EDGE = 8

/** Puts an open popover below its button, within the window. */
export function placeBelow(panel: HTMLElement, button: Element): void {
  const { bottom, right } = button.getBoundingClientRect()
  panel.style.top = `${bottom + EDGE / 2}px`
  panel.style.right = `${Math.max(EDGE, document.documentElement.clientWidth - right)}px`
}
