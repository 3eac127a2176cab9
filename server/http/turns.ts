/**
 * The turns that requests of one address have among those of others: how many of them begin in a row, and how many rooms they look at.
 * Knows the event loop; what takes long by itself is counted in work-share.ts.
 */
import pLimit from 'p-limit'
import { BUDGETS } from '../budgets.ts'

/** What a poll can look at: a room. */
export interface Lookable {
  look(): Promise<void>
}

interface Turn {
  begun: number
  readonly waiting: (() => void)[]
}

/**
 * Lets so many requests of an address begin in one turn of the event loop. A commit takes a dozen turns: were there a hundred requests in each,
 * those who wait for it would wait for all of them a dozen times.
 */
export class Beginnings {
  readonly #turns = new Map<string, Turn>()

  take(address: string, begin: () => void): void {
    const turn = this.#turns.get(address) ?? this.#open(address)
    if (turn.begun >= BUDGETS.requestsInTurn) return void turn.waiting.push(begin)
    turn.begun += 1
    begin()
  }

  #open(address: string): Turn {
    const turn: Turn = { begun: 0, waiting: [] }
    this.#turns.set(address, turn)
    setImmediate(() => this.#next(address, turn))
    return turn
  }

  #next(address: string, turn: Turn): void {
    if (turn.waiting.length === 0) return void this.#turns.delete(address)
    const next = turn.waiting.splice(0, BUDGETS.requestsInTurn)
    turn.begun = next.length
    for (const begin of next) begin()
    setImmediate(() => this.#next(address, turn))
  }
}

/** Looks at rooms, some at a time: those who ask for the same room before its turn share it. */
export class Looks {
  readonly #limit = pLimit(BUDGETS.looksAtOnce)
  readonly #asked = new Map<Lookable, Promise<void>>()

  get isIdle(): boolean {
    return this.#limit.activeCount + this.#limit.pendingCount === 0
  }

  look(room: Lookable): Promise<void> {
    const asked = this.#asked.get(room)
    if (asked) return asked
    const look = this.#limit(() => {
      this.#asked.delete(room)
      return room.look()
    })
    this.#asked.set(room, look)
    return look
  }
}
