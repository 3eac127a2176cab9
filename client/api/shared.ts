/**
 * The hub of a tab. It polls through the SharedWorker that all tabs use, or by itself where there is no such worker.
 * It remembers how far each subscription has come, so that another hub can go on from there when the worker stops, or the tab becomes active again.
 * Knows workers and the life cycle of a page; knows no requests.
 */
import { newCid } from './cid.ts'
import type { FollowOptions, Hub, HubOptions, Listener, Session, Subscription } from './hub.ts'
import { PollingHub } from './polling-hub.ts'
import { PortHub } from './ports.ts'
import { recall, remember } from '../remembered.ts'
import { onWake } from './wakes.ts'

/** The file name of the worker's script, which is in the same folder as ours. Defined by the build. */
declare const ROOMFILE_WORKER: string

const CID = 'roomfile.cid'

const hubs = new Map<string, Hub>()

export interface SharedHubOptions extends HubOptions {
  /** Milliseconds between two heartbeats to the worker. @default 5000 */
  beat?: number
}

/**
 * The hub of this page, for a server: one poll for all tabs of the browser. Without a SharedWorker, each page that is visible polls by itself.
 * Another call with the same address and token returns the same hub.
 *
 * @param url where roomfile is, as for `connect`
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

/** A subscription of this tab, with what is needed to continue it at another hub. */
interface TabSubscription {
  readonly room: string
  readonly options: FollowOptions
  readonly listener: Listener
  /** The listener has all messages up to here. */
  timestamp: number
  nick: string | undefined
  /** The subscription at the current hub; undefined while the tab is inactive. */
  current: Subscription | undefined
}

class TabHub implements Hub {
  readonly #url: string
  readonly #options: HubOptions
  readonly #beat: number | undefined
  readonly #subscriptions = new Set<TabSubscription>()
  /** What does the work. */
  #hub: PortHub | PollingHub
  /** Whether the current worker has answered. */
  #hasWorkerAnswered = false
  /** Whether the page is in the back/forward cache, or is being unloaded. */
  #isUnloaded = false

  constructor(url: string, options: HubOptions, beat?: number) {
    this.#url = url
    this.#options = options
    this.#beat = beat
    this.#hub = this.#workerHub() ?? this.#pollingHub()
    addEventListener('pagehide', () => {
      this.#isUnloaded = true
      this.#update()
    })
    addEventListener('pageshow', () => {
      this.#isUnloaded = false
      this.#update()
    })
    addEventListener('visibilitychange', () => this.#update())
    onWake(() => {
      if (this.#hub instanceof PortHub && this.#isActive()) this.retry() // a PollingHub listens by itself; a worker gets no such events
    })
  }

  follow(room: string, options: FollowOptions, listener: Listener): Subscription {
    const { timestamp } = options
    const subscription: TabSubscription = { room, options, listener, timestamp, nick: undefined, current: undefined }
    this.#subscriptions.add(subscription)
    if (this.#isActive()) this.#open(subscription)
    return {
      setNick: (nick) => {
        subscription.nick = nick
        subscription.current?.setNick(nick)
      },
      close: () => {
        this.#subscriptions.delete(subscription)
        subscription.current?.close()
      },
    }
  }

  async join(room: string, nick: string, signal?: AbortSignal): Promise<Session> {
    return this.#call((hub) => hub.join(room, nick, signal))
  }

  async leave(room: string, nick: string): Promise<void> {
    return this.#call((hub) => hub.leave(room, nick))
  }

  retry(): void {
    this.#hub.retry()
  }

  /** Without a worker only the visible page polls: ten tabs would take all connections that a browser allows to one server. */
  #isActive(): boolean {
    return !this.#isUnloaded && (this.#hub instanceof PortHub || document.visibilityState === 'visible')
  }

  /** Opens all subscriptions if the tab is active, and closes them if not. */
  #update(): void {
    const isActive = this.#isActive()
    for (const subscription of this.#subscriptions) {
      if (isActive && !subscription.current) this.#open(subscription)
      if (!isActive) this.#close(subscription)
    }
  }

  #open(subscription: TabSubscription): void {
    const { room, options, listener, timestamp, nick } = subscription
    subscription.current = this.#hub.follow(
      room,
      { ...options, timestamp },
      {
        onEvent: (event) => {
          if (event.type === 'messages') subscription.timestamp = event.timestamp
          if (event.type === 'session') subscription.nick = event.nick
          listener.onEvent(event)
        },
        onEnd: (error) => {
          this.#subscriptions.delete(subscription)
          listener.onEnd(error)
        },
      },
    )
    if (nick !== undefined) subscription.current.setNick(nick)
  }

  #close(subscription: TabSubscription): void {
    subscription.current?.close()
    subscription.current = undefined
  }

  #reopenAll(): void {
    for (const subscription of this.#subscriptions) this.#close(subscription)
    this.#update()
  }

  /** Calls the hub; calls the next one if the hub was replaced before it answered. */
  async #call<T>(call: (hub: Hub) => Promise<T>): Promise<T> {
    for (;;) {
      const hub = this.#hub
      try {
        return await call(hub)
      } catch (error) {
        if (hub === this.#hub) throw error
      }
    }
  }

  #pollingHub(): PollingHub {
    return new PollingHub(this.#url, this.#options)
  }

  /** Undefined where the browser has no SharedWorker, or none for a script of another origin. */
  #workerHub(): PortHub | undefined {
    try {
      const worker = new SharedWorker(workerScript(), { name: 'roomfile' })
      const hub = new PortHub(worker.port, {
        url: this.#url,
        hub: this.#options,
        beat: this.#beat,
        onHeartbeat: (cid) => {
          this.#hasWorkerAnswered = true
          remember(CID, cid)
        },
        onExpired: () => this.#reopenAll(),
        onTimeout: () => this.#replace(hub),
      })
      worker.addEventListener('error', () => this.#replace(hub))
      return hub
    } catch {
      return undefined
    }
  }

  /** A worker that has stopped answering is started again. If a worker never answered, the tab polls by itself. */
  #replace(failed: PortHub): void {
    if (failed !== this.#hub) return
    for (const subscription of this.#subscriptions) this.#close(subscription)
    this.#hub = (this.#hasWorkerAnswered ? this.#workerHub() : undefined) ?? this.#pollingHub()
    this.#hasWorkerAnswered = false
    failed.close()
    this.#update()
  }
}

let policy: { createScriptURL(url: string): unknown } | undefined

/**
 * The address of the worker's script, as a TrustedScriptURL where the page's content security policy requires one (Trusted Types).
 * @throws where that policy does not allow a policy of ours
 */
function workerScript(): string {
  const url = new URL(ROOMFILE_WORKER, import.meta.url).href
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): NonNullable<typeof policy> } }
  policy ??= trustedTypes?.createPolicy('roomfile-worker', { createScriptURL: () => url })
  return (policy?.createScriptURL(url) ?? url) as string
}
