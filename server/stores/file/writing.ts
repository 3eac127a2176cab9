/**
 * What somebody is writing to a room's file at the moment, and when it is at its end: when the file was left alone for a moment, and no program
 * has it open any more that can write over it. A program that can only add to it (`>>`) may keep it open for ever, and is not waited for.
 */
import { statSync } from 'node:fs'
import type { Times } from '../../times.ts'
import { signatureOf, type Signature } from './durable.ts'
import { fileKeyOf, type Holders } from './holders.ts'
import type { Snapshot } from './snapshot.ts'

interface UnderWay {
  /** When it was first seen (monotonic). */
  readonly began: number
  signature: Signature
  /** Since when the file is in this state (monotonic). */
  since: number
  /** Whether a program had the file open when that was asked last. */
  isHeld: boolean
  /** Whether its writer was done with this state; undefined while that was not asked. */
  isDone: boolean | undefined
  /** Whether that can be known. */
  canAsk: boolean
}

export class Writing {
  readonly #holders: Holders
  readonly #times: Pick<Times, 'quiet' | 'released' | 'edit'>
  #underWay: UnderWay | undefined

  constructor(holders: Holders, times: Pick<Times, 'quiet' | 'released' | 'edit'>) {
    this.#holders = holders
    this.#times = times
  }

  get isUnderWay(): boolean {
    return this.#underWay !== undefined
  }

  /** What was written is taken in. */
  end(): void {
    this.#underWay = undefined
  }

  /** Whether the file has stayed in one state for a moment. @param changedAt its mtime, where that can be believed */
  isQuiet({ signature }: Snapshot, changedAt = Infinity): boolean {
    const now = performance.now()
    const fresh = { signature, since: now, isDone: undefined, canAsk: false }
    const underWay = (this.#underWay ??= { began: now, isHeld: false, ...fresh })
    if (underWay.signature !== signature) Object.assign(underWay, fresh)
    return now - underWay.since >= this.#times.quiet || Date.now() - changedAt > this.#times.quiet
  }

  /**
   * Whether it is known that its writer is done, before the file is quiet: no program has it open to write any more. A file that took the place
   * of another was whole by then (`sed -i`, `mv`, most editors); one that is written in place may be opened again at once for more.
   */
  async isDone({ place, fd, stats, signature }: Snapshot, tookPlace: boolean): Promise<boolean> {
    const underWay = this.#underWay
    if (underWay?.isDone !== undefined) return underWay.isDone
    if (!underWay || fd === undefined || !stats || !this.#holders.sees(stats)) return false
    underWay.canAsk = true
    if (!this.#holders.isRestedForEdit || (!tookPlace && performance.now() - underWay.since < this.#times.released)) return false
    const held = await this.#holders.heldAmong([{ key: fileKeyOf(stats), fd }])
    const now = statSync(place.file, { bigint: true, throwIfNoEntry: false })
    underWay.isDone = held.size === 0 && now !== undefined && signatureOf(now) === signature
    return underWay.isDone
  }

  /** Milliseconds after which it is worth to look again. */
  get nextLook(): number {
    const { quiet, released } = this.#times
    const { since = 0, isDone, canAsk = false } = this.#underWay ?? {}
    const left = since + quiet - performance.now()
    if (left <= 0) return quiet
    return canAsk && isDone === undefined ? Math.min(left, released) : left
  }

  /** Whether a program has the file open to write over it, for some seconds at most. The first answer is of now, those after it as the pace allows. */
  async isHeld({ fd, stats }: Snapshot): Promise<boolean> {
    const underWay = this.#underWay
    if (!underWay || underWay.isDone || fd === undefined || !stats || performance.now() - underWay.began >= this.#times.edit) return false
    if (!underWay.isHeld || this.#holders.isRested) underWay.isHeld = await this.#holders.mayBeWrittenOver({ key: fileKeyOf(stats), fd })
    return underWay.isHeld
  }
}
