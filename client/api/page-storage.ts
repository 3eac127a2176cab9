/**
 * Items that outlive the page that stored them. Each page has its own entry in the storage of the origin, with the time of its latest
 * heartbeat, and takes over the entries of pages that are gone.
 * Where storage is blocked or full, nothing is stored; this is no error.
 */

/** After so many ms without a heartbeat a page has crashed. In a hidden page, timers may fire only once a minute. */
const PAGE_TIMEOUT = 90_000

/** What is stored for one page. */
interface StoredPage<T> {
  /** The time of the latest heartbeat, or of `leave()`. */
  readonly beat: number
  /** Whether the page has been closed. */
  readonly isLeft: boolean
  readonly items: readonly T[]
}

export class PageStorage<T> {
  readonly #storage: Storage | undefined
  /** How the keys of all pages begin, and the key of this page. */
  readonly #prefix: string
  readonly #key: string

  /**
   * @param key the same for all pages that may take over each other's items
   * @param page an id of this page
   */
  constructor(storage: Storage | undefined, key: string, page: string) {
    this.#storage = storage
    this.#prefix = `${key} `
    this.#key = `${key} ${page}`
  }

  /** Stores these items in place of the previous ones. Each call is a heartbeat as well. */
  store(items: readonly T[]): void {
    this.#write({ beat: Date.now(), isLeft: false, items })
  }

  /** The page is closed, or goes into the back/forward cache: other pages may take over its items. */
  leave(): void {
    this.#write({ beat: Date.now(), isLeft: true, items: this.items() ?? [] })
  }

  /** The items of this page; undefined when another page has taken them over. */
  items(): readonly T[] | undefined {
    return this.#read(this.#key)?.items
  }

  /**
   * Takes over the items of pages that are gone. Two pages that do so at the same moment may both get them.
   * @param age ms since a page was closed, at least
   */
  takeOver(age: number): T[] {
    const now = Date.now()
    const keys = this.#try((storage) => Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '')) ?? []
    const others = keys.filter((key) => key.startsWith(this.#prefix) && key !== this.#key)
    return others.flatMap((key) => {
      const entry = this.#read(key)
      if (entry && Math.abs(now - entry.beat) < (entry.isLeft ? age : PAGE_TIMEOUT)) return []
      this.#try((storage) => storage.removeItem(key))
      return [...(entry?.items ?? [])]
    })
  }

  #read(key: string): StoredPage<T> | undefined {
    const text = this.#try((storage) => storage.getItem(key))
    if (typeof text !== 'string') return undefined
    try {
      const entry = JSON.parse(text) as Partial<StoredPage<T>>
      if (typeof entry.beat !== 'number' || !Array.isArray(entry.items)) return undefined
      return { beat: entry.beat, isLeft: entry.isLeft === true, items: entry.items }
    } catch {
      return undefined // not written by us
    }
  }

  #write(entry: StoredPage<T>): void {
    const isWritten = entry.items.length > 0 && this.#try((storage) => (storage.setItem(this.#key, JSON.stringify(entry)), true))
    if (!isWritten) this.#try((storage) => storage.removeItem(this.#key)) // what does not fit must not leave an old entry behind
  }

  #try<R>(use: (storage: Storage) => R): R | undefined {
    try {
      return this.#storage && use(this.#storage)
    } catch {
      return undefined
    }
  }
}
