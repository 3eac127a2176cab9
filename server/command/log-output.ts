/**
 * Where log lines go: a file that may be full, a pipe whose reader is slow or gone. Knows bytes and system calls, not what a line says.
 * It throws nothing, and nobody waits for it: what cannot be written now is kept, up to a bound, and tried again; lines beyond that are lost.
 */
import { write as writeWithCallback, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { BUDGETS } from '../budgets.ts'

const write = promisify(writeWithCallback)

export interface LogOutputOptions {
  /** The file descriptor that is written to. A pipe is a non-blocking one, or a reader who is slow takes a thread of Node's, and its end waits. */
  readonly fd: number
  /** Milliseconds after which what could not be written is tried again; the next line tries it, too. */
  readonly retryMs: number
  /** Called when lines were lost, once others can be written again. */
  readonly onLost: (lines: number) => void
}

export class LogOutput {
  readonly #options: LogOutputOptions
  /** What is not written yet, in order; the first may be the rest of a line. */
  readonly #waiting: Buffer[] = []
  /** Bytes that wait or are being written. */
  #bytes = 0
  #lost = 0
  #isWriting = false
  #retry: NodeJS.Timeout | undefined

  constructor(options: LogOutputOptions) {
    this.#options = options
  }

  /** @param text one or more lines */
  write(text: string): void {
    const bytes = Buffer.from(text)
    if (this.#bytes > 0 && this.#bytes + bytes.length > BUDGETS.logKept) {
      this.#lost += 1
    } else if (bytes.length > 0) {
      this.#waiting.push(bytes)
      this.#bytes += bytes.length
    }
    if (!this.#isWriting) void this.#writeAll()
  }

  /** Writes what waits, as far as that is possible at once: for a process that ends. */
  writeNow(): void {
    for (let written = 1; written > 0 && this.#waiting.length > 0;) {
      const bytes = this.#take()
      written = writtenNow(this.#options.fd, bytes)
      this.#putBack(bytes, written)
    }
  }

  async #writeAll(): Promise<void> {
    const { fd, retryMs, onLost } = this.#options
    clearTimeout(this.#retry)
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const bytes = this.#take()
      const written = await write(fd, bytes).then(
        ({ bytesWritten }) => bytesWritten,
        () => 0, // whatever the reason is, it may be over later
      )
      this.#putBack(bytes, written)
      if (written === 0) {
        this.#retry = setTimeout(() => void this.#writeAll(), retryMs).unref()
        break
      }
      const lost = this.#lost
      this.#lost = 0
      if (lost > 0) onLost(lost)
    }
    this.#isWriting = false
  }

  #take(): Buffer {
    return Buffer.concat(this.#waiting.splice(0))
  }

  #putBack(bytes: Buffer, written: number): void {
    this.#bytes -= written
    if (written < bytes.length) this.#waiting.unshift(bytes.subarray(written))
  }
}

function writtenNow(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes)
  } catch {
    return 0 // as above
  }
}
