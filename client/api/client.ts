/**
 * A connection to one room: follows it, posts to it, joins it. Runs in browsers and in Node; needs only `fetch`.
 * A hub polls for it (hub.ts). Knows no DOM.
 */
import { ask, anySignal, RoomError, roomsAt, type ServerOptions } from './ask.ts'
import { newCid } from './cid.ts'
import type { Message, MessagesEvent, PresenceEvent, RoomEvent, SessionEvent, StateEvent, Timestamp } from './events.ts'
import type { Hub, HubOptions, Listener, Session, Subscription } from './hub.ts'
import { PollingHub } from './polling-hub.ts'
import { retry, sleep, wake, type Sleepers } from './retry.ts'
import { postedOf } from './validate.ts'

export { newCid, RoomError }
export type { Hub, HubOptions, Message, MessagesEvent, PresenceEvent, RoomEvent, SessionEvent, StateEvent, Timestamp }

export interface ConnectOptions extends HubOptions {
  /** The room's name, not encoded. */
  room: string
  /** The nick of posts, unless a post has its own, or we have joined. @default '' (anonymous) */
  nick?: string
  /** Only newer messages are delivered. Without it all messages that the room keeps come first. */
  timestamp?: Timestamp
  /** Ends the connection and all its posts at once. */
  signal?: AbortSignal
  /** Whether to deliver `presence` events: who is here and who is typing. @default false */
  presence?: boolean
  /** A hub that several connections share, such as `sharedHub()` in a page. @default one for this connection, with these options */
  hub?: Hub
}

export interface PostOptions {
  /** The nick of this post. */
  nick?: string
  /** The id of this post: two posts with the same cid are stored once. Pass it to repeat a post that failed. @default a random one */
  cid?: string
  /** How often to try. @default 4 (some seconds) */
  tries?: number
  /** Ends the retries of this post. */
  signal?: AbortSignal
  /** Called with the error before each wait for a retry. */
  onRetry?: (error: Error) => void
}

export interface Connection extends AsyncIterable<RoomEvent> {
  /**
   * Posts a message. Retries with the same cid after temporary failures of the network or the server. With the nick of our session, it is
   * posted in that session.
   * @throws RoomError with the server's code and message, when it is refused or all tries failed
   */
  post(msg: string, options?: PostOptions): Promise<{ id: string; timestamp: Timestamp }>
  /**
   * Begins a session: reserves a nick for us, and shows the others that we are here. Retries until it succeeds or is refused. To join under
   * another nick ends the session under the previous one.
   *
   * The session lasts as long as the room is followed, and then until its lease ends (60 s). If the server loses it, it is begun again; if
   * somebody else has taken the nick meanwhile, a `session` event has the error.
   * @throws RoomError `nick_taken` (409), `bad_nick` (400), …
   */
  join(nick: string): Promise<{ nick: string }>
  /** Ends our session at once, in all tabs of this browser. Does nothing without a session. */
  leave(): Promise<void>
  /** Says that we are typing. Call it for each key: a request is sent every 3 s at most. Does nothing without a session. */
  typing(): void
  /** Resolves when the iteration has delivered all messages up to this timestamp, such as that of a post; at once when nothing iterates. */
  delivered(timestamp: Timestamp): Promise<void>
  /** Ends all waits for a retry, such as when the network is back or somebody pressed a button. */
  retry(): void
}

const POST_TRIES = 4

/** Between two requests that say that we are typing, in ms. For the server, each lasts for 6 s (PROTOCOL.md, "Who is here"). */
const TYPING_INTERVAL = 3000

/**
 * Connects to a room. Nothing is sent before the first iteration, join or post.
 *
 * The iteration ends when `signal` aborts. After temporary failures it goes on by itself: network errors, 5xx, 408, 429, temporary redirects,
 * answers that are too large or not from roomfile. (Redirects are not followed.) It throws a RoomError for any other refusal, such as an
 * invalid room name, a missing token, or a permanent redirect.
 *
 * @param url the address of the server: an origin, or an address below it where a proxy serves roomfile; in a page it may be relative
 * @throws TypeError if the address is invalid
 *
 * @example
 * const room = connect('http://localhost:8080', { room: 'lobby', nick: 'ann' })
 * await room.post('**hello**')
 * for await (const event of room) {
 *   if (event.type === 'messages') for (const { nick, msg } of event.messages) console.log(nick, msg)
 * }
 *
 * @example
 * // A bot that appears in the room, and prints who else is there.
 * const room = connect('http://localhost:8080', { room: 'lobby', presence: true })
 * await room.join('bot')
 * for await (const event of room) {
 *   if (event.type === 'presence') console.log('here:', event.who.join(', '))
 *   if (event.type === 'session' && event.error) console.log('the session has ended:', event.error.message)
 * }
 */
export function connect(url: string, options: ConnectOptions): Connection {
  return new RoomConnection(url, options)
}

class RoomConnection implements Connection {
  readonly #address: string
  readonly #options: ConnectOptions
  readonly #server: ServerOptions
  readonly #hub: Hub
  /** One for each iteration. */
  readonly #subscriptions = new Set<Subscription>()
  /** Posts that wait for a retry. */
  readonly #posts: Sleepers = new Set()
  #session: Session | undefined
  /** The join that is under way. A later one aborts it. */
  #joining: { nick: string; done: Promise<unknown>; controller: AbortController } | undefined
  /** When the latest typing request was sent, on the clock of `performance.now()`. */
  #lastTyping = -Infinity
  /** The iteration has delivered all messages up to here. */
  #delivered: Timestamp = 0
  /** Iterations that wait for an event, and callers of `delivered()`. */
  readonly #waiting: Sleepers = new Set()

  constructor(url: string, options: ConnectOptions) {
    this.#address = `${roomsAt(url)}/${encodeURIComponent(options.room)}`
    this.#options = options
    this.#server = { token: options.token, maxAnswer: options.maxAnswer }
    this.#hub = options.hub ?? new PollingHub(url, options)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RoomEvent, void> {
    const { room, timestamp = 0, presence = false, signal } = this.#options
    if (signal?.aborted) return
    const events: RoomEvent[] = []
    let ended: Error | undefined
    const listener: Listener = {
      onEvent: (event) => {
        this.#onEvent(event)
        events.push(event)
        wake(this.#waiting)
      },
      onEnd: (error) => {
        ended = error
        wake(this.#waiting)
      },
    }
    const subscription = this.#hub.follow(room, { timestamp, presence }, listener)
    this.#subscriptions.add(subscription)
    subscription.setNick(this.#session?.nick)
    try {
      for (;;) {
        const event = events.shift()
        if (event) {
          yield event
          this.#onDelivered(event)
        } else if (ended) throw ended
        else await sleep(undefined, signal, this.#waiting)
        if (signal?.aborted) return
      }
    } finally {
      this.#subscriptions.delete(subscription)
      subscription.close()
      wake(this.#waiting)
    }
  }

  async post(msg: string, post: PostOptions = {}): Promise<{ id: string; timestamp: Timestamp }> {
    const { tries = POST_TRIES, cid = newCid(), nick = this.#session?.nick ?? this.#options.nick ?? '', onRetry } = post
    const signal = anySignal(this.#options.signal, post.signal)
    if (this.#joining?.nick === nick) await this.#joining.done
    const send = async (): Promise<{ id: string; timestamp: Timestamp }> => {
      const session = this.#session?.nick === nick ? { session: this.#session.id } : {}
      return postedOf(await ask(this.#address, { ...this.#server, body: { msg, nick, cid, ...session }, signal }))
    }
    const sendInSession = async (): Promise<{ id: string; timestamp: Timestamp }> => {
      try {
        return await send()
      } catch (error) {
        if (!(error instanceof RoomError && error.code === 'no_session')) throw error
        this.#session = await this.#hub.join(this.#options.room, nick, signal) // the server lost it, and no poll has told us yet
        return send()
      }
    }
    const posted = await retry(sendInSession, { tries, firstDelay: this.#options.retryDelay, signal, sleepers: this.#posts, onRetry })
    this.#lastTyping = -Infinity // a post ends typing: the next key has to be sent
    return posted
  }

  async join(nick: string): Promise<{ nick: string }> {
    this.#joining?.controller.abort()
    const controller = new AbortController()
    const joined = this.#hub.join(this.#options.room, nick, anySignal(this.#options.signal, controller.signal))
    const joining = { nick, controller, done: joined.catch(() => undefined) } // a post that waits for it goes on after a failure as well
    this.#joining = joining
    try {
      const session = await joined
      controller.signal.throwIfAborted()
      const before = this.#session
      this.#session = session
      for (const subscription of this.#subscriptions) subscription.setNick(nick)
      if (before && before.nick !== nick) await this.#leaveQuietly(before)
      return { nick }
    } finally {
      if (this.#joining === joining) this.#joining = undefined
    }
  }

  /** Ends the session under a previous nick. If that fails, it ends with its lease. */
  async #leaveQuietly({ nick }: Session): Promise<void> {
    await this.#hub.leave(this.#options.room, nick).catch(() => undefined)
  }

  async leave(): Promise<void> {
    this.#joining?.controller.abort()
    const session = this.#session
    this.#session = undefined
    if (session) await this.#hub.leave(this.#options.room, session.nick)
  }

  typing(): void {
    const now = performance.now()
    if (!this.#session || now - this.#lastTyping < TYPING_INTERVAL) return
    this.#lastTyping = now
    const { signal } = this.#options
    ask(`${this.#address}/typing`, { ...this.#server, body: { session: this.#session.id }, signal }).catch(() => {
      this.#lastTyping = -Infinity // the failure is ignored: the next key sends it again
    })
  }

  async delivered(timestamp: Timestamp): Promise<void> {
    const isPending = (): boolean => this.#subscriptions.size > 0 && this.#delivered < timestamp && !this.#options.signal?.aborted
    while (isPending()) await sleep(undefined, this.#options.signal, this.#waiting)
  }

  retry(): void {
    this.#hub.retry()
    wake(this.#posts)
  }

  /** Called when an event comes, before it is delivered. */
  #onEvent(event: RoomEvent): void {
    if (event.type === 'session') this.#session = sessionOf(event)
    if (event.type === 'state' && event.state === 'connected') wake(this.#posts)
  }

  #onDelivered(event: RoomEvent): void {
    if (event.type !== 'messages') return
    // A reset has all messages of the room, and its timestamp may be less than before: nothing more is to be waited for.
    this.#delivered = event.reset ? Infinity : event.timestamp
    wake(this.#waiting)
  }
}

function sessionOf({ nick, id }: SessionEvent): Session | undefined {
  return nick === undefined || id === undefined ? undefined : { nick, id }
}
