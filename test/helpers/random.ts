/**
 * Chance that can be repeated: the numbers of a run follow from its seed. `npm test` always has the same one, `npm run test:faults` draws
 * one anew; `SEED=<number>` before either repeats it.
 */
import type { ExecutionContext } from 'ava'
import type { Parameters as Fuzz } from 'fast-check'

const SEED = Number(process.env['SEED'] ?? 1)

/** Numbers from 0 to below 1, as Math.random gives them, that follow from the seed and the test; the test's log names the seed. */
export function randomOf(t: ExecutionContext): () => number {
  t.log(`SEED=${SEED}`)
  let state = Buffer.from(t.title).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), SEED)
  // A Weyl sequence, its bits mixed by two multiplications: even enough for instants and choices.
  return () => {
    state = (state + 0x9e3779b9) | 0
    const mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    return ((Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
}

/** How a property is tried: so often, from the seed; the test's log names it. Two runs with one seed try the same. */
export function tries<T>(t: ExecutionContext, numRuns: number): Fuzz<T> {
  t.log(`SEED=${SEED}`)
  return { numRuns, seed: SEED }
}
