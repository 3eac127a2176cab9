/**
 * What standard input says, as texts to post: all of it as one, or each of its lines. It is read no faster than it is posted, and no
 * text is kept that is too long. Knows bytes and lines; does not know where they go.
 */

/** The longest text that is read, in bytes: 64 times what a server takes unless it is told otherwise. What is shorter, the server judges. */
export const MOST_TEXT = 2 ** 20

export interface Text {
  /** Undefined when it is too long. */
  readonly text: string | undefined
  /** Which line of standard input it is, from 1; undefined when it is the whole message. */
  readonly line?: number
}

type Input = AsyncIterable<Buffer>

const NEWLINE = 0x0a

/** All of it, without the newlines at its end. */
export async function* wholeOf(input: Input): AsyncGenerator<Text> {
  const all = new Kept()
  for await (const chunk of input) {
    all.add(chunk)
    if (all.isTooLong) break
  }
  yield { text: all.isTooLong ? undefined : all.text.replace(/(?<![\r\n])[\r\n]+$/, '') }
}

/** Each of its lines that is not blank, as it comes. One that is too long is told of as soon as it is, and read no further than to its end. */
export async function* linesIn(input: Input): AsyncGenerator<Text> {
  const kept = new Kept()
  let line = 1
  for await (const chunk of input) {
    let rest = chunk
    for (;;) {
      const end = rest.indexOf(NEWLINE)
      const wasTooLong = kept.isTooLong
      kept.add(end === -1 ? rest : rest.subarray(0, end))
      if (kept.isTooLong && !wasTooLong) yield { line, text: undefined }
      if (end === -1) break
      if (!kept.isTooLong) yield* said(line, kept.text)
      kept.clear()
      line += 1
      rest = rest.subarray(end + 1)
    }
  }
  if (!kept.isTooLong) yield* said(line, kept.text)
}

function* said(line: number, text: string): Generator<Text> {
  if (text.trim() !== '') yield { line, text: text.replace(/\r$/, '') }
}

/** The bytes of one text, in one piece. */
class Kept {
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
