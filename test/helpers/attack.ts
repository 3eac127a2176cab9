/**
 * What every attack in test/faults has in common: how large it is, what was tried and acknowledged, and its line in the table that
 * `npm run test:faults` prints. Knows no server's inside: an attack knocks at the door like everyone else.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { newCid } from '../../client/api/client.ts'
import { send, type Answer, type Send } from './chat.ts'
import { TEST_LIMIT_MS } from './limits.ts'

/** The small size is for every run of the tests, the large one for `npm run test:faults`. */
export function sized<T>(small: T, large: T): T {
  return process.env['FAULTS'] === 'large' ? large : small
}

export class Attack {
  readonly #name: string
  tried = 0
  readonly acknowledged: string[] = []
  /** Milliseconds from the end of each trouble to the first post that was acknowledged. */
  readonly recoveries: number[] = []

  constructor(name: string) {
    this.#name = name
  }

  /** Posts once, and keeps count. Resolves to the answer, or undefined where there was none. */
  async post(url: string, msg: string, { cid = newCid(), ...options }: Send & { cid?: string } = {}): Promise<Answer | undefined> {
    this.tried += 1
    const headers = { 'Content-Type': 'application/json' }
    const answer = await send(`${url}/rooms/lobby`, { ...options, headers, body: JSON.stringify({ msg, cid }) }).catch(() => undefined)
    if (answer?.status === 201) this.acknowledged.push(msg)
    return answer
  }

  /** Posts until it is acknowledged, as a client with patience does: always the same post. @param since when the trouble ended */
  async recover(url: string, msg: string, since: number = performance.now(), options: Send = {}): Promise<void> {
    const cid = newCid()
    while ((await this.post(url, msg, { ...options, cid }))?.status !== 201) {
      if (performance.now() - since > TEST_LIMIT_MS) throw new Error('the trouble is over, and no post is acknowledged')
      await delay(5)
    }
    this.recoveries.push(performance.now() - since)
  }

  /** What was acknowledged and is not among these texts. */
  lost(texts: Iterable<string>): string[] {
    const kept = new Set(texts)
    return this.acknowledged.filter((msg) => !kept.has(msg))
  }

  /** Checks that nothing acknowledged is lost or doubled, and tells the table. */
  end(t: ExecutionContext, texts: readonly string[], more = ''): void {
    const lost = this.lost(texts)
    t.deepEqual(lost, [], 'lost')
    t.is(new Set(texts).size, texts.length, 'doubled')
    tell(t, { attack: this.#name, tried: this.tried, acknowledged: this.acknowledged.length, lost: lost.length, ...this.#recovery(), more })
  }

  #recovery(): { recovery: number } | undefined {
    return this.recoveries.length > 0 ? { recovery: Math.max(...this.recoveries) } : undefined
  }
}

/** A line of the table. */
export interface Told {
  readonly attack: string
  readonly tried: number
  readonly acknowledged?: number
  readonly lost?: number
  /** Milliseconds, the longest. */
  readonly recovery?: number
  /** What else was seen. */
  readonly more?: string
}

export function tell(t: ExecutionContext, told: Told): void {
  t.log(JSON.stringify(told))
  const report = process.env['FAULTS_REPORT']
  if (report !== undefined) appendFileSync(report, `${JSON.stringify(told)}\n`)
}
