/**
 * What connections are made of: a way to follow rooms, and to be in them. Types only: `PollingHub` does it, `PortHub` asks another
 * thread for it.
 */
import type { RoomEvent, Timestamp } from './events.ts'

export interface HubOptions {
  /** The server's `--token`, where it has one. A page that was signed in needs none. */
  token?: string | undefined
  /** Seconds that the server may hold a poll, 1 to 60. Lower it below the patience of a proxy in between. @default 25 */
  wait?: number | undefined
  /** Milliseconds before the first new try; doubled with each failure in a row, up to 30 s. @default 1000 */
  retryDelay?: number | undefined
  /** Milliseconds that a poll may outlive its wait before the connection is taken for dead. @default 10000 */
  grace?: number | undefined
  /**
   * Bytes that an answer may have, unpacked; one beyond it is cut off, and asked for again like a page of a proxy. Raise it for a server
   * with a larger `--max-file`.
   * @default 67108864 (64 MiB)
   */
  maxAnswer?: number | undefined
  /** Who we are: a session that was begun under the same `cid` and nick goes on, across a reload or a lost answer. @default a random one */
  cid?: string | undefined
}

export interface FollowOptions {
  /** Where the listener stands; 0 for one who has nothing. */
  timestamp: Timestamp
  /** Whether it wants to be told who is here. */
  presence: boolean
}

export interface Listener {
  take(event: RoomEvent): void
  /** The room cannot be followed: nothing more will come. */
  end(error: Error): void
}

/** Somebody's following of a room. */
export interface Following {
  /** Whose session it holds, one that was joined before; undefined when nobody's. */
  speakAs(nick: string | undefined): void
  close(): void
}

export interface Session {
  readonly nick: string
  /** Whoever has it speaks under the nick. */
  readonly id: string
}

/** Follows rooms, and holds sessions in them. */
export interface Hub {
  /** Follows a room until it is closed, or ends with an error. */
  follow(room: string, options: FollowOptions, listener: Listener): Following
  /** Begins a session, or goes on with ours. Tries until it is done or refused. @throws RoomError `nick_taken`, `bad_nick`, … */
  join(room: string, nick: string, signal?: AbortSignal): Promise<Session>
  /** Ends a session, for all who speak under it here. */
  leave(room: string, nick: string): Promise<void>
  /** Asks again at once. */
  retry(): void
}
