/**
 * The lines that left a full room last, as far as they are remembered. A copy of the room from before still has them: they are not taken
 * for something that its author wrote.
 */
import { hash } from 'node:crypto'
import type { Backlog } from '../../room/backlog.ts'
import { BUDGETS } from '../../budgets.ts'
import { lineOf } from '../../room/message.ts'
import type { Found } from '../../room/take-in.ts'

export class Dropped {
  /** Their hashes, oldest first. */
  readonly #lines = new Set<string>()

  /** Remembers what a commit left out at the beginning of a room. */
  note(before: Backlog | undefined, after: Backlog): void {
    const [first] = after.messages
    if (!before || !first || before.messages[0] === first) return
    for (const message of before.messages) {
      if (message.id === first.id) break
      this.#lines.add(hashOf(lineOf(message)))
    }
    for (const line of this.#lines) {
      if (this.#lines.size <= BUDGETS.droppedLines) break
      this.#lines.delete(line)
    }
  }

  /** What a file says besides. */
  without(found: Found): Found {
    if (this.#lines.size === 0) return found
    const lines = found.lines.filter(({ text }) => !this.#lines.has(hashOf(text)))
    return lines.length === found.lines.length ? found : { ...found, lines, clean: false }
  }

  forget(): void {
    this.#lines.clear()
  }
}

function hashOf(text: string): string {
  return hash('sha1', text, 'base64')
}
