/**
 * Whether a key sends, and how tall a text is: the small rules of writing a message.
 * Knows events and fields of the DOM; knows no room.
 */

/**
 * Enter sends, Shift+Enter breaks the line, and an Enter that ends a composition (中文, 日本語) belongs to the input method.
 * Safari ends the composition before its keydown, which then has no `isComposing` but still the key code 229.
 */
export function isSend(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229
}

/** Makes the field as tall as its text; the style sheet sets the limit. */
export function fit(field: HTMLTextAreaElement): void {
  field.style.height = 'auto'
  field.style.height = `${field.scrollHeight}px`
}
