/** Whether a text mentions a nick: `@ann`, as a whole word, in any script. */

/** Scripts that have no spaces between words: their letters may stand directly before or after a mention. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const WORD = /[\p{L}\p{M}\p{N}_-]/u

/**
 * @param others the other nicks of the room: `@ann bell` does not mention `ann` if there is an `ann bell`
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

/** `mail@ann` is an address, and 请@ann is a mention. */
function isWord(char: string): boolean {
  return WORD.test(char) && !UNSPACED.test(char)
}

function lastOf(text: string): string {
  return Array.from(text.slice(-2)).at(-1) ?? ''
}

const folded = (text: string): string => text.normalize('NFC').toLocaleLowerCase()
