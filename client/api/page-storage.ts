/**
 * Where pages of one origin keep what must outlive them: each page has a shelf of its own, and takes over those of pages that are gone.
 * Knows storage, and which pages live; does not know what is kept. Where storage is blocked or full nothing is kept, and nobody need care.
 */

/** After how long a silence a page is taken for gone, in ms. A browser lets a hidden page speak once a minute. */
const SILENCE = 90_000

interface Kept<T> {
  /** When the page last said that it is there, or that it goes. */
  readonly beat: number
  readonly isLeft: boolean
  readonly items: readonly T[]
}

export class Shelf<T> {
  readonly #storage: Storage | undefined
  readonly #prefix: string
  readonly #name: string

  /**
   * @param key what all shelves of this kind are named by
   * @param page another one for each page
   */
  constructor(storage: Storage | undefined, key: string, page: string) {
    this.#storage = storage
    this.#prefix = `${key} `
    this.#name = `${key} ${page}`
  }

  /** Keeps these in place of what was kept before, and says that we are there. */
  keep(items: readonly T[]): void {
    this.#write({ beat: Date.now(), isLeft: false, items })
  }

  /** Leaves what is kept to whoever comes next. */
  leave(): void {
    this.#write({ beat: Date.now(), isLeft: true, items: this.takeBack() ?? [] })
  }

  /** Takes back what we left; undefined when somebody else has taken it. */
  takeBack(): readonly T[] | undefined {
    return this.#read(this.#name)?.items
  }

  /**
   * Takes over what pages left that are gone. What two take at once, both have.
   * @param age how long ago a page must have said that it goes, in ms
   */
  takeOver(age: number): T[] {
    const now = Date.now()
    const names = this.#try((storage) => Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '')) ?? []
    const others = names.filter((name) => name.startsWith(this.#prefix) && name !== this.#name)
    return others.flatMap((name) => {
      const kept = this.#read(name)
      if (kept && Math.abs(now - kept.beat) < (kept.isLeft ? age : SILENCE)) return []
      this.#try((storage) => storage.removeItem(name))
      return [...(kept?.items ?? [])]
    })
  }

  #read(name: string): Kept<T> | undefined {
    const text = this.#try((storage) => storage.getItem(name))
    if (typeof text !== 'string') return undefined
    try {
      const kept = JSON.parse(text) as Partial<Kept<T>>
      if (typeof kept.beat !== 'number' || !Array.isArray(kept.items)) return undefined
      return { beat: kept.beat, isLeft: kept.isLeft === true, items: kept.items }
    } catch {
      return undefined // somebody else's, under our name
    }
  }

  #write(kept: Kept<T>): void {
    const written = kept.items.length > 0 && this.#try((storage) => (storage.setItem(this.#name, JSON.stringify(kept)), true))
    // What there is no place for must not leave behind what was true before.
    if (!written) this.#try((storage) => storage.removeItem(this.#name))
  }

  #try<R>(use: (storage: Storage) => R): R | undefined {
    try {
      return this.#storage && use(this.#storage)
    } catch {
      return undefined
    }
  }
}
