/** Files that look like a room's file but have an invalid name: the log names each of them once. Knows names only. */
import { BUDGETS } from '../../budgets.ts'
import { quoted } from '../../errors.ts'
import { isRoomName } from '../../room/room-name.ts'
import type { Warn } from '../../warn.ts'

const ENDING = '.jsonl'

/** Characters that control a terminal, or that change the order of the text. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

export class Misnamed {
  readonly #warn: Warn
  readonly #told = new Set<string>()

  constructor(warn: Warn) {
    this.#warn = warn
  }

  /** @param names all names in the directory */
  look(names: readonly string[]): void {
    for (const name of names) {
      if (this.#told.size >= BUDGETS.misnamedFiles) return
      if (!name.endsWith(ENDING) || name.startsWith('.') || this.#told.has(name)) continue
      const stem = name.slice(0, -ENDING.length)
      if (isRoomName(stem)) continue
      this.#told.add(name)
      const shown = quoted(name).replaceAll(UNSEEN, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
      this.#warn(`the file ${shown} is no room's: ${reasonOf(stem)}`, {})
    }
  }
}

function reasonOf(stem: string): string {
  const composed = stem.normalize('NFC')
  if (isRoomName(composed)) return `its name is not composed Unicode (NFC): mv -n '${stem}${ENDING}' '${composed}${ENDING}'`
  const rest = composed.replace(/^-+/, '')
  if (isRoomName(rest)) return `its name begins with a hyphen: mv -n './${stem}${ENDING}' '${rest}${ENDING}'`
  return 'a room is named by 1 to 64 letters, digits, _ or -, of at most 230 bytes'
}
