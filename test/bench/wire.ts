/**
 * One keep-alive connection of a load generator: a request goes out as bytes, its answer comes back as text once it is complete.
 * As cheap as it can be, so that the load is not what is measured. Knows no chunked bodies and no pipelining.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Shared by all: what comes is read out of it before the next one is served. */
const buffer = Buffer.allocUnsafe(64 * 1024)

/** How many connections are opened at once: fewer than a server's backlog. */
const AT_ONCE = 100

const LENGTH = /\r\nContent-Length: *(\d+)/i

export class Wire {
  readonly #socket: Socket
  #text = ''
  #length = 0
  #answered: ((answer: string) => void) | undefined

  private constructor(port: number) {
    const callback = (bytes: number): boolean => this.#take(bytes)
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } })
  }

  static async open(port: number): Promise<Wire> {
    const wire = new Wire(port)
    await once(wire.#socket, 'connect')
    wire.#socket.on('close', () => {
      if (wire.#answered) throw new Error('the server hung up before it had answered')
    })
    return wire
  }

  static async openMany(port: number, count: number): Promise<Wire[]> {
    const wires: Wire[] = []
    while (wires.length < count)
      wires.push(...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - wires.length) }, () => Wire.open(port)))))
    return wires
  }

  /** Sends a request, and calls back with the whole answer, head and body. */
  ask(request: string, answered: (answer: string) => void): void {
    if (this.#answered) throw new Error('one request at a time')
    this.#answered = answered
    this.#socket.write(request, 'latin1')
  }

  fetch(request: string): Promise<string> {
    return new Promise((resolve) => this.ask(request, resolve))
  }

  close(): void {
    this.#answered = undefined
    this.#socket.destroy()
  }

  #take(bytes: number): true {
    const text = buffer.toString('latin1', 0, bytes)
    if (this.#text === '') {
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) throw new Error(`the head of an answer came in pieces: ${text}`)
      this.#length = head + 4 + Number(LENGTH.exec(text)?.[1] ?? 0)
    }
    this.#text += text
    if (this.#text.length < this.#length) return true
    const answer = this.#text
    const answered = this.#answered
    this.#text = ''
    this.#answered = undefined
    answered?.(answer)
    return true
  }
}

/** A request with what every client sends, as the bytes of the wire. */
export function requestText(method: 'GET' | 'POST', path: string, body = ''): string {
  const about = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: roomfile-bench\r\nAccept: */*\r\n${about}\r\n${body}`
}

/** The body of an answer, which is JSON. */
export function bodyOf(answer: string): unknown {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
}

/** The timestamp that an answer names, 0 if it names none. @throws when the server did not do what it was asked for */
export function timestampOf(answer: string): number {
  if (!/^HTTP\/1\.1 20[0-4]/.test(answer)) throw new Error(`not the answer that was asked for: ${answer}`)
  return Number(/"timestamp":(\d+)/.exec(answer)?.[1] ?? 0)
}
