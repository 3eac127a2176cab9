/**
 * A hub at the other end of a port: what the two ends say to each other, and how each of them behaves as if the other were here.
 * Knows ports and who has fallen silent; knows no workers, no pages and no requests.
 */
import { RoomError } from './ask.ts'
import type { RoomEvent } from './events.ts'
import { newCid } from './cid.ts'
import type { FollowOptions, Following, Hub, HubOptions, Listener, Session } from './hub.ts'

/** What a tab says. `id` names one of its followings, `call` one of its questions. */
type ToHub =
  | { type: 'hello'; url: string; options: HubOptions }
  | { type: 'follow'; id: number; room: string; options: FollowOptions }
  | { type: 'speak'; id: number; nick: string | undefined }
  | { type: 'close'; id: number }
  | { type: 'join' | 'leave'; call: number; room: string; nick: string }
  | { type: 'drop'; call: number }
  | { type: 'retry' }
  | { type: 'beat' }

/** What it is told. `forgotten`: it was silent for so long that it was taken for dead, and has to begin again. */
type FromHub =
  | { type: 'beat'; cid: string }
  | { type: 'event'; id: number; event: Packed<RoomEvent> }
  | { type: 'end'; id: number; error: PackedError }
  | { type: 'done'; call: number; session?: Session | undefined; error?: PackedError }
  | { type: 'forgotten' }

interface PackedError {
  readonly message: string
  readonly refusal?: readonly [status: number, code: string, retryAfter: number]
}

/** An event as it goes through a port, which would turn a RoomError into any Error. */
type Packed<E> = E extends { error?: Error } ? Omit<E, 'error'> & { error?: PackedError } : E

/** How often a tab says that it is there, in ms, and is told so. */
const BEAT = 5000
/** After how long a silence a tab is taken for gone, in ms. Browsers let a hidden tab speak once a minute. */
const SILENCE = 150_000

/** The end of the tabs: hubs by address, and the ports of those who use them. */
export class PortServer {
  readonly #hubFor: (url: string, options: HubOptions) => Hub
  readonly #hubs = new Map<string, { hub: Hub; cid: string }>()

  /** @param hubFor makes the hub of an address, once for all tabs */
  constructor(hubFor: (url: string, options: HubOptions) => Hub) {
    this.#hubFor = hubFor
  }

  /** Serves a tab for as long as it is heard. A tab that goes says so; one that crashes falls silent. */
  serve(port: MessagePort): void {
    let tab: Tab | undefined
    port.addEventListener('message', ({ data }: MessageEvent<ToHub>) => {
      if (data.type === 'hello') tab = new Tab(port, this.#hub(data.url, data.options))
      tab?.hear(data)
    })
    port.start()
  }

  #hub(url: string, options: HubOptions): { hub: Hub; cid: string } {
    const key = JSON.stringify([url, options.token])
    // The first tab's cid is everybody's: two that open at once in a new browser would otherwise be two strangers.
    const cid = options.cid ?? newCid()
    const found = this.#hubs.get(key) ?? { hub: this.#hubFor(url, { ...options, cid }), cid }
    this.#hubs.set(key, found)
    return found
  }
}

/** One tab, as the hub's end sees it. */
class Tab {
  readonly #port: MessagePort
  readonly #hub: Hub
  readonly #cid: string
  readonly #followings = new Map<number, Following>()
  readonly #calls = new Map<number, AbortController>()
  #silence: ReturnType<typeof setTimeout> | undefined
  #isForgotten = false

  constructor(port: MessagePort, { hub, cid }: { hub: Hub; cid: string }) {
    this.#port = port
    this.#hub = hub
    this.#cid = cid
  }

  hear(said: ToHub): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#forget(), SILENCE)
    if (this.#isForgotten) {
      this.#isForgotten = false
      this.#say({ type: 'forgotten' })
    }
    switch (said.type) {
      case 'hello':
      case 'beat':
        return this.#say({ type: 'beat', cid: this.#cid })
      case 'follow':
        return this.#follow(said.id, said.room, said.options)
      case 'speak':
        return this.#followings.get(said.id)?.speakAs(said.nick)
      case 'close':
        this.#followings.get(said.id)?.close()
        this.#followings.delete(said.id)
        return
      case 'join':
        return this.#answer(said.call, (signal) => this.#hub.join(said.room, said.nick, signal))
      case 'leave':
        return this.#answer(said.call, () => this.#hub.leave(said.room, said.nick).then(() => undefined))
      case 'drop':
        return this.#calls.get(said.call)?.abort()
      case 'retry':
        return this.#hub.retry()
    }
  }

  /** It is gone, or looks so: nobody listens in its place any more. */
  #forget(): void {
    this.#isForgotten = true
    for (const following of this.#followings.values()) following.close()
    for (const call of this.#calls.values()) call.abort()
    this.#followings.clear()
  }

  #follow(id: number, room: string, options: FollowOptions): void {
    const listener: Listener = {
      take: (event) => this.#say({ type: 'event', id, event: packed(event) }),
      end: (error) => {
        this.#followings.delete(id)
        this.#say({ type: 'end', id, error: packedError(error) })
      },
    }
    this.#followings.set(id, this.#hub.follow(room, options, listener))
  }

  #answer(call: number, work: (signal: AbortSignal) => Promise<Session | undefined>): void {
    const ends = new AbortController()
    this.#calls.set(call, ends)
    work(ends.signal)
      .then(
        (session) => this.#say({ type: 'done', call, session }),
        (error: Error) => this.#say({ type: 'done', call, error: packedError(error) }),
      )
      .finally(() => this.#calls.delete(call))
  }

  #say(message: FromHub): void {
    post(this.#port, message)
  }
}

export interface PortHubOptions {
  /** Where roomfile is, as an absolute address. */
  readonly url: string
  readonly hub: HubOptions
  /** Milliseconds from one look after the other end to the next. @default 5000 */
  readonly beat?: number | undefined
  /** Called when the other end says who we are. */
  readonly known: (cid: string) => void
  /** Called when the other end has forgotten us: all followings have to be begun again. */
  readonly forgotten: () => void
  /** Called when the other end is silent; what was asked of it is rejected afterwards. */
  readonly silent: () => void
}

/** A tab's end: a hub like any other. */
export class PortHub implements Hub {
  readonly #port: MessagePort
  readonly #options: PortHubOptions
  readonly #listeners = new Map<number, Listener>()
  readonly #calls = new Map<number, (message: FromHub & { type: 'done' }) => void>()
  readonly #beats: ReturnType<typeof setInterval>
  #count = 0
  #isHeard = false

  constructor(port: MessagePort, options: PortHubOptions) {
    this.#port = port
    this.#options = options
    port.addEventListener('message', ({ data }: MessageEvent<FromHub>) => this.#hear(data))
    port.start()
    this.#say({ type: 'hello', url: options.url, options: options.hub })
    this.#beats = setInterval(() => this.#beat(), options.beat ?? BEAT)
  }

  follow(room: string, options: FollowOptions, listener: Listener): Following {
    const id = ++this.#count
    this.#listeners.set(id, listener)
    this.#say({ type: 'follow', id, room, options })
    return {
      speakAs: (nick) => this.#say({ type: 'speak', id, nick }),
      close: () => {
        this.#listeners.delete(id)
        this.#say({ type: 'close', id })
      },
    }
  }

  async join(room: string, nick: string, signal?: AbortSignal): Promise<Session> {
    const session = await this.#ask('join', room, nick, signal)
    if (!session) throw new Error('a join was answered without a session')
    return session
  }

  async leave(room: string, nick: string): Promise<void> {
    await this.#ask('leave', room, nick)
  }

  retry(): void {
    this.#say({ type: 'retry' })
  }

  /** Has nothing to do with the other end any more. */
  close(): void {
    clearInterval(this.#beats)
    this.#listeners.clear()
    this.#port.close()
    for (const [call, answer] of this.#calls) answer({ type: 'done', call, error: { message: 'the shared poll has ended' } })
  }

  #ask(type: 'join' | 'leave', room: string, nick: string, signal?: AbortSignal): Promise<Session | undefined> {
    return new Promise((resolve, reject) => {
      const call = ++this.#count
      const drop = (): void => {
        this.#calls.delete(call)
        this.#say({ type: 'drop', call })
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', drop)
      this.#calls.set(call, ({ session, error }) => {
        signal?.removeEventListener('abort', drop)
        this.#calls.delete(call)
        if (error) reject(unpackedError(error))
        else resolve(session)
      })
      this.#say({ type, call, room, nick })
    })
  }

  #hear(message: FromHub): void {
    this.#isHeard = true
    switch (message.type) {
      case 'beat':
        return this.#options.known(message.cid)
      case 'event':
        return this.#listeners.get(message.id)?.take(unpacked(message.event))
      case 'end':
        this.#listeners.get(message.id)?.end(unpackedError(message.error))
        this.#listeners.delete(message.id)
        return
      case 'done':
        return this.#calls.get(message.call)?.(message)
      case 'forgotten':
        return this.#options.forgotten()
    }
  }

  #beat(): void {
    if (!this.#isHeard) return this.#options.silent()
    this.#isHeard = false
    this.#say({ type: 'beat' })
  }

  #say(message: ToHub): void {
    post(this.#port, message)
  }
}

function post(port: MessagePort, message: ToHub | FromHub): void {
  port.postMessage(message, [])
}

function packed(event: RoomEvent): Packed<RoomEvent> {
  return 'error' in event && event.error ? { ...event, error: packedError(event.error) } : event
}

function unpacked(event: Packed<RoomEvent>): RoomEvent {
  return 'error' in event && event.error ? { ...event, error: unpackedError(event.error) } : (event as RoomEvent)
}

function packedError(error: Error): PackedError {
  const { message } = error
  return error instanceof RoomError ? { message, refusal: [error.status, error.code, error.retryAfter] } : { message }
}

function unpackedError({ message, refusal }: PackedError): Error {
  if (!refusal) return new Error(message)
  const [status, code, retryAfter] = refusal
  return new RoomError(status, code, message, retryAfter)
}
