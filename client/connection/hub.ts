/**
 * One poll for many rooms: follows them for whoever listens, holds the sessions of those who are in them, and never gives up.
 * In Node each connection has a hub of its own; in a browser all tabs share one, in a SharedWorker.
 * Knows the protocol and who listens to what; knows no DOM, shows nothing, and posts nothing.
 *
 * Each listener has a place of its own in its room. A poll asks for each room at one place, and its answer goes to those who stand
 * there; so a newcomer catches up by itself, and nobody is told anything twice.
 */
import { ask, isRecord, notOurs, refusal, RoomError } from './ask.ts'
import type { Message, MessagesEvent, RoomEvent, StateEvent, Timestamp } from './events.ts'
import { delayAfter, FIRST_DELAY, isPassing, jitter, persist, sleep, wake, type Waits } from './patience.ts'
import { wakes } from './wakes.ts'

export interface HubOptions {
  /** The server's `--token`, where it has one. A page that was signed in needs none. */
  token?: string | undefined
  /** Seconds that the server may hold a poll, 1 to 60. Lower it below the patience of a proxy in between. @default 25 */
  wait?: number | undefined
  /** Milliseconds before the first new try; doubled with each failure in a row, up to 30 s. @default 1000 */
  retryDelay?: number | undefined
  /** Milliseconds that a poll may outlive its wait before the connection is taken for dead. @default 10000 */
  grace?: number | undefined
  /** Who we are: a session that was begun under the same `cid` and nick goes on, across a reload or a lost answer. @default a random one */
  cid?: string | undefined
}

export interface FollowOptions {
  /** Where the listener stands; 0 for one who has nothing. */
  timestamp: Timestamp
  /** Whether it wants to be told who is here. */
  presence: boolean
}

export interface Listener {
  take(event: RoomEvent): void
  /** The room cannot be followed: nothing more will come. */
  end(error: Error): void
}

/** Somebody's following of a room. */
export interface Following {
  /** Whose session it holds, one that was joined before; undefined when nobody's. */
  speakAs(nick: string | undefined): void
  close(): void
}

export interface Session {
  readonly nick: string
  /** Whoever has it speaks under the nick. */
  readonly id: string
}

/** What connections are made of: a way to follow rooms, and to be in them. */
export interface Hub {
  /** Follows a room until it is closed, or ends with an error. */
  follow(room: string, options: FollowOptions, listener: Listener): Following
  /** Begins a session, or goes on with ours. Tries until it is done or refused. @throws RoomError `nick_taken`, `bad_nick`, … */
  join(room: string, nick: string, signal?: AbortSignal): Promise<Session>
  /** Ends a session, for all who speak under it here. */
  leave(room: string, nick: string): Promise<void>
  /** Asks again at once. */
  retry(): void
}

/** As many rooms as the server takes in one poll. */
const MOST_ROOMS = 100

const GRACE = 10_000

/**
 * An answer within so many ms came without a wait. A server on its way out answers so with nothing; one that is broken, or two that know
 * different things behind one address, may do so for ever.
 */
const HASTE = 100
const MOST_HASTY = 50

const CONNECTING: StateEvent = { type: 'state', state: 'connecting' }
const CONNECTED: StateEvent = { type: 'state', state: 'connected' }

/** A listener and where it stands. */
interface Seat {
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

interface Attendance {
  readonly version: number
  readonly who: string[]
  readonly typing: string[]
}

interface HubRoom {
  readonly name: string
  readonly seats: Set<Seat>
  /** The ids of our sessions, by nick. */
  readonly sessions: Map<string, string>
  /** Nicks whose session is being begun anew. */
  readonly beginning: Set<string>
  attendance: Attendance | undefined
  /** How often in a row the server could not tell of this room; while it rests it is not asked for. */
  failures: number
  isResting: boolean
}

/** What a poll asks for one room. */
interface Question {
  readonly room: HubRoom
  /** Those who stand at the place that is asked for. */
  readonly seats: readonly Seat[]
  readonly text: string
}

export class PollingHub implements Hub {
  readonly #address: string
  readonly #options: HubOptions
  readonly #wait: number
  readonly #firstDelay: number
  readonly #cid: string
  readonly #rooms = new Map<string, HubRoom>()
  readonly #waits: Waits = new Set()
  #isRunning = false
  /** Whether a poll was answered since somebody wanted to know at once. */
  #isSure = false
  #rounds = 0
  /** How many polls in a row were answered without a wait, and without messages. */
  #hasty = 0
  /** How many times there were messages. */
  #delivered = 0
  /** Ends the poll under way: there is something else to ask. */
  #asking = new AbortController()

  /** @param url where roomfile is, as `connect` takes it */
  constructor(url: string, options: HubOptions = {}) {
    this.#address = roomsAt(url)
    this.#options = options
    this.#wait = Math.min(60, Math.max(1, options.wait ?? 25))
    this.#firstDelay = options.retryDelay ?? FIRST_DELAY
    this.#cid = options.cid ?? newCid()
  }

  follow(name: string, { timestamp, presence }: FollowOptions, listener: Listener): Following {
    const room = this.#room(name)
    const seat: Seat = { listener, presence, at: timestamp, nick: undefined, state: CONNECTING, version: 0, round: 0 }
    room.seats.add(seat)
    listener.take(CONNECTING)
    this.retry()
    if (!this.#isRunning) void this.#run()
    return {
      speakAs: (nick) => this.#speakAs(room, seat, nick),
      close: () => {
        room.seats.delete(seat)
        if (room.seats.size > 0) return
        room.attendance = undefined
        if (room.sessions.size === 0) this.#rooms.delete(room.name)
        if (!this.#isFollowed()) this.#interrupt()
      },
    }
  }

  async join(name: string, nick: string, signal?: AbortSignal): Promise<Session> {
    const room = this.#room(name)
    return persist(() => this.#begin(room, nick, signal), { firstDelay: this.#firstDelay, waits: this.#waits, signal })
  }

  async leave(name: string, nick: string): Promise<void> {
    const room = this.#room(name)
    const id = room.sessions.get(nick)
    room.sessions.delete(nick)
    this.#endSession(room, nick)
    if (id === undefined) return
    try {
      await ask(`${this.#at(room)}/sessions/${id}`, { method: 'DELETE', token: this.#options.token })
    } catch (error) {
      if (!(error instanceof RoomError && error.code === 'no_session')) throw error // it has ended already: what was wanted
    }
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
    let room = this.#rooms.get(composed)
    if (!room) {
      room = {
        name: composed,
        seats: new Set(),
        sessions: new Map(),
        beginning: new Set(),
        attendance: undefined,
        failures: 0,
        isResting: false,
      }
      this.#rooms.set(composed, room)
    }
    return room
  }

  #at(room: HubRoom): string {
    return `${this.#address}/${encodeURIComponent(room.name)}`
  }

  #isFollowed(): boolean {
    return [...this.#rooms.values()].some(({ seats }) => seats.size > 0)
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
        else this.#refuse([...this.#rooms.values()], error as Error)
      }
    }
    stopWaking()
    this.#isRunning = false
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const questions = this.#questions()
    if (questions.length === 0) return sleep(undefined, signal) // all rooms rest
    const isSettled = questions.every(
      ({ room, seats }) => seats.length === room.seats.size && seats.every(({ state }) => state === CONNECTED),
    )
    const wait = this.#isSure && isSettled ? this.#wait : 0
    const asked = Date.now()
    const answer = await ask(`${this.#address}?poll=${questions.map(({ text }) => text).join(',')}&wait=${wait}`, {
      token: this.#options.token,
      timeout: wait * 1000 + (this.#options.grace ?? GRACE),
      signal,
    })
    if (!isRecord(answer['rooms'])) throw notOurs()
    this.#isSure = true
    const before = this.#delivered
    for (const question of questions) this.#deliver(question, answer['rooms'])
    const isEmpty = Object.keys(answer['rooms']).length === 0
    const isHasty = wait > 0 && this.#delivered === before && Date.now() - asked < HASTE
    this.#hasty = isHasty ? this.#hasty + 1 : 0
    if (isHasty && (isEmpty || this.#hasty > MOST_HASTY)) await sleep(jitter(this.#firstDelay), signal, this.#waits)
  }

  /** What to ask: each room at the place of those who have not been asked for the longest. */
  #questions(): Question[] {
    const round = ++this.#rounds
    this.#refuseUnfit([...this.#rooms.values()].filter(isAsked))
    return [...this.#rooms.values()].filter(isAsked).map((room) => {
      const all = [...room.seats]
      const { at } = all.reduce((next, seat) => (seat.round < next.round ? seat : next))
      const seats = all.filter((seat) => seat.at === at)
      for (const seat of seats) seat.round = round
      return { room, seats, text: questionText(room, at) }
    })
  }

  #deliver({ room, seats }: Question, answers: Record<string, unknown>): void {
    const answer = Object.hasOwn(answers, room.name) ? answers[room.name] : undefined
    if (isRecord(answer) && isRecord(answer['error'])) return this.#fail(room, answer)
    room.failures = 0
    const news = answer === undefined ? undefined : newsIn(answer)
    if (isRecord(answer) && isAttendance(answer['presence'])) room.attendance = answer['presence']
    for (const seat of seats) {
      if (!room.seats.has(seat)) continue
      tell(seat, CONNECTED)
      if (!news) continue
      seat.at = news.timestamp
      if (news.messages.length === 0 && !news.reset && !news.gap) continue
      this.#delivered += 1
      seat.listener.take(news)
    }
    for (const seat of room.seats) tellPresence(seat, room.attendance)
    if (isRecord(answer) && Array.isArray(answer['lost'])) this.#lose(room, answer['lost'])
  }

  /** The server cannot tell of one room: that room rests, or is given up where the server means it. The others go on. */
  #fail(room: HubRoom, answer: Record<string, unknown>): void {
    const { status } = answer['error'] as { status?: unknown }
    const error = refusal(answer, typeof status === 'number' ? status : 0)
    if (!isPassing(error)) return this.#refuse([room], error)
    const delay = delayAfter(room.failures++, this.#firstDelay, error)
    for (const seat of room.seats) tell(seat, waiting(delay, room.failures, error))
    void this.#rest(room, delay)
  }

  async #rest(room: HubRoom, delay: number): Promise<void> {
    room.isResting = true
    await sleep(delay, undefined, this.#waits)
    room.isResting = false
    for (const seat of room.seats) tell(seat, CONNECTING)
    this.#interrupt()
  }

  async #pause(error: Error, failures: number): Promise<void> {
    const delay = delayAfter(failures - 1, this.#firstDelay, error)
    const seats = [...this.#rooms.values()].flatMap((room) => [...room.seats])
    for (const seat of seats) tell(seat, waiting(delay, failures, error))
    await sleep(delay, undefined, this.#waits)
    for (const seat of seats) tell(seat, CONNECTING)
  }

  #refuse(rooms: readonly HubRoom[], error: Error): void {
    for (const { seats } of rooms) {
      const ended = [...seats]
      seats.clear()
      for (const { listener } of ended) listener.end(error)
    }
  }

  /** Names that the poll could not say, and rooms that it has no place for, are refused here, for all others are asked for with them. */
  #refuseUnfit(rooms: readonly HubRoom[]): void {
    const unsayable = rooms.filter(({ name }) => /[,:]/.test(name))
    this.#refuse(unsayable, new RoomError(400, 'bad_room', 'a room is named by 1 to 64 letters, digits, _ or -'))
    const left = rooms.filter((room) => !unsayable.includes(room))
    this.#refuse(left.slice(MOST_ROOMS), new RoomError(400, 'bad_poll', `one browser can follow ${MOST_ROOMS} rooms`))
  }

  #speakAs(room: HubRoom, seat: Seat, nick: string | undefined): void {
    if (seat.nick === nick) return
    seat.nick = nick
    if (nick === undefined || !room.seats.has(seat)) return
    const id = room.sessions.get(nick)
    if (id === undefined) return this.#beginAnew(room, nick)
    seat.listener.take({ type: 'session', nick, id })
    this.#interrupt()
  }

  async #begin(room: HubRoom, nick: string, signal?: AbortSignal): Promise<Session> {
    const body = { nick, cid: this.#cid }
    const answer = await ask(`${this.#at(room)}/sessions`, { body, token: this.#options.token, signal })
    if (typeof answer['id'] !== 'string') throw notOurs()
    const session = { nick, id: answer['id'] }
    const isNew = room.sessions.get(nick) !== session.id
    room.sessions.set(nick, session.id)
    const speakers = [...room.seats].filter((seat) => seat.nick === nick)
    if (isNew) for (const { listener } of speakers) listener.take({ type: 'session', ...session })
    if (isNew && speakers.length > 0) this.#interrupt()
    return session
  }

  /** The server knows these sessions no more: it was started again, or we were away for longer than a lease. */
  #lose(room: HubRoom, ids: readonly unknown[]): void {
    for (const [nick, id] of room.sessions) {
      if (!ids.includes(id)) continue
      room.sessions.delete(nick)
      this.#beginAnew(room, nick)
    }
  }

  /** Begins a session again for those who speak under it, for as long as there are any. Apart from the polls: reading goes on meanwhile. */
  #beginAnew(room: HubRoom, nick: string): void {
    const isSpoken = (): boolean => [...room.seats].some((seat) => seat.nick === nick)
    if (!isSpoken() || room.beginning.has(nick)) return
    room.beginning.add(nick)
    const ends = new AbortController()
    const begin = (): Promise<Session> => {
      if (!isSpoken()) ends.abort()
      return this.#begin(room, nick, ends.signal)
    }
    persist(begin, { firstDelay: this.#firstDelay, waits: this.#waits, signal: ends.signal })
      .catch((error: Error) => this.#endSession(room, nick, error))
      .finally(() => room.beginning.delete(nick))
  }

  #endSession(room: HubRoom, nick: string, error?: Error): void {
    for (const seat of room.seats) {
      if (seat.nick !== nick) continue
      seat.nick = undefined
      seat.listener.take({ type: 'session', nick: undefined, id: undefined, ...(error ? { error } : {}) })
    }
  }
}

const isAsked = ({ seats, isResting }: HubRoom): boolean => seats.size > 0 && !isResting

/** The address of the rooms below a server's address. Throws a TypeError when that is none. */
export function roomsAt(url: string): string {
  const address = `${(url || '.').replace(/\/+$/, '')}/rooms`
  void new Request(address) // an address that is none throws here, and not with every poll as if the network were down
  return address
}

/** `lobby:1795219764123:1795228185206:f90ed4f5-…`: the room, where we stand, the version of who is here, our sessions. */
function questionText({ name, seats, sessions, attendance }: HubRoom, at: Timestamp): string {
  const nicks = new Set([...seats].map(({ nick }) => nick))
  const ids = [...sessions].filter(([nick]) => nicks.has(nick)).map(([, id]) => id)
  const version = [...seats].some(({ presence }) => presence) ? String(attendance?.version ?? 0) : ''
  const more = ids.length > 0 || version !== '' ? [version, ...ids] : []
  return [encodeURIComponent(name), at, ...more].join(':')
}

function newsIn(answer: unknown): MessagesEvent {
  if (!isRecord(answer) || typeof answer['timestamp'] !== 'number' || !Array.isArray(answer['messages'])) throw notOurs()
  return {
    type: 'messages',
    messages: answer['messages'] as Message[],
    timestamp: answer['timestamp'],
    reset: answer['reset'] === true,
    gap: answer['gap'] === true,
  }
}

function isAttendance(value: unknown): value is Attendance {
  return isRecord(value) && typeof value['version'] === 'number' && Array.isArray(value['who']) && Array.isArray(value['typing'])
}

function waiting(delay: number, failures: number, error: Error): StateEvent {
  return { type: 'state', state: 'waiting', retryAt: Date.now() + delay, failures, error }
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

/** A random identity, for a post or for whoever posts. */
export function newCid(): string {
  // crypto.randomUUID() is missing where a page comes over plain http from the local network; getRandomValues() is not.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
