/**
 * Limits the time for which an address may use the server's one thread: a part of all time, and a few milliseconds in a row. Work beyond that
 * waits.
 * Knows addresses and milliseconds; does not know what the work is for.
 */
import { BUDGETS } from '../budgets.ts'

/** An address: the milliseconds that it has worked beyond its part of the time, when that was computed (monotonic), and its waiting work. */
interface Account {
  ahead: number
  asOf: number
  readonly waiting: (() => void)[]
  timer: NodeJS.Timeout | undefined
}

export class WorkShare {
  readonly #accounts = new Map<string, Account>()
  #isLifted = false

  /** How many pieces of work of an address wait. */
  waiting(address: string): number {
    return this.#accounts.get(address)?.waiting.length ?? 0
  }

  /**
   * Does work for an address, now or later. The time that it takes is counted, so it has to be synchronous.
   * @returns what the work returned; rejects with what it threw
   */
  take<T>(address: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const account = this.#accountOf(address)
      account.waiting.push(() => {
        try {
          resolve(work())
        } catch (error) {
          reject(error)
        }
      })
      if (account.waiting.length === 1) this.#go(address, account)
    })
  }

  /** Lifts the limit: does all waiting work now, and new work at once. */
  lift(): void {
    this.#isLifted = true
    for (const [address, account] of this.#accounts) this.#go(address, account)
  }

  #accountOf(address: string): Account {
    const known = this.#accounts.get(address)
    if (known) return known
    const account: Account = { ahead: 0, asOf: performance.now(), waiting: [], timer: undefined }
    this.#accounts.set(address, account)
    return account
  }

  /** Does the work that is allowed now. Sets a timer for the rest, or to forget the address when it is idle. */
  #go(address: string, account: Account): void {
    clearTimeout(account.timer)
    while (account.waiting.length > 0 && (this.#isLifted || aheadNow(account) <= BUDGETS.workAtOnce)) {
      const began = performance.now()
      account.waiting.shift()?.()
      account.ahead += performance.now() - began
    }
    const ahead = aheadNow(account)
    const isWaitedFor = account.waiting.length > 0
    if (ahead === 0 && !isWaitedFor) return void this.#accounts.delete(address)
    const ms = Math.ceil((ahead - (isWaitedFor ? BUDGETS.workAtOnce : 0)) / BUDGETS.workShare) // a timer that comes early would have to wait again
    account.timer = setTimeout(() => this.#go(address, account), ms)
    account.timer.unref()
  }
}

function aheadNow(account: Account): number {
  const now = performance.now()
  account.ahead = Math.max(0, account.ahead - (now - account.asOf) * BUDGETS.workShare)
  account.asOf = now
  return account.ahead
}
