/**
 * What somebody has said and the room does not have yet: kept in the browser's storage, sent in order, each once.
 * Knows entries and whose they are; how a message is posted is the connection's affair, how an entry looks the page's.
 */
import { newCid, type Connection } from './client.ts'
import { isPassing } from './patience.ts'

export interface OutboxEntry {
  /** Its identity, here and in the room: the message that it becomes carries it. */
  readonly cid: string
  readonly nick: string
  readonly msg: string
  /** When it was said, in ms since the epoch. */
  readonly at: number
  /** `failed`: the room refused it, and somebody has to decide. All else is `sending`, however long it takes. */
  readonly state: 'sending' | 'failed'
  /** Why it failed. */
  readonly error?: Error
}

export interface OutboxOptions {
  readonly connection: Connection
  /** Where entries outlive the page: `localStorage`. Without one, or where it fails, they live as long as the page. */
  readonly storage?: Storage | undefined
  /** Under which name they are kept: another one for each room, and for each server on one origin. */
  readonly key: string
  /** Called with all entries each time that one of them changes, in the order in which they were said. */
  readonly changed: (entries: readonly OutboxEntry[]) => void
}

export interface Outbox {
  /** Takes a message to be sent; returns its cid. */
  add(msg: string, nick: string): string
  /** Tries a failed entry again, or an entry that is being sent at once. */
  retry(cid: string): void
  /** Takes an entry out. One that is under way may have reached the room already. */
  cancel(cid: string): void
  /** Those that the room does not have yet, in the order in which they were said. */
  readonly entries: readonly OutboxEntry[]
  /** Stops sending. What is left is kept for the next page. */
  close(): void
}

/**
 * Opens the outbox of a room, and goes on with what an earlier page left. Join before, so that those are posted under our session.
 *
 * @example
 * const room = connect('.', { room: 'lobby', hub: sharedHub('.') })
 * const out = outbox({ connection: room, storage: localStorage, key: 'roomfile.outbox lobby', changed: show })
 * out.add('**hello**', 'ann') // shown at once: `show` has been called with it
 */
export function outbox(options: OutboxOptions): Outbox {
  return new KeptOutbox(options)
}

class KeptOutbox implements Outbox {
  readonly #options: OutboxOptions
  #entries: OutboxEntry[] = []
  readonly #closing = new AbortController()
  #posting: { cid: string; ends: AbortController } | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#entries = JSON.parse(options.storage?.getItem(options.key) ?? '[]') as OutboxEntry[]
    if (this.#entries.length > 0) this.#save()
    void this.#send()
  }

  get entries(): readonly OutboxEntry[] {
    return this.#entries
  }

  add(msg: string, nick: string): string {
    const cid = newCid()
    this.#entries = [...this.#entries, sending({ cid, nick, msg, at: Date.now() })]
    this.#save()
    void this.#send()
    return cid
  }

  retry(cid: string): void {
    this.#entries = this.#entries.map((entry) => (entry.cid === cid ? sending(entry) : entry))
    this.#save()
    if (this.#posting) this.#options.connection.retry()
    void this.#send()
  }

  cancel(cid: string): void {
    this.#entries = this.#entries.filter((entry) => entry.cid !== cid)
    this.#save()
    if (this.#posting?.cid === cid) this.#posting.ends.abort()
  }

  close(): void {
    this.#closing.abort()
  }

  async #send(): Promise<void> {
    if (this.#posting) return
    for (;;) {
      const next = this.#entries.find(({ state }) => state === 'sending')
      if (!next || this.#closing.signal.aborted) return
      await this.#post(next)
    }
  }

  async #post({ cid, msg, nick }: OutboxEntry): Promise<void> {
    const ends = new AbortController()
    this.#posting = { cid, ends }
    try {
      await this.#options.connection.post(msg, { cid, nick, tries: Infinity, signal: AbortSignal.any([ends.signal, this.#closing.signal]) })
      this.#entries = this.#entries.filter((entry) => entry.cid !== cid)
      this.#save()
    } catch (error) {
      if (ends.signal.aborted || this.#closing.signal.aborted) return
      if (isPassing(error)) return this.close() // the connection itself has ended
      this.#entries = this.#entries.map((entry) => (entry.cid === cid ? { ...entry, state: 'failed', error: error as Error } : entry))
      this.#save()
    } finally {
      this.#posting = undefined
    }
  }

  #save(): void {
    const { storage, key, changed } = this.#options
    storage?.setItem(key, JSON.stringify(this.#entries))
    changed(this.#entries)
  }
}

function sending({ cid, nick, msg, at }: Omit<OutboxEntry, 'state'>): OutboxEntry {
  return { cid, nick, msg, at, state: 'sending' }
}
