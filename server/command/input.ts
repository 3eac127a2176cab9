/**
 * Reads the texts to post from standard input: all of it as one text, or each line. It is read as fast as it is posted, and texts that are too long
 * are not kept. Knows bytes and lines; does not know where they are posted.
 */

/** The longest text that is read, in bytes: 64 times the default of a server's `--max-message`, which decides about shorter ones. */
export const MOST_TEXT = 2 ** 20

export interface Text {
  /** Undefined when it is too long. */
  readonly text: string | undefined
  /** Its line number, from 1; undefined when it is all of standard input. */
  readonly line?: number
}

type Input = AsyncIterable<Buffer>

const NEWLINE = 0x0a

/** All of standard input as one text, without the newlines at its end. */
export async function* wholeOf(input: Input): AsyncGenerator<Text> {
  const all = new TextBuffer()
  for await (const chunk of input) {
    all.add(chunk)
    if (all.isTooLong) break
  }
  yield { text: all.isTooLong ? undefined : all.text.replace(/(?<![\r\n])[\r\n]+$/, '') }
}

/** Each line that is not blank, as soon as it is read. One that is too long is reported at once, and skipped to its end. */
export async function* linesIn(input: Input): AsyncGenerator<Text> {
  const kept = new TextBuffer()
  let line = 1
  for await (const chunk of input) {
    let rest = chunk
    for (;;) {
      const end = rest.indexOf(NEWLINE)
      const wasTooLong = kept.isTooLong
      kept.add(end === -1 ? rest : rest.subarray(0, end))
      if (kept.isTooLong && !wasTooLong) yield { line, text: undefined }
      if (end === -1) break
      if (!kept.isTooLong) yield* textIn(line, kept.text)
      kept.clear()
      line += 1
      rest = rest.subarray(end + 1)
    }
  }
  if (!kept.isTooLong) yield* textIn(line, kept.text)
}

function* textIn(line: number, text: string): Generator<Text> {
  if (text.trim() !== '') yield { line, text: text.replace(/\r$/, '') }
}

/** The bytes of one text. */
class TextBuffer {
  readonly #bytes = Buffer.allocUnsafe(MOST_TEXT)
  #length = 0

  get isTooLong(): boolean {
    return this.#length > MOST_TEXT
  }

  get text(): string {
    return new TextDecoder().decode(this.#bytes.subarray(0, this.#length))
  }

  add(bytes: Buffer): void {
    this.#length += bytes.length
    if (!this.isTooLong) bytes.copy(this.#bytes, this.#length - bytes.length)
  }

  clear(): void {
    this.#length = 0
  }
}
