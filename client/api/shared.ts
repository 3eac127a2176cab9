/**
 * A tab's side of the poll that all tabs of a browser share.
 * Knows workers, and whether this page lives and is looked at; keeps where each following stands, to go on elsewhere when what is
 * behind it goes away. Knows no requests.
 */
import { newCid } from './cid.ts'
import type { FollowOptions, Following, Hub, HubOptions, Listener, Session } from './hub.ts'
import { PollingHub } from './polling-hub.ts'
import { PortHub } from './ports.ts'
import { recall, remember } from '../remembered.ts'
import { wakes } from './wakes.ts'

/** The name of the worker's script beside ours: the build puts it here. */
declare const ROOMFILE_WORKER: string

const CID = 'roomfile.cid'

const hubs = new Map<string, Hub>()

export interface SharedHubOptions extends HubOptions {
  /** Milliseconds from one look after the worker to the next. @default 5000 */
  beat?: number
}

/**
 * The hub of a page: one poll for all tabs of this browser, in a SharedWorker; where there is none, one for each page that is looked at.
 * Called again with the same address and token it is the same hub.
 *
 * @param url where roomfile is, as `connect` takes it
 *
 * @example
 * const room = connect('.', { room: 'lobby', presence: true, hub: sharedHub('.') })
 */
export function sharedHub(url: string, { beat, ...options }: SharedHubOptions = {}): Hub {
  const base = new URL(url || '.', document.baseURI).href
  const key = JSON.stringify([base, options.token])
  const hub = hubs.get(key) ?? new TabHub(base, { cid: recall(CID) || newCid(), ...options }, beat)
  hubs.set(key, hub)
  return hub
}

/** A following of this tab, and where it stands. */
interface Seat {
  readonly room: string
  readonly options: FollowOptions
  readonly listener: Listener
  at: number
  nick: string | undefined
  /** As it is behind us; undefined while the tab sleeps. */
  following: Following | undefined
}

class TabHub implements Hub {
  readonly #url: string
  readonly #options: HubOptions
  readonly #beat: number | undefined
  readonly #seats = new Set<Seat>()
  #behind: PortHub | PollingHub
  /** Whether a worker has ever answered this page. */
  #hasWorked = false
  /** Whether the page is in the back/forward cache, or on its way out. */
  #isAway = false

  constructor(url: string, options: HubOptions, beat?: number) {
    this.#url = url
    this.#options = options
    this.#beat = beat
    this.#behind = this.#worker() ?? this.#own()
    addEventListener('pagehide', () => {
      this.#isAway = true
      this.#settle()
    })
    addEventListener('pageshow', () => {
      this.#isAway = false
      this.#settle()
    })
    addEventListener('visibilitychange', () => this.#settle())
    wakes(() => {
      if (this.#behind instanceof PortHub && this.#isAwake()) this.retry() // our own hub hears of it by itself
    })
  }

  follow(room: string, options: FollowOptions, listener: Listener): Following {
    const seat: Seat = { room, options, listener, at: options.timestamp, nick: undefined, following: undefined }
    this.#seats.add(seat)
    if (this.#isAwake()) this.#open(seat)
    return {
      speakAs: (nick) => {
        seat.nick = nick
        seat.following?.speakAs(nick)
      },
      close: () => {
        this.#seats.delete(seat)
        seat.following?.close()
      },
    }
  }

  async join(room: string, nick: string, signal?: AbortSignal): Promise<Session> {
    return this.#askBehind((hub) => hub.join(room, nick, signal))
  }

  async leave(room: string, nick: string): Promise<void> {
    return this.#askBehind((hub) => hub.leave(room, nick))
  }

  retry(): void {
    this.#behind.retry()
  }

  /** Without a worker only the page that is looked at polls: ten tabs would take all connections that a browser has for us. */
  #isAwake(): boolean {
    return !this.#isAway && (this.#behind instanceof PortHub || document.visibilityState === 'visible')
  }

  /** Follows while the tab is awake, and not while it sleeps. */
  #settle(): void {
    const isAwake = this.#isAwake()
    for (const seat of this.#seats) {
      if (isAwake && !seat.following) this.#open(seat)
      if (!isAwake) this.#close(seat)
    }
  }

  #open(seat: Seat): void {
    const listener: Listener = {
      take: (event) => {
        if (event.type === 'messages') seat.at = event.timestamp
        if (event.type === 'session') seat.nick = event.nick
        seat.listener.take(event)
      },
      end: (error) => {
        this.#seats.delete(seat)
        seat.listener.end(error)
      },
    }
    seat.following = this.#behind.follow(seat.room, { ...seat.options, timestamp: seat.at }, listener)
    if (seat.nick !== undefined) seat.following.speakAs(seat.nick)
  }

  #close(seat: Seat): void {
    seat.following?.close()
    seat.following = undefined
  }

  /** Begins all followings again, where each of them stands. */
  #reopen(): void {
    for (const seat of this.#seats) this.#close(seat)
    this.#settle()
  }

  async #askBehind<T>(question: (hub: Hub) => Promise<T>): Promise<T> {
    for (;;) {
      const asked = this.#behind
      try {
        return await question(asked)
      } catch (error) {
        if (asked === this.#behind) throw error
      }
    }
  }

  #own(): PollingHub {
    return new PollingHub(this.#url, this.#options)
  }

  /** The shared hub; undefined where a browser has no such workers, or not for pages like this one. */
  #worker(): PortHub | undefined {
    try {
      const worker = new SharedWorker(workerScript(), { name: 'roomfile' })
      const hub = new PortHub(worker.port, {
        url: this.#url,
        hub: this.#options,
        beat: this.#beat,
        known: (cid) => {
          this.#hasWorked = true
          remember(CID, cid)
        },
        forgotten: () => this.#reopen(),
        silent: () => this.#replace(hub),
      })
      worker.addEventListener('error', () => this.#replace(hub))
      return hub
    } catch {
      return undefined // no SharedWorker, or a script of another origin: each page polls for itself
    }
  }

  /** What was behind us does not answer: a worker that did so before is started again, one that never did is done without. */
  #replace(silent: PortHub): void {
    if (silent !== this.#behind) return
    for (const seat of this.#seats) this.#close(seat)
    this.#behind = (this.#hasWorked ? this.#worker() : undefined) ?? this.#own()
    this.#hasWorked = false
    silent.close()
    this.#settle()
  }
}

let policy: { createScriptURL(url: string): unknown } | undefined

/** The address of the worker, vouched for where the page's policy asks for it (Trusted Types). Throws where it does not allow us to. */
function workerScript(): string {
  const url = new URL(ROOMFILE_WORKER, import.meta.url).href
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): NonNullable<typeof policy> } }
  policy ??= trustedTypes?.createPolicy('roomfile-worker', { createScriptURL: () => url })
  return (policy?.createScriptURL(url) ?? url) as string
}
