/** The worker's side of disk.ts: makes one run after the other. */
import { parentPort } from 'node:worker_threads'
import type { Answer, Question } from './disk.ts'
import { failureOf, RUNS } from './disk-runs.ts'

parentPort?.on('message', ({ id, run, args }: Question) => {
  try {
    const result = (RUNS[run] as (...given: unknown[]) => unknown)(...args)
    answer({ id, result }, memoryOf(result))
  } catch (error) {
    answer({ id, failure: failureOf(error) })
  }
})

function answer(what: Answer, handedOver: ArrayBuffer[] = []): void {
  parentPort?.postMessage(what, handedOver)
}

/** The memory of bytes that were read: it is transferred instead of copied. */
function memoryOf(result: unknown): ArrayBuffer[] {
  const bytes = result instanceof Uint8Array ? result : (result as { bytes?: Uint8Array } | undefined)?.bytes
  return bytes ? [bytes.buffer as ArrayBuffer] : []
}
