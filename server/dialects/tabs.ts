/**
 * The tabs of one browser, for a protocol whose client keeps no place: they share their cookies, and their requests look alike. So they have one
 * place, and a message is told to all of them at once, when all of them wait: whichever tab asks then, it has heard what the others have.
 * Knows polls and cookies' places; knows no HTTP, and no room but its messages.
 */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { BUDGETS } from '../budgets.ts'
import { isAfter, stampOf, type Message, type Stamp } from '../room/message.ts'
import type { Room } from '../room/room.ts'
import type { Times } from '../times.ts'
import { Waiters } from '../room/waiters.ts'

/** Milliseconds for which a place is kept: longer than a poll, shorter than a visit that is over. */
export const KEPT = 60_000

/** Behind every message of its timestamp. */
const LAST = 999_999_999

export type BrowserId = string

/** One poll of a tab. */
export class Tab {
  /** Woken when another tab's poll has been told for this one, or is no longer waited for. */
  readonly waiters = new Waiters()
  browser: Browser
  told: Message | undefined
  /** Where it stood before it was told. */
  before: Stamp | undefined

  constructor(browser: Browser) {
    this.browser = browser
  }

  /** The next message for all tabs of its browser; undefined when there is none, or not all of them wait yet. */
  tell(room: Room): Message | undefined {
    return this.told ?? this.browser.tell(room)
  }
}

export class Browser {
  readonly id: BrowserId
  readonly #timeoutMs: number
  /** What all tabs have heard; undefined until the room was looked at. */
  place: Stamp | undefined
  /** How many tabs there are, as far as can be seen: as many as ever waited at once. */
  #tabs = 0
  readonly #waiting = new Set<Tab>()
  /** From where a tab that comes back may have missed something: it cannot be told from the others, so all are told again. */
  #missed: { readonly place: Stamp; readonly until: number } | undefined
  #timer: NodeJS.Timeout | undefined

  /**
   * @param timeoutMs milliseconds for which a tab is waited for that has been told and does not ask again
   * @param place what a cookie of another time says, when there may have been more tabs than the one that comes now
   */
  constructor(id: BrowserId, timeoutMs: number, place?: Stamp) {
    this.id = id
    this.#timeoutMs = timeoutMs
    this.place = place
    if (!place) return
    this.#tabs = 1
    this.miss(place)
  }

  arrive(tab: Tab): void {
    this.#waiting.add(tab)
    if (this.#waiting.size <= this.#tabs) return
    this.#tabs = this.#waiting.size
    if (this.#missed && performance.now() < this.#missed.until) this.place = earlier(this.place, this.#missed.place)
    this.#missed = undefined
  }

  /** Says that another tab may not have heard what is behind this place. */
  miss(place: Stamp | undefined): void {
    if (!place) return
    const before = this.#missed && performance.now() < this.#missed.until ? this.#missed.place : undefined
    this.#missed = { place: earlier(before, place), until: performance.now() + KEPT }
  }

  tell(room: Room): Message | undefined {
    this.place = earlier(this.place, { timestamp: room.timestamp, n: LAST })
    const { place } = this
    const next = room.messages.find((message) => isAfter(stampOf(message), place))
    if (!next) return undefined
    if (this.#waiting.size < this.#tabs) {
      this.#timer ??= setTimeout(() => this.#waitNoLonger(), this.#timeoutMs).unref()
      return undefined
    }
    this.#stopTimer()
    this.place = stampOf(next)
    for (const tab of this.#waiting) {
      tab.told = next
      tab.before = place
    }
    this.#wake()
    this.#waiting.clear()
    return next
  }

  /** A poll is over. @param isGone whether its client went away before it had its answer */
  leave(tab: Tab, isGone: boolean): void {
    this.#waiting.delete(tab)
    if (!isGone) return
    this.#tabs = Math.max(this.#waiting.size, this.#tabs - 1)
    if (tab.told) this.miss(tab.before)
    this.#wake()
  }

  /** Takes over the tabs of what turns out to be the same browser. */
  absorb(other: Browser): void {
    this.#tabs += other.#tabs
    for (const tab of other.#waiting) {
      tab.browser = this
      this.#waiting.add(tab)
    }
    other.#waiting.clear()
    other.#stopTimer()
    if (other.place) this.place = earlier(this.place, other.place)
    if (other.#missed) this.miss(other.#missed.place)
  }

  #waitNoLonger(): void {
    this.#timer = undefined
    this.miss(this.place)
    this.#tabs = this.#waiting.size
    this.#wake()
  }

  #wake(): void {
    for (const tab of this.#waiting) tab.waiters.wake()
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** All browsers that were told something lately. */
export class Tabs {
  readonly #timeoutMs: number
  readonly #browsers = new LRUCache<BrowserId, Browser>({ max: BUDGETS.mochiwebBrowsers, ttl: KEPT })

  constructor({ mochiwebTab }: Pick<Times, 'mochiwebTab'>) {
    this.#timeoutMs = mochiwebTab
  }

  /** A tab for a poll that comes with these cookies: ids of its browser, and the place that each was told last. */
  tabOf(places: ReadonlyMap<BrowserId, Stamp>): Tab {
    return new Tab(this.#browserOf(places))
  }

  /** Runs a poll of a tab, which counts among those of its browser meanwhile. @param client whether it has gone away before it had its answer */
  async attend<T>(tab: Tab, client: { readonly destroyed: boolean }, poll: () => Promise<T>): Promise<T> {
    this.#remember(tab.browser)
    tab.browser.arrive(tab)
    try {
      return await poll()
    } finally {
      tab.browser.leave(tab, client.destroyed)
      if (!client.destroyed) this.#remember(tab.browser)
    }
  }

  #remember(browser: Browser): void {
    this.#browsers.set(browser.id, browser)
  }

  /** Tabs that came before any had a cookie have one each, until they show them to us together: then they are one browser's. */
  #browserOf(places: ReadonlyMap<BrowserId, Stamp>): Browser {
    const ids = [...places.keys()]
    const known = ids.filter((id) => this.#browsers.has(id))
    const [first, ...others] = new Set(known.flatMap((id) => this.#browsers.get(id) ?? []))
    if (first) {
      for (const other of others) first.absorb(other)
      for (const id of known) this.#browsers.set(id, first)
      return first
    }
    const [id] = ids
    const place = [...places.values()].reduce<Stamp | undefined>(earlier, undefined)
    return new Browser(id ?? randomBytes(8).toString('hex'), this.#timeoutMs, place)
  }
}

function earlier(a: Stamp | undefined, b: Stamp): Stamp {
  return a === undefined || isAfter(a, b) ? b : a
}
