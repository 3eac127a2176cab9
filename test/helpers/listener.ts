/** Somebody who listens to a connection, and keeps what a page would show. */
import type { Connection, MessagesEvent, PresenceEvent, RoomEvent, SessionEvent } from '../../client/api/client.ts'

export class RoomListener {
  readonly events: RoomEvent[] = []
  messages: MessagesEvent['messages'] = []
  /** Resolves when the connection has ended, with the error that ended it. */
  readonly ended: Promise<Error | undefined>
  #changed: (() => void)[] = []

  constructor(connection: Connection) {
    this.ended = this.#listen(connection)
  }

  async #listen(connection: Connection): Promise<Error | undefined> {
    try {
      for await (const event of connection) {
        this.events.push(event)
        if (event.type === 'messages') this.messages = event.reset ? event.messages : [...this.messages, ...event.messages]
        for (const changed of this.#changed.splice(0)) changed()
      }
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  get texts(): string[] {
    return this.messages.filter(({ type }) => type === 'msg').map(({ msg }) => msg)
  }

  get presence(): PresenceEvent | undefined {
    return this.events.findLast((event) => event.type === 'presence')
  }

  get sessions(): SessionEvent[] {
    return this.events.filter((event) => event.type === 'session')
  }

  get states(): string[] {
    return this.events.flatMap((event) => (event.type === 'state' ? [event.state] : []))
  }

  /** Resolves once it is as `isSo` wants it. A test that waits for what never comes ends by its timeout. */
  async until(isSo: (listener: this) => boolean): Promise<this> {
    while (!isSo(this)) await new Promise<void>((resolve) => this.#changed.push(resolve))
    return this
  }
}
