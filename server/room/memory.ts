/**
 * The one account of what is kept in memory for convenience: what could be read or made again. It has a budget in bytes (`--memory`).
 * When that is spent, what was used the longest ago is let go. Does not know what it keeps.
 */
import { totalmem } from 'node:os'
import { LRUCache } from 'lru-cache'

const MIB = 1024 * 1024

/** The usual budget: an eighth of the memory that this process may take, but from 64 MiB to 1 GiB. */
export function usualBudget(): number {
  const total = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  return Math.round(Math.min(Math.max(total / 8, 64 * MIB), 1024 * MIB))
}

interface Entry {
  readonly value: unknown
  readonly bytes: number
  readonly letGo: (() => void) | undefined
}

export class Memory {
  readonly #entries: LRUCache<object | string, Entry>
  readonly budget: number

  /** @param budget bytes */
  constructor(budget: number) {
    this.budget = budget
    this.#entries = new LRUCache({
      maxSize: budget,
      sizeCalculation: ({ bytes }) => bytes,
      disposeAfter: ({ letGo }, _key, reason) => {
        if (reason === 'evict') letGo?.()
      },
    })
  }

  /** Bytes that are kept at the moment. Never more than the budget. */
  get bytes(): number {
    return this.#entries.calculatedSize
  }

  /** How many things are kept. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * Keeps something until its place is needed. Kept again, it has the new weight.
   * @param bytes what it takes; what is larger than the whole budget is kept alone
   * @param letGo called when its place is needed, and not when it is forgotten
   */
  keep(key: object | string, value: unknown, bytes: number, letGo?: () => void): void {
    this.#entries.set(key, { value, bytes: Math.min(Math.max(1, Math.ceil(bytes)), this.budget), letGo })
  }

  /** What is kept under a key, which is now the one that was used last; undefined when there is nothing. */
  use(key: object | string): unknown {
    return this.#entries.get(key)?.value
  }

  /** Does not count something any more. */
  forget(key: object | string): void {
    this.#entries.delete(key)
  }
}
