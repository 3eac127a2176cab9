/** Whether a text calls somebody by name: `@ann`, as a word of its own, in any script. Knows nothing else. */

/** Scripts that put no blanks between words: what follows a name in them need not be a boundary. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const WORD = /[\p{L}\p{M}\p{N}_-]/u

/**
 * @param others the other nicks of the room: where a longer one stands, `@annabel`, the shorter is not meant
 * @example
 * isMentioned('ping @Ann!', 'ann') // true
 * isMentioned('ping @anna', 'ann') // false
 */
export function isMentioned(msg: string, nick: string, others: readonly string[] = []): boolean {
  const name = folded(nick)
  if (name === '') return false
  const text = folded(msg)
  const longer = others.map(folded).filter((other) => other.length > name.length && other.startsWith(name))
  for (let at = text.indexOf(`@${name}`); at >= 0; at = text.indexOf(`@${name}`, at + 1)) {
    const rest = text.slice(at + 1)
    if (longer.some((other) => rest.startsWith(other))) continue
    const [next = ''] = rest.slice(name.length)
    if (!isWord(lastOf(text.slice(0, at))) && !isWord(next)) return true
  }
  return false
}

/** `mail@ann` is an address; 请@ann is not. */
function isWord(char: string): boolean {
  return WORD.test(char) && !UNSPACED.test(char)
}

function lastOf(text: string): string {
  return Array.from(text.slice(-2)).at(-1) ?? ''
}

const folded = (text: string): string => text.normalize('NFC').toLocaleLowerCase()
