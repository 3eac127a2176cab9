/**
 * The messages that somebody has sent and that the room does not have yet. They are stored in the browser, and posted in order, each once.
 * Knows the entries and their order. A connection posts them, page-storage.ts stores them, and the page shows them.
 */
import { newCid, RoomError, type Connection } from './client.ts'
import { PageStorage } from './page-storage.ts'

/** The default time between two heartbeats, in ms. */
const HEARTBEAT = 3000

/** After a page was closed, its entries wait for so many ms for its reload, before another page takes them over. */
const RELOAD_TIME = 10_000

export interface OutboxEntry {
  /** Its id, here and in the room: its message has the same. */
  readonly cid: string
  readonly nick: string
  readonly msg: string
  /** When it was sent, in ms since the epoch. */
  readonly at: number
  /** `failed`: the server refused it, and somebody has to decide what to do. Until then it is `sending`, however long that takes. */
  readonly state: 'sending' | 'failed'
  /** Why it failed. */
  readonly error?: Error
}

export interface OutboxOptions {
  readonly connection: Connection
  /** Where entries are stored to outlive the page: `localStorage`. Without it, or when it is full, they live as long as the page. */
  readonly storage?: Storage | undefined
  /** The key in the storage: a different one for each room and server. */
  readonly key: string
  /** Called with all entries after each change, oldest first. */
  readonly changed: (entries: readonly OutboxEntry[]) => void
  /** Milliseconds between two heartbeats; with each, the entries of pages that are gone are taken over. @default 3000 */
  readonly beat?: number
  /** Milliseconds for which the entries of a closed page wait for its reload, before another page takes them over. @default 10000 */
  readonly reload?: number
}

export interface Outbox {
  /** Adds a message, and posts it. @returns its cid */
  add(msg: string, nick: string): string
  /** Posts a failed entry again, or at once one that waits for a retry. */
  retry(cid: string): void
  /** Removes an entry. If it is being posted, the room may have it already. */
  cancel(cid: string): void
  /** The entries that the room does not have yet, oldest first. */
  readonly entries: readonly OutboxEntry[]
  /** Stops posting. The entries that are left stay in the storage for the next page. */
  close(): void
}

/**
 * Opens the outbox of a room, with the entries of earlier pages. Join first, so that they are posted in our session.
 *
 * An entry is removed when the connection has delivered its message, or when it is cancelled. One that the server refuses (too large, nick
 * taken) fails, and the next ones are posted. After any other error it is posted again, in order, without a limit.
 *
 * A message is stored once, however often it is posted, as long as the server knows its cid (PROTOCOL.md, "What holds"). If its answer was lost,
 * and it is posted again only after a restart of the server and a whole backlog of other messages, it is stored twice.
 *
 * @example
 * const room = connect('.', { room: 'lobby', hub: sharedHub('.') })
 * const out = outbox({ connection: room, storage: localStorage, key: 'roomfile.outbox lobby', changed: show })
 * out.add('**hello**', 'ann') // calls `show` before it returns
 */
export function outbox(options: OutboxOptions): Outbox {
  return new StoredOutbox(options)
}

/** An entry as it is stored. */
interface StoredEntry {
  readonly cid: string
  readonly nick: string
  readonly msg: string
  readonly at: number
  /** The error of a failed entry. */
  readonly refused?: readonly [status: number, code: string, message: string]
}

class StoredOutbox implements Outbox {
  readonly #connection: Connection
  readonly #changed: (entries: readonly OutboxEntry[]) => void
  readonly #storage: PageStorage<StoredEntry>
  readonly #heartbeats: ReturnType<typeof setInterval>
  readonly #reload: number
  readonly #closed = new AbortController()
  /** The cids of entries that the server has stored, and the connection has not delivered yet. */
  readonly #posted = new Set<string>()
  #entries: readonly OutboxEntry[] = []
  #posting: { cid: string; controller: AbortController } | undefined

  constructor({ connection, storage, key, changed, beat = HEARTBEAT, reload = RELOAD_TIME }: OutboxOptions) {
    this.#connection = connection
    this.#changed = changed
    this.#storage = new PageStorage(storage, key, newCid())
    this.#reload = reload
    this.#heartbeats = setInterval(() => this.#heartbeat(), beat)
    const { signal } = this.#closed
    globalThis.addEventListener?.('pagehide', () => this.#storage.leave(), { signal })
    globalThis.addEventListener?.('pageshow', (event) => event.persisted && this.#restore(), { signal })
    this.#addStored(this.#storage.takeOver(0))
  }

  get entries(): readonly OutboxEntry[] {
    return this.#entries
  }

  add(msg: string, nick: string): string {
    const cid = newCid()
    this.#set([...this.#entries, sending({ cid, nick, msg, at: Date.now() })])
    return cid
  }

  retry(cid: string): void {
    if (this.#posting?.cid === cid) return this.#connection.retry()
    this.#set(this.#entries.map((entry) => (entry.cid === cid ? sending(entry) : entry)))
  }

  cancel(cid: string): void {
    if (this.#posting?.cid === cid) this.#posting.controller.abort()
    this.#set(this.#entries.filter((entry) => entry.cid !== cid))
  }

  close(): void {
    this.#closed.abort()
    clearInterval(this.#heartbeats)
    this.#storage.leave()
  }

  #heartbeat(): void {
    if (this.#entries.length > 0) this.#store()
    this.#addStored(this.#storage.takeOver(this.#reload))
  }

  /** After the back/forward cache: another page may have taken over our entries. */
  #restore(): void {
    const left = new Set(this.#storage.items()?.map(({ cid }) => cid))
    this.#set(this.#entries.filter(({ cid }) => left.has(cid)))
  }

  #addStored(stored: readonly StoredEntry[]): void {
    const known = new Set(this.#entries.map(({ cid }) => cid))
    const found = stored.filter(({ cid }) => !known.has(cid))
    if (found.length > 0) this.#set([...this.#entries, ...found.map(entryOf)].toSorted((a, b) => a.at - b.at))
  }

  #set(entries: readonly OutboxEntry[]): void {
    this.#entries = entries
    this.#store()
    this.#changed(entries)
    void this.#postAll()
  }

  #store(): void {
    this.#storage.store(this.#entries.filter(({ cid }) => !this.#posted.has(cid)).map(storedOf))
  }

  async #postAll(): Promise<void> {
    while (!this.#posting && !this.#closed.signal.aborted) {
      const next = this.#entries.find(({ cid, state }) => state === 'sending' && !this.#posted.has(cid))
      if (!next) return
      await this.#post(next)
    }
  }

  async #post({ cid, msg, nick }: OutboxEntry): Promise<void> {
    const controller = new AbortController()
    const signal = AbortSignal.any([controller.signal, this.#closed.signal])
    this.#posting = { cid, controller }
    try {
      const { timestamp } = await this.#connection.post(msg, { cid, nick, tries: Infinity, signal })
      this.#posted.add(cid)
      this.#store()
      void this.#awaitDelivery(cid, timestamp)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof RoomError) this.#set(this.#entries.map((entry) => (entry.cid === cid ? failed(entry, error) : entry)))
      else this.close() // the connection has been closed
    } finally {
      this.#posting = undefined
    }
  }

  /** The entry stays until its message is delivered, so that there is no moment in which the page shows neither. */
  async #awaitDelivery(cid: string, timestamp: number): Promise<void> {
    await this.#connection.delivered(timestamp)
    this.#posted.delete(cid)
    if (!this.#closed.signal.aborted) this.#set(this.#entries.filter((entry) => entry.cid !== cid))
  }
}

function storedOf({ cid, nick, msg, at, error }: OutboxEntry): StoredEntry {
  return { cid, nick, msg, at, ...(error instanceof RoomError ? { refused: [error.status, error.code, error.message] } : {}) }
}

function entryOf({ cid, nick, msg, at, refused }: StoredEntry): OutboxEntry {
  const entry = sending({ cid, nick, msg, at })
  return refused ? failed(entry, new RoomError(...refused)) : entry
}

function sending({ cid, nick, msg, at }: Omit<OutboxEntry, 'state'>): OutboxEntry {
  return { cid, nick, msg, at, state: 'sending' }
}

function failed(entry: OutboxEntry, error: Error): OutboxEntry {
  return { ...entry, state: 'failed', error }
}
