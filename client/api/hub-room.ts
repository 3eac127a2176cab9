/**
 * One room of a PollingHub: its listeners, what to poll for them, and which of them get what was answered.
 *
 * Listeners may have different timestamps: one that has just come needs messages that the others have. A poll asks for one timestamp, and its
 * answer is only for the listeners that have this timestamp. So everyone gets each message once.
 * Knows the part of a poll that is about its room; sends no polls.
 */
import { RoomError } from './ask.ts'
import type { StateEvent, Timestamp } from './events.ts'
import type { FollowOptions, Listener } from './hub.ts'
import { backoff, isTemporary, sleep } from './retry.ts'
import { Sessions, type HubContext } from './sessions.ts'
import type { Attendance, AttendanceChanges, RoomAnswer } from './validate.ts'

const CONNECTING: StateEvent = { type: 'state', state: 'connecting' }
const CONNECTED: StateEvent = { type: 'state', state: 'connected' }

/** A listener, and what it has been told so far. */
export interface Follower {
  readonly listener: Listener
  readonly wantsPresence: boolean
  /** It has all messages up to here. */
  timestamp: Timestamp
  /** The nick of the session that it uses. */
  nick: string | undefined
  state: StateEvent
  /** The version of who is here that it was told; 0 before. */
  attendanceVersion: number
  /** The number of the latest poll for it; 0 before the first. */
  lastPoll: number
}

/** What a poll asks for one room. */
export interface RoomPoll {
  readonly room: HubRoom
  /** Those that the answer is for: they have the timestamp that is asked for. */
  readonly followers: readonly Follower[]
  /** The room, the timestamp, the version of who is here, our sessions: `lobby:1795219764123:1795228185206:f90ed4f5-…`. */
  readonly text: string
  /** Whether the server may hold this poll: it is for everyone in the room, and everyone has been told that we are connected. */
  readonly mayWait: boolean
}

export class HubRoom {
  readonly name: string
  readonly sessions: Sessions
  readonly #context: HubContext
  readonly #followers = new Set<Follower>()
  #attendance: Attendance | undefined
  #polls = 0
  /** How often in a row the server answered with an error for this room. After each the room is paused: it is not polled. */
  #failures = 0
  #isPaused = false

  constructor(name: string, context: HubContext) {
    this.name = name
    this.#context = context
    this.sessions = new Sessions(context, `${context.address}/${encodeURIComponent(name)}`, this.#followers)
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  get isPolled(): boolean {
    return this.isFollowed && !this.#isPaused
  }

  add(listener: Listener, { timestamp, presence }: FollowOptions): Follower {
    const state = CONNECTING
    const follower: Follower = { listener, wantsPresence: presence, timestamp, nick: undefined, state, attendanceVersion: 0, lastPoll: 0 }
    this.#followers.add(follower)
    listener.onEvent(state)
    return follower
  }

  remove(follower: Follower): void {
    this.#followers.delete(follower)
    if (!this.isFollowed) this.#attendance = undefined
  }

  /** The next poll: for the follower whose latest poll is the longest ago, and for all that have the same timestamp. */
  nextPoll(): RoomPoll {
    const all = [...this.#followers]
    const { timestamp } = all.reduce((next, follower) => (follower.lastPoll < next.lastPoll ? follower : next))
    const followers = all.filter((follower) => follower.timestamp === timestamp)
    this.#polls++
    for (const follower of followers) follower.lastPoll = this.#polls
    const mayWait = followers.length === all.length && followers.every(({ state }) => state === CONNECTED)
    return { room: this, followers, text: this.#pollText(timestamp), mayWait }
  }

  #pollText(timestamp: Timestamp): string {
    const ids = this.sessions.usedIds
    const version = [...this.#followers].some(({ wantsPresence }) => wantsPresence) ? String(this.#attendance?.version ?? 0) : ''
    const more = ids.length > 0 || version !== '' ? [version, ...ids] : []
    return [encodeURIComponent(this.name), timestamp, ...more].join(':')
  }

  /**
   * Tells the followers what was answered to a poll.
   * @param polled those that the poll was for
   * @param answer undefined when there is nothing new
   * @returns whether there were messages, a reset or a gap
   */
  receive(polled: readonly Follower[], answer: RoomAnswer | RoomError | undefined): boolean {
    if (answer instanceof RoomError) return this.#fail(answer)
    this.#failures = 0
    if (answer?.presence) this.#attendance = updatedAttendance(this.#attendance, answer.presence)
    const { news, lost = [] } = answer ?? {}
    const hasNews = news !== undefined && (news.messages.length > 0 || news.reset || news.gap)
    for (const follower of polled) {
      if (!this.#followers.has(follower)) continue
      tellState(follower, CONNECTED)
      if (news) follower.timestamp = news.timestamp
      if (hasNews) follower.listener.onEvent(news)
    }
    for (const follower of this.#followers) tellAttendance(follower, this.#attendance)
    this.sessions.restart(lost)
    return hasNews
  }

  /** The server answered with an error for this room only, which must not keep the other rooms from being polled. */
  #fail(error: RoomError): false {
    if (isTemporary(error)) void this.#pause(error)
    else this.end(error)
    return false
  }

  async #pause(error: Error): Promise<void> {
    const delay = backoff(this.#failures++, this.#context.firstDelay, error)
    this.tellWaiting(delay, this.#failures, error)
    this.#isPaused = true
    await sleep(delay, undefined, this.#context.sleepers)
    this.#isPaused = false
    this.tellConnecting()
    this.#context.pollAgain()
  }

  /** @param delay ms until the next retry */
  tellWaiting(delay: number, failures: number, error: Error): void {
    const state: StateEvent = { type: 'state', state: 'waiting', retryAt: Date.now() + delay, failures, error }
    for (const follower of this.#followers) tellState(follower, state)
  }

  tellConnecting(): void {
    for (const follower of this.#followers) tellState(follower, CONNECTING)
  }

  /** Ends all subscriptions to the room. */
  end(error: Error): void {
    const ended = [...this.#followers]
    this.#followers.clear()
    for (const { listener } of ended) listener.onEnd(error)
  }
}

/**
 * Who is here after an answer, which has all people or only the changes. Changes since a version that we do not have cannot be applied: the
 * result is undefined, and the next poll asks for all people.
 */
function updatedAttendance(known: Attendance | undefined, update: Attendance | AttendanceChanges): Attendance | undefined {
  if ('who' in update) return update
  if (update.since !== known?.version) return undefined
  const { version, came, left, typing } = update
  const gone = new Set(left)
  return { version, who: [...known.who.filter((nick) => !gone.has(nick)), ...came], typing }
}

function tellState(follower: Follower, state: StateEvent): void {
  if (follower.state === state) return
  follower.state = state
  follower.listener.onEvent(state)
}

function tellAttendance(follower: Follower, attendance: Attendance | undefined): void {
  if (!attendance || !follower.wantsPresence || follower.state !== CONNECTED || follower.attendanceVersion === attendance.version) return
  follower.attendanceVersion = attendance.version
  follower.listener.onEvent({ type: 'presence', who: attendance.who, typing: attendance.typing })
}
