/**
 * The share of the server's one thread that an address may have: a part of the time, and a moment of it at once. What is beyond waits, until
 * others have had theirs.
 * Knows addresses and milliseconds; does not know what the work is for.
 */
import { BUDGETS } from '../budgets.ts'

/** Milliseconds that an address has worked beyond its part of the time, as of a moment (monotonic), and the work that it waits for. */
interface Account {
  ahead: number
  asOf: number
  readonly waiting: (() => void)[]
  timer: NodeJS.Timeout | undefined
}

export class WorkShare {
  readonly #accounts = new Map<string, Account>()
  #isLifted = false

  /** How much work of an address waits. */
  waiting(address: string): number {
    return this.#accounts.get(address)?.waiting.length ?? 0
  }

  /**
   * Does work for an address: now, or when it has its turn. The time that it takes is counted, so only what is done at once belongs into it.
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

  /** From now on nothing waits any more. */
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

  /** Does what may be done now, and comes again when the next may, or when there is nothing to remember. */
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
