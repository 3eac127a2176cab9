/**
 * A hub at the other end of a message port: the messages, and both ends. `PortServer` is the end in the SharedWorker, where the hubs are;
 * `PortHub` is the end in a tab.
 * A port does not say when its other end is gone. So a tab sends heartbeats, which are answered, and each end has a timeout.
 * Knows ports and heartbeats; knows no workers, pages or requests.
 */
import { RoomError } from './ask.ts'
import type { RoomEvent } from './events.ts'
import { newCid } from './cid.ts'
import type { FollowOptions, Hub, HubOptions, Listener, Session, Subscription } from './hub.ts'

/** A message from a tab. `id` is the number of a subscription, `call` that of a join or leave. */
type ToHub =
  | { type: 'hello'; url: string; options: HubOptions }
  | { type: 'follow'; id: number; room: string; options: FollowOptions }
  | { type: 'setNick'; id: number; nick: string | undefined }
  | { type: 'close'; id: number }
  | { type: 'join' | 'leave'; call: number; room: string; nick: string }
  | { type: 'cancel'; call: number }
  | { type: 'retry' }
  | { type: 'heartbeat' }

/** A message to a tab. `expired`: its subscriptions were closed, since no heartbeat came in time. */
type FromHub =
  | { type: 'heartbeat'; cid: string }
  | { type: 'event'; id: number; event: Packed<RoomEvent> }
  | { type: 'end'; id: number; error: PackedError }
  | { type: 'done'; call: number; session?: Session | undefined; error?: PackedError }
  | { type: 'expired' }

/** An error for a port, which would make a plain Error of a RoomError. */
interface PackedError {
  readonly message: string
  /** What a RoomError has beside its message. */
  readonly refusal?: readonly [status: number, code: string, retryAfter: number]
}

type Packed<E> = E extends { error?: Error } ? Omit<E, 'error'> & { error?: PackedError } : E

/** The default time between two heartbeats, in ms. */
const HEARTBEAT = 5000
/** After so many ms without a message, the subscriptions of a tab are closed. In a hidden tab, timers may fire only once a minute. */
const TAB_TIMEOUT = 150_000

/** The end in the worker: one hub for each server's address and token, whichever tabs use it. */
export class PortServer {
  readonly #newHub: (url: string, options: HubOptions) => Hub
  readonly #hubs = new Map<string, { hub: Hub; cid: string }>()

  constructor(newHub: (url: string, options: HubOptions) => Hub) {
    this.#newHub = newHub
  }

  /** Serves the tab at the other end, for as long as it exists. */
  serve(port: MessagePort): void {
    let tab: TabPort | undefined
    port.addEventListener('message', ({ data }: MessageEvent<ToHub>) => {
      if (data.type === 'hello') tab = new TabPort(port, this.#hub(data.url, data.options))
      tab?.receive(data)
    })
    port.start()
  }

  #hub(url: string, options: HubOptions): { hub: Hub; cid: string } {
    const key = JSON.stringify([url, options.token])
    // All tabs get the cid of the first one: in a new browser each tab has made one of its own.
    const cid = options.cid ?? newCid()
    const found = this.#hubs.get(key) ?? { hub: this.#newHub(url, { ...options, cid }), cid }
    this.#hubs.set(key, found)
    return found
  }
}

/** One tab, in the worker. */
class TabPort {
  readonly #port: MessagePort
  readonly #hub: Hub
  readonly #cid: string
  readonly #subscriptions = new Map<number, Subscription>()
  readonly #calls = new Map<number, AbortController>()
  #timeout: ReturnType<typeof setTimeout> | undefined
  #isExpired = false

  constructor(port: MessagePort, { hub, cid }: { hub: Hub; cid: string }) {
    this.#port = port
    this.#hub = hub
    this.#cid = cid
  }

  receive(message: ToHub): void {
    clearTimeout(this.#timeout)
    this.#timeout = setTimeout(() => this.#expire(), TAB_TIMEOUT)
    if (this.#isExpired) {
      this.#isExpired = false
      this.#send({ type: 'expired' })
    }
    switch (message.type) {
      case 'hello':
      case 'heartbeat':
        return this.#send({ type: 'heartbeat', cid: this.#cid })
      case 'follow':
        return this.#follow(message.id, message.room, message.options)
      case 'setNick':
        return this.#subscriptions.get(message.id)?.setNick(message.nick)
      case 'close':
        this.#subscriptions.get(message.id)?.close()
        this.#subscriptions.delete(message.id)
        return
      case 'join':
        return this.#call(message.call, (signal) => this.#hub.join(message.room, message.nick, signal))
      case 'leave':
        return this.#call(message.call, () => this.#hub.leave(message.room, message.nick).then(() => undefined))
      case 'cancel':
        return this.#calls.get(message.call)?.abort()
      case 'retry':
        return this.#hub.retry()
    }
  }

  /** The tab has crashed, or was suspended. */
  #expire(): void {
    this.#isExpired = true
    for (const subscription of this.#subscriptions.values()) subscription.close()
    for (const call of this.#calls.values()) call.abort()
    this.#subscriptions.clear()
  }

  #follow(id: number, room: string, options: FollowOptions): void {
    const listener: Listener = {
      onEvent: (event) => this.#send({ type: 'event', id, event: packed(event) }),
      onEnd: (error) => {
        this.#subscriptions.delete(id)
        this.#send({ type: 'end', id, error: packedError(error) })
      },
    }
    this.#subscriptions.set(id, this.#hub.follow(room, options, listener))
  }

  #call(call: number, work: (signal: AbortSignal) => Promise<Session | undefined>): void {
    const controller = new AbortController()
    this.#calls.set(call, controller)
    work(controller.signal)
      .then(
        (session) => this.#send({ type: 'done', call, session }),
        (error: Error) => this.#send({ type: 'done', call, error: packedError(error) }),
      )
      .finally(() => this.#calls.delete(call))
  }

  #send(message: FromHub): void {
    send(this.#port, message)
  }
}

export interface PortHubOptions {
  /** The absolute address of the server. */
  readonly url: string
  readonly hub: HubOptions
  /** Milliseconds between two heartbeats. One that is not answered before the next is due is a timeout. @default 5000 */
  readonly beat?: number | undefined
  /** Called for each answer to a heartbeat. @param cid our identity, which all tabs share */
  readonly onHeartbeat: (cid: string) => void
  /** Called when our subscriptions were closed, since no heartbeat of ours came in time: follow all rooms again. */
  readonly onExpired: () => void
  /** Called when a heartbeat was not answered in time: close this hub, and use another one. */
  readonly onTimeout: () => void
}

/** The end in a tab. */
export class PortHub implements Hub {
  readonly #port: MessagePort
  readonly #options: PortHubOptions
  readonly #listeners = new Map<number, Listener>()
  readonly #calls = new Map<number, (answer: FromHub & { type: 'done' }) => void>()
  readonly #heartbeats: ReturnType<typeof setInterval>
  /** The number of the latest subscription or call. */
  #count = 0
  /** Whether there was a message since the latest heartbeat. */
  #isAnswered = false

  constructor(port: MessagePort, options: PortHubOptions) {
    this.#port = port
    this.#options = options
    port.addEventListener('message', ({ data }: MessageEvent<FromHub>) => this.#receive(data))
    port.start()
    this.#send({ type: 'hello', url: options.url, options: options.hub })
    this.#heartbeats = setInterval(() => this.#heartbeat(), options.beat ?? HEARTBEAT)
  }

  follow(room: string, options: FollowOptions, listener: Listener): Subscription {
    const id = ++this.#count
    this.#listeners.set(id, listener)
    this.#send({ type: 'follow', id, room, options })
    return {
      setNick: (nick) => this.#send({ type: 'setNick', id, nick }),
      close: () => {
        this.#listeners.delete(id)
        this.#send({ type: 'close', id })
      },
    }
  }

  async join(room: string, nick: string, signal?: AbortSignal): Promise<Session> {
    const session = await this.#call('join', room, nick, signal)
    if (!session) throw new Error('a join was answered without a session')
    return session
  }

  async leave(room: string, nick: string): Promise<void> {
    await this.#call('leave', room, nick)
  }

  retry(): void {
    this.#send({ type: 'retry' })
  }

  /** Closes the port. Calls that are not answered are rejected. */
  close(): void {
    clearInterval(this.#heartbeats)
    this.#listeners.clear()
    this.#port.close()
    for (const [call, answer] of this.#calls) answer({ type: 'done', call, error: { message: 'the shared poll has ended' } })
  }

  #call(type: 'join' | 'leave', room: string, nick: string, signal?: AbortSignal): Promise<Session | undefined> {
    return new Promise((resolve, reject) => {
      const call = ++this.#count
      const cancel = (): void => {
        this.#calls.delete(call)
        this.#send({ type: 'cancel', call })
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', cancel)
      this.#calls.set(call, ({ session, error }) => {
        signal?.removeEventListener('abort', cancel)
        this.#calls.delete(call)
        if (error) reject(unpackedError(error))
        else resolve(session)
      })
      this.#send({ type, call, room, nick })
    })
  }

  #receive(message: FromHub): void {
    this.#isAnswered = true
    switch (message.type) {
      case 'heartbeat':
        return this.#options.onHeartbeat(message.cid)
      case 'event':
        return this.#listeners.get(message.id)?.onEvent(unpacked(message.event))
      case 'end':
        this.#listeners.get(message.id)?.onEnd(unpackedError(message.error))
        this.#listeners.delete(message.id)
        return
      case 'done':
        return this.#calls.get(message.call)?.(message)
      case 'expired':
        return this.#options.onExpired()
    }
  }

  #heartbeat(): void {
    if (!this.#isAnswered) return this.#options.onTimeout()
    this.#isAnswered = false
    this.#send({ type: 'heartbeat' })
  }

  #send(message: ToHub): void {
    send(this.#port, message)
  }
}

function send(port: MessagePort, message: ToHub | FromHub): void {
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
