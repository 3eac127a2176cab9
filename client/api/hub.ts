/**
 * The interface between a connection and what polls for it. Types only.
 * A `PollingHub` polls by itself, a `PortHub` passes all calls on to a hub in another thread, and a page uses the one or the other (shared.ts).
 */
import type { RoomEvent, Timestamp } from './events.ts'

export interface HubOptions {
  /** The server's `--token`, where it has one. A page that was signed in needs none. */
  token?: string | undefined
  /** Seconds that the server may hold a poll, 1 to 60. It has to be less than the timeout of a proxy in between. @default 25 */
  wait?: number | undefined
  /** Milliseconds before the first retry; doubled with each failure in a row, up to 30 s. @default 1000 */
  retryDelay?: number | undefined
  /** Milliseconds that a poll may take beyond its wait before it is aborted and sent again. @default 10000 */
  grace?: number | undefined
  /**
   * The largest answer in bytes, unpacked. A larger one is aborted and requested again later, as after a server error. Raise it for a
   * server with a larger `--max-file`.
   * @default 67108864 (64 MiB)
   */
  maxAnswer?: number | undefined
  /** Our identity: a join with the same `cid` and nick continues the same session, after a reload or a lost answer. @default a random one */
  cid?: string | undefined
}

export interface FollowOptions {
  /** The listener has all messages up to here; 0 for one that has none. */
  timestamp: Timestamp
  /** Whether the listener gets presence events. */
  presence: boolean
}

export interface Listener {
  onEvent(event: RoomEvent): void
  /** The room cannot be followed: there are no more events. */
  onEnd(error: Error): void
}

/** One listener's subscription to one room. */
export interface Subscription {
  /** The nick of the session that this listener uses, and that polls keep alive for it; undefined for none. `join` it first. */
  setNick(nick: string | undefined): void
  close(): void
}

export interface Session {
  readonly nick: string
  /** A secret: a request with this id acts under the nick. */
  readonly id: string
}

/** Follows rooms, and keeps sessions in them. */
export interface Hub {
  /** Follows a room until the subscription is closed, or the listener's `onEnd` is called. */
  follow(room: string, options: FollowOptions, listener: Listener): Subscription
  /** Begins a session, or continues ours. Retries until it succeeds or is refused. @throws RoomError `nick_taken`, `bad_nick`, … */
  join(room: string, nick: string, signal?: AbortSignal): Promise<Session>
  /** Ends a session, for all listeners of this hub that use it. */
  leave(room: string, nick: string): Promise<void>
  /** Polls again at once. */
  retry(): void
}
