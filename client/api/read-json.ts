/**
 * Reads the body of an answer as JSON, within limits on its bytes, its values and its depth. They are checked while the body arrives, before
 * it is parsed; a body beyond a limit is not read any further.
 */

/**
 * The default limit of bytes, unpacked. A poll can answer for several rooms, whose files have at most 8 MiB each unless the server is
 * configured otherwise. A phone has enough memory for eight of them.
 */
export const MAX_ANSWER = 64 * 2 ** 20

/**
 * The least average size of a value, which is that of an empty message. A text like `[],[],[],…` has smaller values, and needs thirty times its
 * size in memory.
 */
const MIN_BYTES_PER_VALUE = 12

/** So many values are allowed whatever their size. */
const MIN_VALUES = 10_000

/** How deep arrays and objects may nest. Our answers have five levels; what somebody wrote into the file may add more. */
const MAX_DEPTH = 1000

/** The most members of one object. A poll has at most 100 rooms; to parse an object of four million keys takes twelve seconds. */
const MAX_MEMBERS = 1000

/** The characters that structure JSON, as bytes of UTF-8. */
const [QUOTE, ESCAPE, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a] as const
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d] as const

/** An answer beyond a limit. */
export class TooLarge extends Error {}

/**
 * @param maxBytes the limit of bytes, unpacked
 * @returns undefined when the body is not JSON
 * @throws TooLarge as soon as the body is beyond a limit; whatever reading throws
 */
export async function readJson(response: Response, maxBytes: number): Promise<unknown> {
  const reader = response.body?.getReader()
  if (!reader) return undefined
  const limits = new JsonLimits(maxBytes)
  const body = new ByteBuffer()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      limits.check(value)
      body.add(value)
    }
  } catch (error) {
    await reader.cancel(error).catch(() => undefined) // it fails when the connection is closed already
    throw error
  }
  return parsed(body.text())
}

/** Ends an answer without reading its body. */
export async function discard({ body }: Response): Promise<void> {
  await body?.cancel()
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined // an HTML page of a proxy, or an incomplete answer
  }
}

/** Counts the bytes, values and levels of a JSON text that arrives in chunks. */
class JsonLimits {
  readonly #maxBytes: number
  readonly #maxValues: number
  #bytes = 0
  #values = 0
  #depth = 0
  /** The number of members so far of each object that is open, by depth. */
  readonly #members = new Uint32Array(MAX_DEPTH + 1)
  #isInString = false
  #isEscaped = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#maxValues = Math.max(MIN_VALUES, maxBytes / MIN_BYTES_PER_VALUE)
  }

  /** @throws TooLarge */
  check(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) throw new TooLarge(`more than ${this.#maxBytes} bytes`)
    for (const byte of chunk) {
      if (this.#isInString) this.#checkInString(byte)
      else this.#checkOutsideString(byte)
    }
  }

  #checkInString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === ESCAPE) this.#isEscaped = true
    else if (byte === QUOTE) this.#isInString = false
  }

  #checkOutsideString(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#isInString = true
        return
      case COMMA:
        return this.#countValue()
      case COLON:
        return this.#countMember()
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        return this.#open()
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        this.#depth = Math.max(0, this.#depth - 1)
    }
  }

  #countValue(): void {
    if (++this.#values > this.#maxValues) throw new TooLarge(`more than ${this.#values - 1} values`)
  }

  #countMember(): void {
    const members = (this.#members[this.#depth] ?? 0) + 1
    if (members > MAX_MEMBERS) throw new TooLarge(`an object with more than ${MAX_MEMBERS} members`)
    this.#members[this.#depth] = members
  }

  #open(): void {
    this.#countValue()
    if (++this.#depth > MAX_DEPTH) throw new TooLarge(`nested more than ${MAX_DEPTH} deep`)
    this.#members[this.#depth] = 0
  }
}

/** Joins chunks, however many and small they are. */
class ByteBuffer {
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
