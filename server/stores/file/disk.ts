/**
 * Runs system calls in worker threads: only the caller waits for the disk. A run is a series of calls, and costs one message in each
 * direction.
 * Knows workers; the runs are in disk-runs.ts.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Failure, NewVersion, Runs } from './disk-runs.ts'

/** How many runs can wait for the disk at the same time. A worker is started only when all others are busy. */
const MOST_WORKERS = 4

/** A request to a worker. */
export interface Question {
  readonly id: number
  readonly run: keyof Runs
  readonly args: readonly unknown[]
}

/** The reply of a worker. */
export type Answer = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failure: Failure }

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * An error of a worker, with the system's error code. It has no stack, like Node's own system errors: the place where it arrives says
 * nothing.
 */
export function errorOf({ message, code }: Failure): Error {
  return Object.assign(new Error(message), { stack: `Error: ${message}` }, code !== undefined && { code })
}

/** One worker, and the callers that wait for it. It keeps the process alive only while a caller waits. */
class DiskThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  /** @param ended called when the worker can make no more runs: it was killed, or could not start */
  constructor(ended: (thread: DiskThread) => void) {
    // The same extension as this file: .ts in a checkout, .js in the package.
    this.#worker = new Worker(new URL(`disk-worker${extname(import.meta.url)}`, import.meta.url), { trackUnmanagedFds: false })
    this.#worker.unref()
    const end = (error: Error): void => {
      ended(this)
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    }
    this.#worker.on('message', (answer: Answer) => this.#take(answer))
    this.#worker.on('error', (error: Error) => end(error))
    this.#worker.on('exit', () => end(new Error('the thread that writes files has ended')))
  }

  /** How many of its runs are not finished. */
  get load(): number {
    return this.#waiting.size
  }

  run(run: keyof Runs, args: readonly unknown[], handedOver: ArrayBuffer[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const question: Question = { id: ++this.#lastId, run, args }
      this.#worker.postMessage(question, handedOver)
      this.#waiting.set(question.id, { resolve, reject })
      if (this.load === 1) this.#worker.ref()
    })
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.load === 0) this.#worker.unref()
    if ('failure' in answer) waiting?.reject(errorOf(answer.failure))
    else waiting?.resolve(answer.result)
  }
}

/** The workers of this process. All stores share them. */
const threads = new Set<DiskThread>()

/** A worker that is idle; else a new one; else, if there are enough, the one with the fewest runs. */
function freeThread(): DiskThread {
  const [least] = [...threads].toSorted((a, b) => a.load - b.load)
  if (least && (least.load === 0 || threads.size === MOST_WORKERS)) return least
  const started = new DiskThread((ended) => threads.delete(ended))
  threads.add(started)
  return started
}

/**
 * Lets a worker make a run. @param handedOver memory that is transferred to the worker @throws what the run throws, or why no worker could
 * make it
 */
async function made<R extends keyof Runs>(run: R, args: Parameters<Runs[R]>, handedOver: ArrayBuffer[] = []): Promise<ReturnType<Runs[R]>> {
  return (await freeThread().run(run, args, handedOver)) as ReturnType<Runs[R]>
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

/** The runs of disk-runs.ts, made by a worker. */
export const disk = {
  putVersion(version: NewVersion) {
    const bytes = new Uint8Array(version.bytes) // to copy and transfer takes a tenth of the time of a copy by postMessage
    return made('putVersion', [{ ...version, bytes }], [bytes.buffer])
  },
  makeLast: (...args: Parameters<Runs['makeLast']>) => made('makeLast', args),
  readVersion: async (...args: Parameters<Runs['readVersion']>) => {
    const read = await made('readVersion', args)
    return read && { ...read, bytes: read.bytes && asBuffer(read.bytes) }
  },
  readExactly: async (...args: Parameters<Runs['readExactly']>) => asBuffer(await made('readExactly', args)),
}
