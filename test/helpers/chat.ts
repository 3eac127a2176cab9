/** People in tests: they post, they poll, they follow a room. Plain HTTP, as a script would do it. */
import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import type { Message } from '../../server/room/message.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Polled {
  readonly timestamp: number
  readonly msg: string
  readonly messages: readonly Message[]
  readonly reset?: true
  readonly gap?: true
}

export interface Send {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly agent?: Agent
  readonly signal?: AbortSignal
}

/** One request; resolves to the whole answer. */
export function send(url: string, { body, ...options }: Send = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method: body === undefined ? 'GET' : 'POST', ...options }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString() }))
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(body)
  })
}

/** Posts a message as JSON, and resolves to its id and timestamp. */
export async function post(
  url: string,
  room: string,
  fields: { msg: string; nick?: string; cid?: string },
  agent?: Agent,
): Promise<{ id: string; timestamp: number }> {
  const headers = { 'Content-Type': 'application/json' }
  const answer = await send(`${url}/rooms/${room}`, { headers, body: JSON.stringify(fields), ...(agent ? { agent } : {}) })
  if (answer.status !== 201) throw new Error(`post answered ${answer.status}: ${answer.text}`)
  return JSON.parse(answer.text) as { id: string; timestamp: number }
}

export async function poll(
  url: string,
  room: string,
  query: { timestamp?: number; wait?: number } = {},
  options: Send = {},
): Promise<Polled> {
  const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]))
  const answer = await send(`${url}/rooms/${encodeURIComponent(room)}?${search}`, options)
  if (answer.status !== 200) throw new Error(`poll answered ${answer.status}: ${answer.text}`)
  return JSON.parse(answer.text) as Polled
}

/** Somebody who follows a room, one poll after the other on one connection, and keeps what a page would show. */
export class Follower {
  readonly url: string
  readonly room: string
  readonly agent = new Agent({ keepAlive: true, maxSockets: 1 })
  messages: Message[] = []
  timestamp = 0
  resets = 0
  gaps = 0
  polls = 0
  #stopped = new AbortController()
  #changed: (() => void)[] = []
  #loop: Promise<void> | undefined

  constructor(url: string, room: string) {
    this.url = url
    this.room = room
  }

  /** Begins to follow; resolves when the first answer is there. */
  async start(): Promise<this> {
    await this.#once(0)
    this.#loop = this.#run()
    this.#loop.catch(() => undefined) // `until` and `stop` hear of it: a test that ended before them failed for another reason
    return this
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#once(20).catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) throw error
      })
    }
  }

  async #once(wait: number): Promise<void> {
    const news = await poll(this.url, this.room, { timestamp: this.timestamp, wait }, { agent: this.agent, signal: this.#stopped.signal })
    this.polls += 1
    this.timestamp = news.timestamp
    if (news.reset) this.resets += 1
    if (news.gap) this.gaps += 1
    this.messages = news.reset ? [...news.messages] : [...this.messages, ...news.messages]
    for (const changed of this.#changed.splice(0)) changed()
  }

  get texts(): string[] {
    return this.messages.map(({ msg }) => msg)
  }

  /** Resolves once what is shown is as `isSo` wants it. A test that waits for what never comes ends by its timeout. */
  async until(isSo: (follower: this) => boolean): Promise<this> {
    while (!isSo(this)) {
      if (this.#stopped.signal.aborted) throw new Error('nobody follows any more, and it is not so')
      const changed = new Promise<void>((resolve) => this.#changed.push(resolve))
      await Promise.race([changed, this.#loop])
    }
    return this
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#loop
    this.agent.destroy()
  }
}

/** The messages in the text of a room's file. */
export function messagesIn(file: string): Message[] {
  return file
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Message)
}
