/** The events that a connection to a room delivers. Types only. */
import type { Message, Timestamp } from '../../server/room/message.ts'

export type { Message, Timestamp }

/**
 * New messages. `reset`: they replace everything that was delivered before. `gap`: some messages before these are gone
 * (PROTOCOL.md, "What holds").
 */
export interface MessagesEvent {
  type: 'messages'
  messages: Message[]
  timestamp: Timestamp
  reset: boolean
  gap: boolean
}

/**
 * The state of the connection. While `waiting`, `retryAt` (ms since the epoch) is the time of the next retry, `failures` the number of
 * failures in a row, and `error` the latest one.
 */
export type StateEvent =
  | { type: 'state'; state: 'connecting' | 'connected' }
  | { type: 'state'; state: 'waiting'; retryAt: number; failures: number; error: Error }

/** Who is in the room, and who is typing. Only for connections with `presence`. */
export interface PresenceEvent {
  type: 'presence'
  who: string[]
  typing: string[]
}

/** Our session: its nick, or undefined when it has ended; with an `error` when we did not end it. */
export interface SessionEvent {
  type: 'session'
  nick: string | undefined
  /** The session's id. A secret: a request with it acts under the nick. */
  id: string | undefined
  error?: Error
}

export type RoomEvent = MessagesEvent | StateEvent | PresenceEvent | SessionEvent
