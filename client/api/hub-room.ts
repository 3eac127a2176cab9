/**
 * A room as one hub follows it: who listens here and where each stands, what to ask for them, and who is told what of the answer.
 * Each listener has a place of its own. A poll asks for one place, and its answer goes to those who stand there; so a newcomer catches
 * up by itself, and nobody is told anything twice.
 * Knows the part of a poll that is about its room; does not poll.
 */
import { RoomError } from './ask.ts'
import type { StateEvent, Timestamp } from './events.ts'
import type { FollowOptions, Listener } from './hub.ts'
import { delayAfter, isPassing, sleep } from './retry.ts'
import { Sessions, type Line } from './sessions.ts'
import type { Attendance, AttendanceChanges, RoomNews } from './validate.ts'

const CONNECTING: StateEvent = { type: 'state', state: 'connecting' }
const CONNECTED: StateEvent = { type: 'state', state: 'connected' }

/** A listener and where it stands. */
export interface Seat {
  readonly listener: Listener
  readonly presence: boolean
  at: Timestamp
  nick: string | undefined
  /** What it was told of the connection. */
  state: StateEvent
  /** The version of who is here that it was told. */
  version: number
  /** The round in which it was last asked for. */
  round: number
}

/** What a poll asks for one room. */
export interface Question {
  readonly room: HubRoom
  /** Those who stand at the place that is asked for. */
  readonly seats: readonly Seat[]
  /** As it stands in the poll: `lobby:1795219764123:1795228185206:f90ed4f5-…`, the room, where we stand, the version of who is here, our sessions. */
  readonly text: string
  /** Whether everyone in the room stands there, and knows that we are connected. */
  readonly isSettled: boolean
}

export class HubRoom {
  readonly name: string
  readonly sessions: Sessions
  readonly #line: Line
  readonly #seats = new Set<Seat>()
  #attendance: Attendance | undefined
  /** How often in a row the server could not tell of this room; while it rests it is not asked for. */
  #failures = 0
  #isResting = false

  constructor(name: string, line: Line) {
    this.name = name
    this.#line = line
    this.sessions = new Sessions(line, `${line.address}/${encodeURIComponent(name)}`, this.#seats)
  }

  get isFollowed(): boolean {
    return this.#seats.size > 0
  }

  get isAsked(): boolean {
    return this.isFollowed && !this.#isResting
  }

  /** Takes a listener in. */
  seat(listener: Listener, { timestamp, presence }: FollowOptions): Seat {
    const seat: Seat = { listener, presence, at: timestamp, nick: undefined, state: CONNECTING, version: 0, round: 0 }
    this.#seats.add(seat)
    listener.take(CONNECTING)
    return seat
  }

  leave(seat: Seat): void {
    this.#seats.delete(seat)
    if (!this.isFollowed) this.#attendance = undefined
  }

  /** Asks at the place of those who have not been asked for the longest. */
  ask(round: number): Question {
    const all = [...this.#seats]
    const { at } = all.reduce((next, seat) => (seat.round < next.round ? seat : next))
    const seats = all.filter((seat) => seat.at === at)
    for (const seat of seats) seat.round = round
    const isSettled = seats.length === all.length && seats.every(({ state }) => state === CONNECTED)
    return { room: this, seats, text: this.#textAt(at), isSettled }
  }

  #textAt(at: Timestamp): string {
    const ids = this.sessions.spoken
    const version = [...this.#seats].some(({ presence }) => presence) ? String(this.#attendance?.version ?? 0) : ''
    const more = ids.length > 0 || version !== '' ? [version, ...ids] : []
    return [encodeURIComponent(this.name), at, ...more].join(':')
  }

  /**
   * Tells those who were asked for what was answered.
   * @param answer undefined when there is nothing new
   * @returns whether there was anything to read
   */
  take(seats: readonly Seat[], answer: RoomNews | RoomError | undefined): boolean {
    if (answer instanceof RoomError) return this.#fail(answer)
    this.#failures = 0
    if (answer?.presence) this.#attendance = attendanceAfter(this.#attendance, answer.presence)
    const { news, lost = [] } = answer ?? {}
    const isWorthTelling = news !== undefined && (news.messages.length > 0 || news.reset || news.gap)
    for (const seat of seats) {
      if (!this.#seats.has(seat)) continue
      tell(seat, CONNECTED)
      if (news) seat.at = news.timestamp
      if (isWorthTelling) seat.listener.take(news)
    }
    for (const seat of this.#seats) tellPresence(seat, this.#attendance)
    this.sessions.lose(lost)
    return isWorthTelling
  }

  /** The server cannot tell of this room: it rests, or is given up where the server means it. The others go on. */
  #fail(error: RoomError): false {
    if (isPassing(error)) void this.#rest(error)
    else this.refuse(error)
    return false
  }

  async #rest(error: Error): Promise<void> {
    const delay = delayAfter(this.#failures++, this.#line.firstDelay, error)
    this.waiting(delay, this.#failures, error)
    this.#isResting = true
    await sleep(delay, undefined, this.#line.waits)
    this.#isResting = false
    this.connecting()
    this.#line.interrupt()
  }

  /** Tells everyone that there is a try again in `delay` ms. */
  waiting(delay: number, failures: number, error: Error): void {
    const state: StateEvent = { type: 'state', state: 'waiting', retryAt: Date.now() + delay, failures, error }
    for (const seat of this.#seats) tell(seat, state)
  }

  connecting(): void {
    for (const seat of this.#seats) tell(seat, CONNECTING)
  }

  /** Ends it for everyone. */
  refuse(error: Error): void {
    const ended = [...this.#seats]
    this.#seats.clear()
    for (const { listener } of ended) listener.end(error)
  }
}

/**
 * Who is here after an answer told of it: all of them, or what has changed. Changes of another version than the one that is known say
 * nothing: then it is unknown, and asked for anew.
 */
function attendanceAfter(known: Attendance | undefined, told: Attendance | AttendanceChanges): Attendance | undefined {
  if ('who' in told) return told
  if (told.since !== known?.version) return undefined
  const { version, came, left, typing } = told
  const gone = new Set(left)
  return { version, who: [...known.who.filter((nick) => !gone.has(nick)), ...came], typing }
}

function tell(seat: Seat, state: StateEvent): void {
  if (seat.state === state) return
  seat.state = state
  seat.listener.take(state)
}

function tellPresence(seat: Seat, attendance: Attendance | undefined): void {
  if (!attendance || !seat.presence || seat.state !== CONNECTED || seat.version === attendance.version) return
  seat.version = attendance.version
  seat.listener.take({ type: 'presence', who: attendance.who, typing: attendance.typing })
}
