/**
 * Queues that share the server among addresses: how many requests of one begin in a row, and how many rooms they look at.
 * Knows the event loop. Single pieces of expensive work are in work-share.ts.
 */
import pLimit from 'p-limit'
import { BUDGETS } from '../budgets.ts'

/** A room, which a poll brings up to date. */
export interface Lookable {
  look(): Promise<void>
}

interface Turn {
  begun: number
  readonly waiting: (() => void)[]
}

/**
 * Lets only a few requests of an address begin in one turn of the event loop. A commit takes a dozen turns. With a hundred requests in each, it
 * would wait for all of them.
 */
export class RequestQueue {
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

/** Looks at a few rooms at the same time. Requests for a room whose look has not begun share that look. */
export class LookQueue {
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
