/** What happens in a room, as those who follow it are told. Types only. */
import type { Message, Timestamp } from '../../server/room/message.ts'

export type { Message, Timestamp }

/** What came. `reset`: forget everything shown, this is all there is. `gap`: some messages before these are gone. */
export interface MessagesEvent {
  type: 'messages'
  messages: Message[]
  timestamp: Timestamp
  reset: boolean
  gap: boolean
}

/**
 * How the connection is. While `waiting`, `retryAt` (ms since the epoch) is the next try, `failures` how many there were in a row, and
 * `error` the reason of the last.
 */
export type StateEvent =
  | { type: 'state'; state: 'connecting' | 'connected' }
  | { type: 'state'; state: 'waiting'; retryAt: number; failures: number; error: Error }

/** Who is here, and who is typing. Told only to those who asked for `presence`. */
export interface PresenceEvent {
  type: 'presence'
  who: string[]
  typing: string[]
}

/** Under which nick we are here; undefined when the session has ended, with the `error` when it was not by our wish. */
export interface SessionEvent {
  type: 'session'
  nick: string | undefined
  /** The session's id; whoever has it speaks under the nick. */
  id: string | undefined
  error?: Error
}

export type RoomEvent = MessagesEvent | StateEvent | PresenceEvent | SessionEvent
