/**
 * One person a protocol: each joins, says and hears in its own way, and all can be treated alike.
 * Plain HTTP with the requests of the tutorials' clients; no browser.
 */
import { Agent } from 'node:http'
import { post, send, type Answer, type Send } from './chat.ts'

export interface Speaker {
  readonly name: string
  /** Comes in: from here on nothing is missed. */
  start(): Promise<void>
  say(text: string): Promise<void>
  /** One poll, parked until something is new: the texts that it brought, oldest first. */
  hear(): Promise<string[]>
  stop(): void
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** The plain text of what a client would insert as HTML. */
function textsIn(html: string): string[] {
  return [...html.matchAll(/<div>([^]*?)<\/div>/g)].map(([, inner = '']) =>
    inner
      .replace(/^<b>.*?<\/b>: /, '') // who says it
      .replaceAll(/<[^>]*>/g, '')
      .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&')
      .trim(),
  )
}

abstract class Client {
  readonly agent = new Agent({ keepAlive: true })
  readonly url: string
  /** What nobody else in the room is called. */
  readonly nick: string
  #gone = new AbortController()

  constructor(url: string, nick: string) {
    this.url = url
    this.nick = nick
  }

  protected async ask(path: string, options: Send = {}): Promise<Answer> {
    const answer = await send(`${this.url}${path}`, { ...options, agent: this.agent, signal: this.#gone.signal })
    if (answer.status >= 400) throw new Error(`${path} answered ${answer.status}: ${answer.text}`)
    return answer
  }

  protected form(path: string, fields: Record<string, string>): Promise<Answer> {
    return this.ask(path, { headers: FORM, body: new URLSearchParams(fields).toString() })
  }

  stop(): void {
    this.#gone.abort()
    this.agent.destroy()
  }
}

class Native extends Client implements Speaker {
  readonly name = 'native'
  #timestamp = 0

  async start(): Promise<void> {
    await this.hear()
  }

  async say(msg: string): Promise<void> {
    await post(this.url, 'lobby', { msg }, this.agent)
  }

  async hear(): Promise<string[]> {
    const { text } = await this.ask(`/rooms/lobby?timestamp=${this.#timestamp}`)
    const { timestamp, messages } = JSON.parse(text) as { timestamp: number; messages: { type: string; msg: string }[] }
    this.#timestamp = timestamp
    return messages.filter(({ type }) => type === 'msg').map(({ msg }) => msg)
  }
}

class Php extends Client implements Speaker {
  readonly name = 'php'
  #timestamp = 0

  async start(): Promise<void> {
    await this.hear()
  }

  async say(msg: string): Promise<void> {
    await this.form('/comet.php', { msg })
  }

  async hear(): Promise<string[]> {
    const { text } = await this.form('/comet.php', { timestamp: String(this.#timestamp) })
    const { msg, timestamp } = JSON.parse(text) as { msg: string; timestamp: number }
    this.#timestamp = timestamp
    return textsIn(msg)
  }
}

class NodeChat extends Client implements Speaker {
  readonly name = 'node_chat'
  #since = 1
  #id = ''

  async start(): Promise<void> {
    const { text } = await this.ask(`/join?nick=${this.nick}`)
    this.#id = (JSON.parse(text) as { id: string }).id
    await this.hear()
  }

  async say(text: string): Promise<void> {
    await this.ask(`/send?id=${this.#id}&text=${encodeURIComponent(text)}`)
  }

  async hear(): Promise<string[]> {
    const { text } = await this.ask(`/recv?since=${this.#since}&id=${this.#id}`)
    const { messages } = JSON.parse(text) as { messages: { type: string; text: string; timestamp: number }[] }
    for (const { timestamp } of messages) this.#since = Math.max(this.#since, timestamp)
    return messages.filter(({ type }) => type === 'msg').map((message) => message.text)
  }
}

class Gevent extends Client implements Speaker {
  readonly name = 'gevent'
  #cursor = ''

  async start(): Promise<void> {
    await this.hear()
  }

  async say(msg: string): Promise<void> {
    await this.form('/new', { msg })
  }

  async hear(): Promise<string[]> {
    const { text } = await this.form('/update', { cursor: this.#cursor })
    // The tutorial's client evaluates the answer: here, too, it has to be an expression.
    // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
    const answer = new Function(`return (${text})`)() as { html: string; latest_cursor: string }
    this.#cursor = answer.latest_cursor
    return textsIn(answer.html)
  }
}

class Mochiweb extends Client implements Speaker {
  readonly name = 'mochiweb'
  readonly #cookies = new Map<string, string>()
  /** What jQuery puts behind the address against caches. */
  #count = Date.now()

  /** It is told of nothing before its first poll is parked, and not that it is: so it speaks until it hears itself. */
  async start(): Promise<void> {
    const told = new AbortController()
    const first = this.hear().finally(() => told.abort())
    while (!told.signal.aborted) await this.say('mochiweb is here')
    await first
  }

  async say(text: string): Promise<void> {
    // As the tutorial's client does it: not encoded.
    await this.ask('/chat', { headers: FORM, body: `message=${text}` })
  }

  async hear(): Promise<string[]> {
    const Cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ')
    const { text, headers } = await this.ask(`/chat?_=${this.#count++}`, { headers: Cookie === '' ? {} : { Cookie } })
    for (const cookie of headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (cookie.includes('Max-Age=0')) this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    const { ok = '' } = JSON.parse(text) as { ok?: string }
    return textsIn(ok)
  }
}

export const SPEAKERS: readonly (new (url: string, nick: string) => Speaker)[] = [Native, Php, NodeChat, Gevent, Mochiweb]

/** Hears poll after poll until `isEnough`, and returns all that was said. */
export async function hearUntil(speaker: Speaker, isEnough: (heard: readonly string[]) => boolean): Promise<string[]> {
  const heard: string[] = []
  while (!isEnough(heard)) heard.push(...(await speaker.hear()))
  return heard
}
