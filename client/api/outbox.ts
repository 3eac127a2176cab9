/**
 * What somebody has said and the room does not have yet: shown at once, kept in the browser's storage, sent in order, each once.
 * Knows entries and their order; how one is posted is the connection's affair, where they are kept the shelf's, how they look the page's.
 */
import { newCid, RoomError, type Connection } from './client.ts'
import { Shelf } from './page-storage.ts'

/** How often a page says that it is there, in ms. */
const BEAT = 3000

/** For how long what a page left is kept for the page that comes in its place (a reload), and not for others. */
const FOR_A_RELOAD = 10_000

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
  /** Where entries outlive the page: `localStorage`. Without one, or where it is blocked or full, they live as long as the page. */
  readonly storage?: Storage | undefined
  /** Under which name they are kept: another one for each room, and for each server on one origin. */
  readonly key: string
  /** Called with all entries each time that one of them changes, in the order in which they were said. */
  readonly changed: (entries: readonly OutboxEntry[]) => void
  /** Milliseconds from one look after pages that are gone to the next. @default 3000 */
  readonly beat?: number
  /** Milliseconds for which what a page left is kept for its reload, before another page sends it. @default 10000 */
  readonly reload?: number
}

export interface Outbox {
  /** Takes a message to be sent; returns its cid. */
  add(msg: string, nick: string): string
  /** Tries a failed entry again, or at once one that waits for its next try. */
  retry(cid: string): void
  /** Takes an entry out. One that is under way may have reached the room already. */
  cancel(cid: string): void
  /** Those that the room does not have yet, in the order in which they were said. */
  readonly entries: readonly OutboxEntry[]
  /** Stops sending. What is left is kept for the next page. */
  close(): void
}

/**
 * Opens the outbox of a room, and goes on with what earlier pages left. Join before, so that it is posted under our session.
 *
 * An entry goes when the connection has delivered its message, or somebody cancelled it. One that the room refuses (too large, the nick
 * taken) fails and lets those behind it pass; whatever else keeps a message from its room is waited for, in order, for ever.
 *
 * An entry is stored once, however often it is sent, for as long as the server knows its cid (PROTOCOL.md, What holds, 7). One whose answer was
 * lost, and that is sent again only after a restart of the server and a whole backlog of other messages, stands in the room twice: nothing is lost.
 *
 * @example
 * const room = connect('.', { room: 'lobby', hub: sharedHub('.') })
 * const out = outbox({ connection: room, storage: localStorage, key: 'roomfile.outbox lobby', changed: show })
 * out.add('**hello**', 'ann') // `show` has been called with it when this returns
 */
export function outbox(options: OutboxOptions): Outbox {
  return new KeptOutbox(options)
}

/** An entry as it is kept: a refusal without its class. */
interface Kept {
  readonly cid: string
  readonly nick: string
  readonly msg: string
  readonly at: number
  readonly refused?: readonly [status: number, code: string, message: string]
}

class KeptOutbox implements Outbox {
  readonly #connection: Connection
  readonly #changed: (entries: readonly OutboxEntry[]) => void
  readonly #shelf: Shelf<Kept>
  readonly #beats: ReturnType<typeof setInterval>
  readonly #reload: number
  readonly #closing = new AbortController()
  /** Those that the room has, but has not told us of. */
  readonly #posted = new Set<string>()
  #entries: readonly OutboxEntry[] = []
  #posting: { cid: string; ends: AbortController } | undefined

  constructor({ connection, storage, key, changed, beat = BEAT, reload = FOR_A_RELOAD }: OutboxOptions) {
    this.#connection = connection
    this.#changed = changed
    this.#shelf = new Shelf(storage, key, newCid())
    this.#reload = reload
    this.#beats = setInterval(() => this.#beat(), beat)
    const { signal } = this.#closing
    globalThis.addEventListener?.('pagehide', () => this.#shelf.leave(), { signal })
    globalThis.addEventListener?.('pageshow', (event) => event.persisted && this.#comeBack(), { signal })
    this.#adopt(this.#shelf.takeOver(0))
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
    if (this.#posting?.cid === cid) this.#posting.ends.abort()
    this.#set(this.#entries.filter((entry) => entry.cid !== cid))
  }

  close(): void {
    this.#closing.abort()
    clearInterval(this.#beats)
    this.#shelf.leave()
  }

  /** Says that we live, and looks after those who do not. */
  #beat(): void {
    if (this.#entries.length > 0) this.#keep()
    this.#adopt(this.#shelf.takeOver(this.#reload))
  }

  /** Out of the back/forward cache: what we had may be another page's by now. */
  #comeBack(): void {
    const left = new Set(this.#shelf.takeBack()?.map(({ cid }) => cid))
    this.#set(this.#entries.filter(({ cid }) => left.has(cid)))
  }

  #adopt(kept: readonly Kept[]): void {
    const known = new Set(this.#entries.map(({ cid }) => cid))
    const found = kept.filter(({ cid }) => !known.has(cid))
    if (found.length > 0) this.#set([...this.#entries, ...found.map(opened)].toSorted((a, b) => a.at - b.at))
  }

  #set(entries: readonly OutboxEntry[]): void {
    this.#entries = entries
    this.#keep()
    this.#changed(entries)
    void this.#send()
  }

  #keep(): void {
    this.#shelf.keep(this.#entries.filter(({ cid }) => !this.#posted.has(cid)).map(keptOf))
  }

  async #send(): Promise<void> {
    while (!this.#posting && !this.#closing.signal.aborted) {
      const next = this.#entries.find(({ cid, state }) => state === 'sending' && !this.#posted.has(cid))
      if (!next) return
      await this.#post(next)
    }
  }

  async #post({ cid, msg, nick }: OutboxEntry): Promise<void> {
    const ends = new AbortController()
    const signal = AbortSignal.any([ends.signal, this.#closing.signal])
    this.#posting = { cid, ends }
    try {
      const { timestamp } = await this.#connection.post(msg, { cid, nick, tries: Infinity, signal })
      this.#posted.add(cid)
      this.#keep()
      void this.#awaitDelivery(cid, timestamp)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof RoomError) this.#set(this.#entries.map((entry) => (entry.cid === cid ? failed(entry, error) : entry)))
      else this.close() // the connection has ended, and we with it
    } finally {
      this.#posting = undefined
    }
  }

  /** Between its answer and its delivery a message is on its way to the page: there must be no moment in which it is nowhere. */
  async #awaitDelivery(cid: string, timestamp: number): Promise<void> {
    await this.#connection.delivered(timestamp)
    this.#posted.delete(cid)
    if (!this.#closing.signal.aborted) this.#set(this.#entries.filter((entry) => entry.cid !== cid))
  }
}

function keptOf({ cid, nick, msg, at, error }: OutboxEntry): Kept {
  return { cid, nick, msg, at, ...(error instanceof RoomError ? { refused: [error.status, error.code, error.message] } : {}) }
}

function opened({ cid, nick, msg, at, refused }: Kept): OutboxEntry {
  const entry = sending({ cid, nick, msg, at })
  return refused ? failed(entry, new RoomError(...refused)) : entry
}

function sending({ cid, nick, msg, at }: Omit<OutboxEntry, 'state'>): OutboxEntry {
  return { cid, nick, msg, at, state: 'sending' }
}

function failed(entry: OutboxEntry, error: Error): OutboxEntry {
  return { ...entry, state: 'failed', error }
}
