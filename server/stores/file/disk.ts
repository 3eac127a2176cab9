/**
 * Has runs of system calls made by workers: whoever asks for one waits for the disk, and nobody else. A run costs one message there and one back.
 * Knows workers; what they do is disk-runs.ts.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Failure, NewVersion, Runs } from './disk-runs.ts'

/** So many runs wait for the disk side by side. A worker is started when all that there are have something to do. */
const MOST_WORKERS = 4

/** What a worker is asked for. */
export interface Question {
  readonly id: number
  readonly run: keyof Runs
  readonly args: readonly unknown[]
}

/** What it says. */
export type Answer = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failure: Failure }

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** An error of another thread, with the system's code. As with Node's own system errors, where it is heard of says nothing: it has no stack. */
export function errorOf({ message, code }: Failure): Error {
  return Object.assign(new Error(message), { stack: `Error: ${message}` }, code !== undefined && { code })
}

/** One worker, with those who wait for it. It does not keep the process alive but while somebody waits. */
class DiskThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  /** @param ended called when it can do nothing any more: it was killed, or could not start */
  constructor(ended: (thread: DiskThread) => void) {
    // In a checkout this file is TypeScript, in the package it is not.
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

  /** How many runs it has still to make. */
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

/** Those of this process: all stores share them. */
const threads = new Set<DiskThread>()

/** The first that has nothing to do, a new one, or the one that has least to do. */
function freeThread(): DiskThread {
  const [least] = [...threads].toSorted((a, b) => a.load - b.load)
  if (least && (least.load === 0 || threads.size === MOST_WORKERS)) return least
  const started = new DiskThread((ended) => threads.delete(ended))
  threads.add(started)
  return started
}

/** Has a worker make a run. @param handedOver memory that this thread gives up @throws what the run throws, or why no worker could make it */
async function made<R extends keyof Runs>(run: R, args: Parameters<Runs[R]>, handedOver: ArrayBuffer[] = []): Promise<ReturnType<Runs[R]>> {
  return (await freeThread().run(run, args, handedOver)) as ReturnType<Runs[R]>
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

/** As in disk-runs.ts, but away from this thread. */
export const disk = {
  putVersion(version: NewVersion) {
    const bytes = new Uint8Array(version.bytes) // a copy that is handed over costs a tenth of one that is made by sending it
    return made('putVersion', [{ ...version, bytes }], [bytes.buffer])
  },
  makeLast: (...args: Parameters<Runs['makeLast']>) => made('makeLast', args),
  readVersion: async (...args: Parameters<Runs['readVersion']>) => {
    const read = await made('readVersion', args)
    return read && { ...read, bytes: read.bytes && asBuffer(read.bytes) }
  },
  readExactly: async (...args: Parameters<Runs['readExactly']>) => asBuffer(await made('readExactly', args)),
}
