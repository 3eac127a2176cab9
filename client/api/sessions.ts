/**
 * Our sessions in one room: begins them, ends them, and begins them again when the server has lost them.
 * Knows the requests for sessions; the polls that keep sessions alive are sent by the hub.
 */
import { ask, RoomError, type ServerOptions } from './ask.ts'
import type { Session } from './hub.ts'
import type { SessionEvent } from './events.ts'
import { retry, type Sleepers } from './retry.ts'
import { sessionIdOf } from './validate.ts'

/** What all rooms of a PollingHub share. */
export interface HubContext {
  /** The address of the rooms. */
  readonly address: string
  readonly server: ServerOptions
  /** Our identity. */
  readonly cid: string
  /** Milliseconds before the first retry. */
  readonly firstDelay: number
  /** All that wait for a retry. */
  readonly sleepers: Sleepers
  /** Aborts the poll that is under way, and polls again: what to ask for has changed. */
  readonly pollAgain: () => void
}

/** A follower of the room, as far as sessions are concerned. */
export interface SessionUser {
  /** The nick of the session that it uses. */
  nick: string | undefined
  readonly listener: { onEvent(event: SessionEvent): void }
}

export class Sessions {
  readonly #context: HubContext
  /** The address of the room's sessions. */
  readonly #address: string
  readonly #followers: ReadonlySet<SessionUser>
  /** The ids of our sessions, by nick. */
  readonly #ids = new Map<string, string>()
  /** The nicks of the sessions that are being restarted. */
  readonly #restarting = new Set<string>()

  /** @param roomAddress the address of the room */
  constructor(context: HubContext, roomAddress: string, followers: ReadonlySet<SessionUser>) {
    this.#context = context
    this.#address = `${roomAddress}/sessions`
    this.#followers = followers
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0
  }

  /** The ids of the sessions that a follower uses. */
  get usedIds(): string[] {
    return [...this.#ids].filter(([nick]) => this.#usersOf(nick).length > 0).map(([, id]) => id)
  }

  /** Begins a session, or continues ours. Retries until it succeeds or is refused. */
  join(nick: string, signal?: AbortSignal): Promise<Session> {
    return this.#retry(() => this.#begin(nick, signal), signal)
  }

  /** Ends a session, for all that use it. */
  async leave(nick: string): Promise<void> {
    const id = this.#ids.get(nick)
    this.#ids.delete(nick)
    this.#tellEnd(nick)
    if (id === undefined) return
    try {
      await ask(`${this.#address}/${id}`, { ...this.#context.server, method: 'DELETE' })
    } catch (error) {
      if (!(error instanceof RoomError && error.code === 'no_session')) throw error // else it had ended already
    }
  }

  setNick(follower: SessionUser, nick: string | undefined): void {
    if (follower.nick === nick) return
    follower.nick = nick
    if (nick === undefined || !this.#followers.has(follower)) return
    const id = this.#ids.get(nick)
    if (id === undefined) return this.#restart(nick)
    follower.listener.onEvent({ type: 'session', nick, id })
    this.#context.pollAgain()
  }

  /** Begins sessions again that the server no longer has: it was restarted, or was not polled for longer than a lease. */
  restart(lostIds: readonly string[]): void {
    for (const [nick, id] of this.#ids) {
      if (!lostIds.includes(id)) continue
      this.#ids.delete(nick)
      this.#restart(nick)
    }
  }

  #usersOf(nick: string): SessionUser[] {
    return [...this.#followers].filter((follower) => follower.nick === nick)
  }

  async #begin(nick: string, signal?: AbortSignal): Promise<Session> {
    const { cid, server, pollAgain } = this.#context
    const session = { nick, id: sessionIdOf(await ask(this.#address, { ...server, body: { nick, cid }, signal })) }
    const isNew = this.#ids.get(nick) !== session.id
    this.#ids.set(nick, session.id)
    const users = this.#usersOf(nick)
    if (isNew) for (const { listener } of users) listener.onEvent({ type: 'session', ...session })
    if (isNew && users.length > 0) pollAgain()
    return session
  }

  /** Retries for as long as a follower uses the session. Polls go on meanwhile. */
  #restart(nick: string): void {
    const isUsed = (): boolean => this.#usersOf(nick).length > 0
    if (!isUsed() || this.#restarting.has(nick)) return
    this.#restarting.add(nick)
    const controller = new AbortController()
    const begin = (): Promise<Session> => {
      if (!isUsed()) controller.abort()
      return this.#begin(nick, controller.signal)
    }
    this.#retry(begin, controller.signal)
      .catch((error: Error) => this.#tellEnd(nick, error))
      .finally(() => this.#restarting.delete(nick))
  }

  #tellEnd(nick: string, error?: Error): void {
    for (const follower of this.#usersOf(nick)) {
      follower.nick = undefined
      follower.listener.onEvent({ type: 'session', nick: undefined, id: undefined, ...(error ? { error } : {}) })
    }
  }

  #retry(begin: () => Promise<Session>, signal: AbortSignal | undefined): Promise<Session> {
    const { firstDelay, sleepers } = this.#context
    return retry(begin, { firstDelay, sleepers, signal })
  }
}
