/** A random id, for a post or for a client. */
export function newCid(): string {
  // Pages that come over plain http from another machine have getRandomValues(), but no crypto.randomUUID().
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
