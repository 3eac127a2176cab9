/**
 * Follows many rooms with one poll at a time, and retries for as long as a room is followed.
 * In Node each connection has a hub of its own. In a browser all tabs share one, in a SharedWorker.
 * Knows when to poll and how long to wait. What is asked for a room, and who gets the answer, is decided in hub-room.ts.
 */
import { ask, RoomError, roomsAt } from './ask.ts'
import { newCid } from './cid.ts'
import type { FollowOptions, Hub, HubOptions, Listener, Session, Subscription } from './hub.ts'
import { HubRoom } from './hub-room.ts'
import { backoff, FIRST_DELAY, isTemporary, jitter, sleep, wake, type Sleepers } from './retry.ts'
import type { HubContext } from './sessions.ts'
import { roomsOf } from './validate.ts'
import { onWake } from './wakes.ts'

/** How many rooms the server accepts in one poll. */
const MAX_ROOMS = 100

/** How long a poll may take beyond its wait, in ms. */
const GRACE = 10_000

/**
 * A poll that may wait, but is answered within so many ms and without news. An empty answer of this kind comes from a server that is stopping.
 * Many such answers in a row come from a broken server, or from several behind one address that do not share their data.
 * In both cases there is a pause before the next poll.
 */
const FAST_ANSWER = 100
const MAX_FAST_ANSWERS = 50

export class PollingHub implements Hub {
  readonly #context: HubContext
  readonly #wait: number
  readonly #grace: number
  readonly #rooms = new Map<string, HubRoom>()
  readonly #sleepers: Sleepers = new Set()
  #isRunning = false
  /** Whether a poll was answered since the last `retry()`. Until then polls do not wait, so that we soon know whether we are connected. */
  #isConfirmed = false
  /** How many polls in a row were answered fast and without news. */
  #fastAnswers = 0
  /** Aborts the poll that is under way. */
  #poll = new AbortController()

  /** @param url where roomfile is, as for `connect` */
  constructor(url: string, { token, maxAnswer, wait = 25, retryDelay = FIRST_DELAY, grace = GRACE, cid = newCid() }: HubOptions = {}) {
    this.#context = {
      address: roomsAt(url),
      server: { token, maxAnswer },
      cid,
      firstDelay: retryDelay,
      sleepers: this.#sleepers,
      pollAgain: () => this.#pollAgain(),
    }
    this.#wait = Math.min(60, Math.max(1, wait))
    this.#grace = grace
  }

  follow(name: string, options: FollowOptions, listener: Listener): Subscription {
    const room = this.#room(name)
    const follower = room.add(listener, options)
    this.retry()
    if (!this.#isRunning) void this.#run()
    return {
      setNick: (nick) => room.sessions.setNick(follower, nick),
      close: () => {
        room.remove(follower)
        if (room.isFollowed) return
        if (room.sessions.isEmpty) this.#rooms.delete(room.name)
        if (!this.#isFollowing()) this.#pollAgain()
      },
    }
  }

  join(name: string, nick: string, signal?: AbortSignal): Promise<Session> {
    return this.#room(name).sessions.join(nick, signal)
  }

  leave(name: string, nick: string): Promise<void> {
    return this.#room(name).sessions.leave(nick)
  }

  retry(): void {
    this.#isConfirmed = false
    this.#pollAgain()
  }

  #pollAgain(): void {
    this.#poll.abort()
    wake(this.#sleepers)
  }

  #room(name: string): HubRoom {
    const composed = name.normalize('NFC')
    const room = this.#rooms.get(composed) ?? new HubRoom(composed, this.#context)
    this.#rooms.set(composed, room)
    return room
  }

  #isFollowing(): boolean {
    return [...this.#rooms.values()].some((room) => room.isFollowed)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const stopListening = onWake(() => this.retry())
    let failures = 0
    while (this.#isFollowing()) {
      this.#poll = new AbortController()
      const { signal } = this.#poll
      try {
        await this.#pollOnce(signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) continue
        if (isTemporary(error)) await this.#pause(error, ++failures)
        else for (const room of this.#rooms.values()) room.end(error as Error)
      }
    }
    stopListening()
    this.#isRunning = false
  }

  async #pollOnce(signal: AbortSignal): Promise<void> {
    const polls = this.#roomsToPoll().map((room) => room.nextPoll())
    if (polls.length === 0) return sleep(undefined, signal) // all rooms are paused
    const wait = this.#isConfirmed && polls.every(({ mayWait }) => mayWait) ? this.#wait : 0
    const started = Date.now()
    const { address, server, firstDelay } = this.#context
    const answer = await ask(`${address}?poll=${polls.map(({ text }) => text).join(',')}&wait=${wait}`, {
      ...server,
      timeout: wait * 1000 + this.#grace,
      signal,
    })
    const rooms = roomsOf(answer)
    this.#isConfirmed = true
    const hasNews = polls.map(({ room, followers }) => room.receive(followers, rooms.get(room.name))).includes(true)
    const isFast = wait > 0 && !hasNews && Date.now() - started < FAST_ANSWER
    this.#fastAnswers = isFast ? this.#fastAnswers + 1 : 0
    if (isFast && (rooms.size === 0 || this.#fastAnswers > MAX_FAST_ANSWERS)) await sleep(jitter(firstDelay), signal, this.#sleepers)
  }

  /** Ends the rooms that cannot be in a poll: the server would refuse the whole poll, with all other rooms. */
  #roomsToPoll(): HubRoom[] {
    const rooms = [...this.#rooms.values()].filter(({ isPolled }) => isPolled)
    const valid = rooms.filter(canBePolled)
    const reason = 'a room is named by 1 to 64 letters, digits, _ or -, and does not begin with -'
    for (const room of rooms) if (!canBePolled(room)) room.end(new RoomError(400, 'bad_room', reason))
    for (const room of valid.slice(MAX_ROOMS)) room.end(new RoomError(400, 'bad_poll', `one browser can follow ${MAX_ROOMS} rooms`))
    return valid.slice(0, MAX_ROOMS)
  }

  async #pause(error: Error, failures: number): Promise<void> {
    const delay = backoff(failures - 1, this.#context.firstDelay, error)
    for (const room of this.#rooms.values()) room.tellWaiting(delay, failures, error)
    await sleep(delay, undefined, this.#sleepers)
    for (const room of this.#rooms.values()) room.tellConnecting()
  }
}

/** In a poll, commas separate the rooms and colons the parts of one room. */
const canBePolled = ({ name }: HubRoom): boolean => !/[,:]/.test(name)
