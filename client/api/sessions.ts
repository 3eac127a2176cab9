/**
 * Our sessions in one room: begun, told to those who speak under them, and begun anew when the server knows them no more.
 * Knows how a session is asked for; does not know how a room is followed.
 */
import { ask, RoomError, type Manner } from './ask.ts'
import type { Session } from './hub.ts'
import type { SessionEvent } from './events.ts'
import { retry, type Waits } from './retry.ts'
import { sessionIdIn } from './validate.ts'

/** What the rooms of a hub have in common. */
export interface Line {
  /** The address of the rooms. */
  readonly address: string
  readonly manner: Manner
  /** Who we are, across reloads. */
  readonly cid: string
  /** Milliseconds before the first new try. */
  readonly firstDelay: number
  readonly waits: Waits
  /** Says that there is something else to ask in the poll. */
  readonly interrupt: () => void
}

/** One who speaks under the nick of a session, or under none. */
export interface Speaker {
  nick: string | undefined
  readonly listener: { take(event: SessionEvent): void }
}

export class Sessions {
  readonly #line: Line
  /** The address of the sessions of the room. */
  readonly #address: string
  /** Those who are in the room here. */
  readonly #present: ReadonlySet<Speaker>
  /** The ids by nick. */
  readonly #ids = new Map<string, string>()
  /** Nicks whose session is being begun anew. */
  readonly #beginning = new Set<string>()

  /** @param room its address */
  constructor(line: Line, room: string, present: ReadonlySet<Speaker>) {
    this.#line = line
    this.#address = `${room}/sessions`
    this.#present = present
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0
  }

  /** The ids of those that somebody speaks under. */
  get spoken(): string[] {
    return [...this.#ids].filter(([nick]) => this.#speakers(nick).length > 0).map(([, id]) => id)
  }

  /** Begins one, or goes on with ours. Tries until it is done or refused. */
  join(nick: string, signal?: AbortSignal): Promise<Session> {
    return this.#retry(() => this.#begin(nick, signal), signal)
  }

  /** Ends one, for all who speak under it. */
  async leave(nick: string): Promise<void> {
    const id = this.#ids.get(nick)
    this.#ids.delete(nick)
    this.#end(nick)
    if (id === undefined) return
    try {
      await ask(`${this.#address}/${id}`, { ...this.#line.manner, method: 'DELETE' })
    } catch (error) {
      if (!(error instanceof RoomError && error.code === 'no_session')) throw error // it has ended already: what was wanted
    }
  }

  speakAs(speaker: Speaker, nick: string | undefined): void {
    if (speaker.nick === nick) return
    speaker.nick = nick
    if (nick === undefined || !this.#present.has(speaker)) return
    const id = this.#ids.get(nick)
    if (id === undefined) return this.#beginAnew(nick)
    speaker.listener.take({ type: 'session', nick, id })
    this.#line.interrupt()
  }

  /** The server knows these ids no more: it was started again, or we were away for longer than a lease. */
  lose(lost: readonly string[]): void {
    for (const [nick, id] of this.#ids) {
      if (!lost.includes(id)) continue
      this.#ids.delete(nick)
      this.#beginAnew(nick)
    }
  }

  #speakers(nick: string): Speaker[] {
    return [...this.#present].filter((speaker) => speaker.nick === nick)
  }

  async #begin(nick: string, signal?: AbortSignal): Promise<Session> {
    const { cid, manner, interrupt } = this.#line
    const session = { nick, id: sessionIdIn(await ask(this.#address, { ...manner, body: { nick, cid }, signal })) }
    const isNew = this.#ids.get(nick) !== session.id
    this.#ids.set(nick, session.id)
    const speakers = this.#speakers(nick)
    if (isNew) for (const { listener } of speakers) listener.take({ type: 'session', ...session })
    if (isNew && speakers.length > 0) interrupt()
    return session
  }

  /** Begins one again for those who speak under it, for as long as there are any. Apart from the polls: reading goes on meanwhile. */
  #beginAnew(nick: string): void {
    const isSpoken = (): boolean => this.#speakers(nick).length > 0
    if (!isSpoken() || this.#beginning.has(nick)) return
    this.#beginning.add(nick)
    const ends = new AbortController()
    const begin = (): Promise<Session> => {
      if (!isSpoken()) ends.abort()
      return this.#begin(nick, ends.signal)
    }
    this.#retry(begin, ends.signal)
      .catch((error: Error) => this.#end(nick, error))
      .finally(() => this.#beginning.delete(nick))
  }

  #end(nick: string, error?: Error): void {
    for (const speaker of this.#speakers(nick)) {
      speaker.nick = undefined
      speaker.listener.take({ type: 'session', nick: undefined, id: undefined, ...(error ? { error } : {}) })
    }
  }

  #retry(work: () => Promise<Session>, signal: AbortSignal | undefined): Promise<Session> {
    const { firstDelay, waits } = this.#line
    return retry(work, { firstDelay, waits, signal })
  }
}
