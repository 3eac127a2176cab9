/** A random identity, for a post or for whoever posts. */
export function newCid(): string {
  // crypto.randomUUID() is missing where a page comes over plain http from the local network; getRandomValues() is not.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
