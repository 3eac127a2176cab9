/**
 * A connection to one room: follow it, post to it, be in it. Runs in browsers and in Node, on `fetch` alone.
 * Knows what one person does in one room; how rooms are polled is the hub's affair. Knows no DOM and shows nothing.
 */
import { ask, anySignal, RoomError, roomsAt, type Manner } from './ask.ts'
import { newCid } from './cid.ts'
import type { Message, MessagesEvent, PresenceEvent, RoomEvent, SessionEvent, StateEvent, Timestamp } from './events.ts'
import type { Following, Hub, HubOptions, Session } from './hub.ts'
import { PollingHub } from './polling-hub.ts'
import { retry, sleep, wake, type Waits } from './retry.ts'
import { postedIn } from './validate.ts'

export { newCid, RoomError }
export type { Hub, HubOptions, Message, MessagesEvent, PresenceEvent, RoomEvent, SessionEvent, StateEvent, Timestamp }

export interface ConnectOptions extends HubOptions {
  /** The room's name, as people write it. */
  room: string
  /** Who posts, unless a post says otherwise, or a session does. @default '' (nobody in particular) */
  nick?: string
  /** Go on from here: only what is newer is delivered. Without it everything that the room keeps comes first. */
  timestamp?: Timestamp
  /** Ends the connection and all its posts, promptly. */
  signal?: AbortSignal
  /** Whether to be told who is here and who is typing. @default false */
  presence?: boolean
  /** A poll that is shared with others, such as `sharedHub()` gives a page. @default one of its own, made of the options */
  hub?: Hub
}

export interface PostOptions {
  /** Who posts this one. */
  nick?: string
  /** The post's identity: the same text under the same cid is stored once. Pass it to repeat a post that failed. @default a random one */
  cid?: string
  /** How often to try before giving up. @default 4 (some seconds) */
  tries?: number
  /** Gives up this post. */
  signal?: AbortSignal
  /** Told why, before each wait for another try. */
  onRetry?: (error: Error) => void
}

export interface Connection extends AsyncIterable<RoomEvent> {
  /**
   * Posts a message, trying again with the same cid when the network or the server fails for a while. Under the nick of our session
   * it is posted as the session's.
   * Throws a RoomError with the server's code and words when it is refused or all tries failed.
   */
  post(msg: string, options?: PostOptions): Promise<{ id: string; timestamp: Timestamp }>
  /**
   * Takes a nick for us and tells the room that we are here; nobody else can use it meanwhile. Tries until it is done or refused:
   * a RoomError `nick_taken` (409) or `bad_nick` (400). Another nick ends the session under the one before.
   *
   * The session is held as long as the room is followed, and for the server's lease (60 s) longer. One that the server forgot is begun
   * again by itself; if somebody else has taken the nick meanwhile, a `session` event says so.
   */
  join(nick: string): Promise<{ nick: string }>
  /** Ends our session at once, in all tabs of this browser. Without one it does nothing. */
  leave(): Promise<void>
  /** Says that we are typing; call it at each key, it is sent every 3 s at most. Only who has joined can be seen typing. */
  typing(): void
  /** Resolves when the iteration has all up to this timestamp, such as a post's; at once when nobody iterates. */
  delivered(timestamp: Timestamp): Promise<void>
  /** Cuts the present waiting short: the network is back, or somebody pressed a button. */
  retry(): void
}

const POST_TRIES = 4

/** How often to say that somebody is typing, in ms; the server believes it for 6 s. */
const TYPING_EVERY = 3000

/**
 * Connects to a room. Nothing is sent before the first iteration, join or post.
 *
 * The iteration ends when `signal` aborts. It never gives up while the network or the server fails (network errors, 5xx,
 * 408, 429), and while an answer is not roomfile's, is too large, or points elsewhere for a while: redirects are not followed. Any other
 * refusal (an unknown room name, a missing token, an address that has moved for good) is thrown as a RoomError.
 *
 * Throws a TypeError when the address is none.
 *
 * @param url where roomfile is: its origin, or the prefix that a proxy gave it; in a page it may be relative
 *
 * @example
 * const room = connect('http://localhost:8080', { room: 'lobby', nick: 'ann' })
 * await room.post('**hello**')
 * for await (const event of room) {
 *   if (event.type === 'messages') for (const { nick, msg } of event.messages) console.log(nick, msg)
 * }
 *
 * @example
 * // A bot that is seen in the room, and says who came.
 * const room = connect('http://localhost:8080', { room: 'lobby', presence: true })
 * await room.join('bot')
 * for await (const event of room) {
 *   if (event.type === 'presence') console.log('here:', event.who.join(', '))
 *   if (event.type === 'session' && event.error) console.log('somebody took my name:', event.error.message)
 * }
 */
export function connect(url: string, options: ConnectOptions): Connection {
  return new RoomConnection(url, options)
}

class RoomConnection implements Connection {
  readonly #address: string
  readonly #options: ConnectOptions
  readonly #manner: Manner
  readonly #hub: Hub
  readonly #followings = new Set<Following>()
  /** Posts that wait for their next try. */
  readonly #waits: Waits = new Set()
  #session: Session | undefined
  /** The join under way, and its end when another one overtakes it. */
  #joining: { nick: string; done: Promise<unknown>; ends: AbortController } | undefined
  #typed = -Infinity
  /** Where the iteration stands, and those who wait for it to get further. */
  #at: Timestamp = 0
  readonly #news: Waits = new Set()

  constructor(url: string, options: ConnectOptions) {
    this.#address = `${roomsAt(url)}/${encodeURIComponent(options.room)}`
    this.#options = options
    this.#manner = { token: options.token, maxAnswer: options.maxAnswer }
    this.#hub = options.hub ?? new PollingHub(url, options)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RoomEvent, void> {
    const { room, timestamp = 0, presence = false, signal } = this.#options
    if (signal?.aborted) return
    const events: RoomEvent[] = []
    const news = this.#news
    let ended: Error | undefined
    const take = (event: RoomEvent): void => {
      this.#notice(event)
      events.push(event)
      wake(news)
    }
    const end = (error: Error): void => {
      ended = error
      wake(news)
    }
    const following = this.#hub.follow(room, { timestamp, presence }, { take, end })
    this.#followings.add(following)
    following.speakAs(this.#session?.nick)
    try {
      for (;;) {
        const event = events.shift()
        if (event) {
          yield event
          this.#taken(event)
        } else if (ended) throw ended
        else await sleep(undefined, signal, news)
        if (signal?.aborted) return
      }
    } finally {
      this.#followings.delete(following)
      following.close()
      wake(news)
    }
  }

  async post(msg: string, post: PostOptions = {}): Promise<{ id: string; timestamp: Timestamp }> {
    const { tries = POST_TRIES, cid = newCid(), nick = this.#session?.nick ?? this.#options.nick ?? '', onRetry } = post
    const signal = anySignal(this.#options.signal, post.signal)
    if (this.#joining?.nick === nick) await this.#joining.done
    const send = async (): Promise<{ id: string; timestamp: Timestamp }> => {
      const session = this.#session?.nick === nick ? { session: this.#session.id } : {}
      return postedIn(await ask(this.#address, { ...this.#manner, body: { msg, nick, cid, ...session }, signal }))
    }
    const sendInSession = async (): Promise<{ id: string; timestamp: Timestamp }> => {
      try {
        return await send()
      } catch (error) {
        if (!(error instanceof RoomError && error.code === 'no_session')) throw error
        this.#session = await this.#hub.join(this.#options.room, nick, signal) // the server forgot it, before a poll could tell us
        return send()
      }
    }
    const posted = await retry(sendInSession, { tries, firstDelay: this.#options.retryDelay, signal, waits: this.#waits, onRetry })
    this.#typed = -Infinity // what was typed is said: the next key begins anew
    return posted
  }

  async join(nick: string): Promise<{ nick: string }> {
    this.#joining?.ends.abort()
    const ends = new AbortController()
    const asked = this.#hub.join(this.#options.room, nick, anySignal(this.#options.signal, ends.signal))
    const joining = { nick, ends, done: asked.catch(() => undefined) } // whoever waits for it asks for the session afterwards
    this.#joining = joining
    try {
      const session = await asked
      ends.signal.throwIfAborted()
      const before = this.#session
      this.#session = session
      for (const following of this.#followings) following.speakAs(nick)
      if (before && before.nick !== nick) await this.#abandon(before)
      return { nick }
    } finally {
      if (this.#joining === joining) this.#joining = undefined
    }
  }

  /** Ends the session under an earlier nick. Should that fail, its lease ends it. */
  async #abandon({ nick }: Session): Promise<void> {
    await this.#hub.leave(this.#options.room, nick).catch(() => undefined)
  }

  async leave(): Promise<void> {
    this.#joining?.ends.abort()
    const session = this.#session
    this.#session = undefined
    if (session) await this.#hub.leave(this.#options.room, session.nick)
  }

  typing(): void {
    const now = performance.now()
    if (!this.#session || now - this.#typed < TYPING_EVERY) return
    this.#typed = now
    const { signal } = this.#options
    ask(`${this.#address}/typing`, { ...this.#manner, body: { session: this.#session.id }, signal }).catch(() => {
      this.#typed = -Infinity // nobody need care: the next key says it again
    })
  }

  async delivered(timestamp: Timestamp): Promise<void> {
    const isAwaited = (): boolean => this.#followings.size > 0 && this.#at < timestamp && !this.#options.signal?.aborted
    while (isAwaited()) await sleep(undefined, this.#options.signal, this.#news)
  }

  retry(): void {
    this.#hub.retry()
    wake(this.#waits)
  }

  /** What an event means for us, as soon as it comes. */
  #notice(event: RoomEvent): void {
    if (event.type === 'session') this.#session = sessionOf(event)
    if (event.type === 'state' && event.state === 'connected') wake(this.#waits) // what kept the posts waiting is over
  }

  /** An event is with whoever iterates. */
  #taken(event: RoomEvent): void {
    if (event.type !== 'messages') return
    // After a reset the room may stand anywhere: whatever was waited for is in it, or will not come.
    this.#at = event.reset ? Infinity : event.timestamp
    wake(this.#news)
  }
}

function sessionOf({ nick, id }: SessionEvent): Session | undefined {
  return nick === undefined || id === undefined ? undefined : { nick, id }
}
