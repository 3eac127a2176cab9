/**
 * An edit of a room's file that is being written, and when it is complete: when the file has not changed for a moment, and no program that
 * can overwrite it has it open. A program that can only append (`>>`) may keep the file open for ever, and is not waited for.
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
  /** When the file was first seen in this state (monotonic). */
  since: number
  /** Whether a program that can overwrite the file had it open at the last check. */
  isHeld: boolean
  /** Whether its writer is done with this state; undefined if that was not checked. */
  isDone: boolean | undefined
  /** Whether that can be checked. */
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

  /** The edit was taken in. */
  end(): void {
    this.#underWay = undefined
  }

  /** Whether the file has stayed in one state for a moment. @param changedAt its mtime, if that can be trusted */
  isQuiet({ signature }: Snapshot, changedAt = Infinity): boolean {
    const now = performance.now()
    const fresh = { signature, since: now, isDone: undefined, canAsk: false }
    const underWay = (this.#underWay ??= { began: now, isHeld: false, ...fresh })
    if (underWay.signature !== signature) Object.assign(underWay, fresh)
    return now - underWay.since >= this.#times.quiet || Date.now() - changedAt > this.#times.quiet
  }

  /**
   * Whether the writer is known to be done before the file is quiet: no program has it open for writing. A file that replaced another one
   * was complete then (`sed -i`, `mv`, most editors). A file that is written in place may be opened again at once, for more.
   */
  async isDone(snapshot: Snapshot, tookPlace: boolean): Promise<boolean> {
    const { fd, stats } = snapshot
    const underWay = this.#underWay
    if (underWay?.isDone !== undefined) return underWay.isDone
    if (!underWay || fd === undefined || !stats || !this.#holders.sees(stats)) return false
    underWay.canAsk = true
    if (!this.#holders.isRestedForEdit || (!tookPlace && performance.now() - underWay.since < this.#times.released)) return false
    const held = await this.#holders.heldAmong([{ key: fileKeyOf(stats), fd }])
    underWay.isDone = held.size === 0 && isStillThere(snapshot)
    return underWay.isDone
  }

  /** Milliseconds until another look can bring a new answer. */
  get nextLook(): number {
    const { quiet, released } = this.#times
    const { since = 0, isDone, canAsk = false } = this.#underWay ?? {}
    const left = since + quiet - performance.now()
    if (left <= 0) return quiet
    return canAsk && isDone === undefined ? Math.min(left, released) : left
  }

  /**
   * Whether a program that can overwrite the file has it open, or has written to it while that was asked. After `times.edit` the answer is no in any case. A positive answer is used
   * again until `Holders` may look again.
   */
  async isHeld(snapshot: Snapshot): Promise<boolean> {
    const { fd, stats } = snapshot
    const underWay = this.#underWay
    if (!underWay || underWay.isDone || fd === undefined || !stats || performance.now() - underWay.began >= this.#times.edit) return false
    if (!underWay.isHeld || this.#holders.isRested) underWay.isHeld = await this.#holders.mayBeWrittenOver({ key: fileKeyOf(stats), fd })
    return underWay.isHeld || !isStillThere(snapshot)
  }
}

/** Whether the file is still as it was: a program may have ended its work while it was looked for. */
function isStillThere({ place, signature }: Snapshot): boolean {
  const now = statSync(place.file, { bigint: true, throwIfNoEntry: false })
  return now !== undefined && signatureOf(now) === signature
}
