/**
 * The tabs of one browser, for a protocol whose client sends no cursor. Tabs share their cookies, and their requests look the same. So they have one
 * cursor, and a message is sent to all of them at once, when all of them wait. Then every tab has received the same messages.
 * Knows polls and the cursors of cookies; does not know HTTP, and of a room only its messages.
 */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { BUDGETS } from '../budgets.ts'
import { isAfter, stampOf, type Message, type Stamp } from '../room/message.ts'
import type { Room } from '../room/room.ts'
import type { Times } from '../times.ts'
import { Waiters } from '../room/waiters.ts'

/** Milliseconds for which a cursor is kept: longer than a poll. */
export const KEPT = 60_000

/** A number after that of every message with the same timestamp. */
const LAST = 999_999_999

export type BrowserId = string

/** One poll of a tab. */
export class Tab {
  /** Woken when another tab's poll found a message for this one, too, or when another tab is no longer expected. */
  readonly waiters = new Waiters()
  browser: Browser
  told: Message | undefined
  /** The cursor before that. */
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
  /** The cursor: all tabs have received the messages up to it. Undefined until the first look at the room. */
  place: Stamp | undefined
  /** How many tabs the browser seems to have: as many as were seen waiting at once. */
  #tabs = 0
  readonly #waiting = new Set<Tab>()
  /** The cursor from which a tab may have missed messages. When one more tab comes, all get them again, because tabs look the same. */
  #missed: { readonly place: Stamp; readonly until: number } | undefined
  #timer: NodeJS.Timeout | undefined

  /**
   * @param timeoutMs how long the others wait for a tab that does not poll again, in milliseconds
   * @param place the cursor of a cookie from an earlier visit, which may have had more tabs than this one
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

  /** Another tab may have missed the messages after this cursor. */
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
      this.#timer ??= setTimeout(() => this.#stopExpecting(), this.#timeoutMs).unref()
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

  /** A poll has ended. @param isGone whether its client went away before it had its answer */
  leave(tab: Tab, isGone: boolean): void {
    this.#waiting.delete(tab)
    if (!isGone) return
    this.#tabs = Math.max(this.#waiting.size, this.#tabs - 1)
    if (tab.told) this.miss(tab.before)
    this.#wake()
  }

  /** Takes over the tabs of another id of the same browser. */
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

  #stopExpecting(): void {
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

/** The browsers that polled lately. */
export class Tabs {
  readonly #timeoutMs: number
  readonly #browsers = new LRUCache<BrowserId, Browser>({ max: BUDGETS.mochiwebBrowsers, ttl: KEPT })

  constructor({ mochiwebTab }: Pick<Times, 'mochiwebTab'>) {
    this.#timeoutMs = mochiwebTab
  }

  /** The tab of a poll with these cookies: ids of its browser, each with its cursor. */
  tabOf(places: ReadonlyMap<BrowserId, Stamp>): Tab {
    return new Tab(this.#browserOf(places))
  }

  /** Runs a poll of a tab. Meanwhile the tab is one of those that wait. @param client is destroyed when it went away before it had its answer */
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

  /** Tabs whose first polls came at the same time have an id each. When one poll sends several ids, they become one browser. */
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
