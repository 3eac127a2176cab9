/**
 * The body of an answer as JSON, within a budget: so many bytes, so many values, so deep.
 * Each is counted while the bytes come, before they are parsed; an answer beyond it is cut off.
 * Knows bytes and JSON; does not know what is answered.
 */

/**
 * The most bytes of an answer (unpacked). A room's file has 8 MiB at most unless its server says otherwise, and a poll tells of several;
 * this is eight of them, and what a phone can bear.
 */
export const MOST_ANSWER = 64 * 2 ** 20

/** The fewest bytes that a value has on average, as in an empty message. `[],[],[],…` would take thirty times its size in memory. */
const BYTES_A_VALUE = 12

/** A short answer may be dense. */
const FEW_VALUES = 10_000

/** How deep arrays and objects may nest. An answer of ours has five levels, and what somebody wrote into the file by hand. */
const MOST_LEVELS = 1000

/** How many members an object may have. A poll names 100 rooms; four million keys take twelve seconds to parse. */
const MOST_MEMBERS = 1000

/** What JSON is made of, as bytes of UTF-8. */
const [QUOTE, ESCAPE, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a] as const
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d] as const

/** An answer beyond its budget. */
export class TooLarge extends Error {}

/**
 * Reads the body of an answer.
 * @param most how many bytes it may have
 * @returns undefined when it is no JSON
 * @throws TooLarge as soon as it is beyond its budget; whatever reading throws
 */
export async function jsonOf(response: Response, most: number): Promise<unknown> {
  const reader = response.body?.getReader()
  if (!reader) return undefined
  const gauge = new Gauge(most)
  const bytes = new Bytes()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      gauge.take(value)
      bytes.add(value)
    }
  } catch (error) {
    await reader.cancel(error).catch(() => undefined) // what is broken is cut off already
    throw error
  }
  return parsed(bytes.text())
}

/** Gives up an answer whose body nobody wants. */
export async function discard({ body }: Response): Promise<void> {
  await body?.cancel()
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined // a page of a proxy, or an answer that was cut short
  }
}

/** Counts what a text in JSON would cost, as it comes. */
class Gauge {
  readonly #most: number
  #bytes = 0
  #values = 0
  #level = 0
  /** For each level that is open: the members of its object. */
  readonly #members = new Uint32Array(MOST_LEVELS + 1)
  #isInString = false
  #isEscaped = false

  constructor(most: number) {
    this.#most = most
  }

  /** @throws TooLarge */
  take(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#most) throw new TooLarge(`more than ${this.#most} bytes`)
    for (const byte of chunk) {
      if (this.#isInString) this.#goThroughString(byte)
      else this.#goOn(byte)
    }
  }

  #goThroughString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === ESCAPE) this.#isEscaped = true
    else if (byte === QUOTE) this.#isInString = false
  }

  #goOn(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#isInString = true
        return
      case COMMA:
        return this.#count()
      case COLON:
        return this.#countMember()
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        return this.#open()
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        this.#level = Math.max(0, this.#level - 1)
    }
  }

  #count(): void {
    if (++this.#values > Math.max(FEW_VALUES, this.#most / BYTES_A_VALUE)) throw new TooLarge(`more than ${this.#values - 1} values`)
  }

  #countMember(): void {
    const members = (this.#members[this.#level] ?? 0) + 1
    if (members > MOST_MEMBERS) throw new TooLarge(`an object with more than ${MOST_MEMBERS} members`)
    this.#members[this.#level] = members
  }

  #open(): void {
    this.#count()
    if (++this.#level > MOST_LEVELS) throw new TooLarge(`nested more than ${MOST_LEVELS} deep`)
    this.#members[this.#level] = 0
  }
}

/** Bytes in one piece, however small the pieces are that they come in. */
class Bytes {
  #bytes = new Uint8Array(4096)
  #length = 0

  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = length
  }

  text(): string {
    return new TextDecoder().decode(this.#bytes.subarray(0, this.#length))
  }
}
