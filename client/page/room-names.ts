/** The rule for room names, the same as in server/room/room-name.ts: so that an error is shown before a request is sent. */

const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_-]{0,63}$/u
const MAX_BYTES = 230

/** The name in NFC; undefined if it is invalid. */
export function roomNamed(text: string): string | undefined {
  const name = text.trim().normalize('NFC')
  return NAME.test(name) && new TextEncoder().encode(name).length <= MAX_BYTES ? name : undefined
}
