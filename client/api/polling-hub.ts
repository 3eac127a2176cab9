/**
 * One poll for many rooms: asks for all that are followed, again and again, and never gives up.
 * In Node each connection has a hub of its own; in a browser all tabs share one, in a SharedWorker.
 * Knows when to ask, and how long to wait; what is asked and told of a room is the room's. Knows no DOM, and posts nothing.
 */
import { ask, RoomError, roomsAt } from './ask.ts'
import { newCid } from './cid.ts'
import type { FollowOptions, Following, Hub, HubOptions, Listener, Session } from './hub.ts'
import { HubRoom } from './hub-room.ts'
import { delayAfter, FIRST_DELAY, isPassing, jitter, sleep, wake, type Waits } from './retry.ts'
import type { Line } from './sessions.ts'
import { roomsIn } from './validate.ts'
import { wakes } from './wakes.ts'

/** As many rooms as the server takes in one poll. */
const MOST_ROOMS = 100

const GRACE = 10_000

/**
 * An answer within so many ms came without a wait. A server on its way out answers so with nothing; one that is broken, or two that know
 * different things behind one address, may do so for ever.
 */
const HASTE = 100
const MOST_HASTY = 50

export class PollingHub implements Hub {
  readonly #line: Line
  readonly #wait: number
  readonly #grace: number
  readonly #rooms = new Map<string, HubRoom>()
  readonly #waits: Waits = new Set()
  #isRunning = false
  /** Whether a poll was answered since somebody wanted to know at once. */
  #isSure = false
  #rounds = 0
  /** How many polls in a row were answered without a wait, and with nothing to read. */
  #hasty = 0
  /** Ends the poll under way: there is something else to ask. */
  #asking = new AbortController()

  /** @param url where roomfile is, as `connect` takes it */
  constructor(url: string, { token, maxAnswer, wait = 25, retryDelay = FIRST_DELAY, grace = GRACE, cid = newCid() }: HubOptions = {}) {
    const interrupt = (): void => this.#interrupt()
    this.#line = { address: roomsAt(url), manner: { token, maxAnswer }, cid, firstDelay: retryDelay, waits: this.#waits, interrupt }
    this.#wait = Math.min(60, Math.max(1, wait))
    this.#grace = grace
  }

  follow(name: string, options: FollowOptions, listener: Listener): Following {
    const room = this.#room(name)
    const seat = room.seat(listener, options)
    this.retry()
    if (!this.#isRunning) void this.#run()
    return {
      speakAs: (nick) => room.sessions.speakAs(seat, nick),
      close: () => {
        room.leave(seat)
        if (room.isFollowed) return
        if (room.sessions.isEmpty) this.#rooms.delete(room.name)
        if (!this.#isFollowed()) this.#interrupt()
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
    this.#isSure = false
    this.#interrupt()
  }

  /** Asks anew, with what there is to ask now. */
  #interrupt(): void {
    this.#asking.abort()
    wake(this.#waits)
  }

  #room(name: string): HubRoom {
    const composed = name.normalize('NFC')
    const room = this.#rooms.get(composed) ?? new HubRoom(composed, this.#line)
    this.#rooms.set(composed, room)
    return room
  }

  #isFollowed(): boolean {
    return [...this.#rooms.values()].some((room) => room.isFollowed)
  }

  /** The loop: asks as long as anybody listens. */
  async #run(): Promise<void> {
    this.#isRunning = true
    const stopWaking = wakes(() => this.retry())
    let failures = 0
    while (this.#isFollowed()) {
      this.#asking = new AbortController()
      const { signal } = this.#asking
      try {
        await this.#poll(signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) continue
        if (isPassing(error)) await this.#pause(error, ++failures)
        else for (const room of this.#rooms.values()) room.refuse(error as Error)
      }
    }
    stopWaking()
    this.#isRunning = false
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const round = ++this.#rounds
    const questions = this.#fitRooms().map((room) => room.ask(round))
    if (questions.length === 0) return sleep(undefined, signal) // all rooms rest
    const wait = this.#isSure && questions.every(({ isSettled }) => isSettled) ? this.#wait : 0
    const asked = Date.now()
    const { address, manner, firstDelay } = this.#line
    const answer = await ask(`${address}?poll=${questions.map(({ text }) => text).join(',')}&wait=${wait}`, {
      ...manner,
      timeout: wait * 1000 + this.#grace,
      signal,
    })
    const rooms = roomsIn(answer)
    this.#isSure = true
    const read = questions.map(({ room, seats }) => room.take(seats, rooms.get(room.name)))
    const isHasty = wait > 0 && !read.includes(true) && Date.now() - asked < HASTE
    this.#hasty = isHasty ? this.#hasty + 1 : 0
    if (isHasty && (rooms.size === 0 || this.#hasty > MOST_HASTY)) await sleep(jitter(firstDelay), signal, this.#waits)
  }

  /** The rooms to ask for. Those that a poll cannot say, or has no place for, are refused here: all others are asked for with them. */
  #fitRooms(): HubRoom[] {
    const rooms = [...this.#rooms.values()].filter(({ isAsked }) => isAsked)
    const sayable = rooms.filter(isSayable)
    for (const room of rooms)
      if (!isSayable(room))
        room.refuse(new RoomError(400, 'bad_room', 'a room is named by 1 to 64 letters, digits, _ or -, and does not begin with -'))
    for (const room of sayable.slice(MOST_ROOMS)) room.refuse(new RoomError(400, 'bad_poll', `one browser can follow ${MOST_ROOMS} rooms`))
    return sayable.slice(0, MOST_ROOMS)
  }

  async #pause(error: Error, failures: number): Promise<void> {
    const delay = delayAfter(failures - 1, this.#line.firstDelay, error)
    for (const room of this.#rooms.values()) room.waiting(delay, failures, error)
    await sleep(delay, undefined, this.#waits)
    for (const room of this.#rooms.values()) room.connecting()
  }
}

/** Whether a name can stand in a poll, which separates rooms by commas and what is asked of each by colons. */
const isSayable = ({ name }: HubRoom): boolean => !/[,:]/.test(name)
