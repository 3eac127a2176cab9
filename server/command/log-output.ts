/**
 * The output of the log: the disk may be full, the reader of a pipe may be slow or gone. Never throws and never blocks. What cannot be written now is
 * kept, up to a limit, and retried; lines beyond that are lost. Knows bytes and system calls; does not know what a line says.
 */
import { write as writeWithCallback, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { BUDGETS } from '../budgets.ts'

const write = promisify(writeWithCallback)

export interface LogOutputOptions {
  /** The file descriptor to write to. A pipe has to be non-blocking: otherwise a slow reader blocks a thread of Node's pool, and the end of the process. */
  readonly fd: number
  /** Milliseconds until a failed write is retried. The next line retries it, too. */
  readonly retryMs: number
  /** Called with the number of lost lines, when writing is possible again. */
  readonly onLost: (lines: number) => void
}

export class LogOutput {
  readonly #options: LogOutputOptions
  /** What is not written yet, in order. The first may be the rest of a line. */
  readonly #waiting: Buffer[] = []
  /** Bytes that are waiting or being written. */
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

  /** Writes synchronously what is possible at once: for a process that ends. */
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
        () => 0, // whatever the reason is, a retry may succeed
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
