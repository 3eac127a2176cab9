/** What a room may be called, as the server sees it (server/room-name.ts): so that a slip is told before anything is asked. */

const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_-]{0,63}$/u
const MAX_BYTES = 230

/** The name as the server knows it, composed; undefined when it is none. */
export function roomNamed(text: string): string | undefined {
  const name = text.trim().normalize('NFC')
  return NAME.test(name) && new TextEncoder().encode(name).length <= MAX_BYTES ? name : undefined
}
