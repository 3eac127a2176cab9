/**
 * The store contract: what keeps rooms. A store knows nothing of HTTP, of polls or of who waits.
 * test/stores/contract.test.ts holds every store to what is said here.
 */
import type { Backlog } from '../room/backlog.ts'
import type { RoomfileError } from '../errors.ts'
import type { Draft, Message, Timestamp } from '../room/message.ts'
import type { RoomName } from '../room/room-name.ts'

export interface Store {
  /**
   * What a room holds at this moment, whoever wrote it last. The same object as long as nothing changed.
   * A room that does not exist is empty. @throws RoomfileError `not_readable`
   */
  read(room: RoomName): Promise<Backlog>

  /**
   * Adds messages behind all that the room holds, in one commit that nothing else comes between. Calls that come while a commit is being
   * written share the next one. Resolves when a power cut can not take the messages back: to the backlog after that commit and the message
   * that each draft became. Posting to a room creates it.
   * @throws RoomfileError `not_kept`, `disk_full`, `room_busy`, `too_many_rooms`: then the room is as it was before
   */
  append(room: RoomName, drafts: readonly Draft[]): Promise<Appended>

  /**
   * The rooms there are, in the order of their names: up to `limit` of those behind `after`, which need not be one. It may be the object that
   * was returned before, where nothing changed. A bad room costs only its own place in it.
   */
  list(range?: ListRange): Promise<readonly (RoomSummary | BrokenRoom)[]>

  /** Whether there is a room of this name, as far as is known. */
  has(room: RoomName): Promise<boolean>

  /** The room as the file that it is, or undefined when there is no such room. @throws RoomfileError `not_readable`, also for one that is too large */
  file(room: RoomName): Promise<RoomContent | undefined>

  /** Says who is told of changes by other hands than this store's `append`. */
  watch(watcher: StoreWatcher): void

  /** A random key that lives as long as the rooms do: what was signed with it before a restart is known after it. @throws RoomfileError `not_kept` */
  secret(): Promise<Buffer>

  /** Whether a room holds what it did at this timestamp, and nothing waits to be taken in. It costs no more than a look at the file's name. */
  isAt(room: RoomName, timestamp: Timestamp): Promise<boolean>

  /** Lets go of a room's messages, where they can be read again. What comes to the room meanwhile is taken in by the next `read`. */
  letGo(room: RoomName): void

  /** Frees what is held for a room that nobody uses at the moment. */
  release(room: RoomName): Promise<void>

  /** Whether rooms can be read and kept, as far as that is known without trying. @throws RoomfileError `no_directory` when not */
  check(): Promise<void>

  close(): Promise<void>
}

export interface StoreWatcher {
  /** A room was looked at, because something happened to it: this is what it holds. It may be what it held before. */
  readonly holds: (room: RoomName, backlog: Backlog) => void
  /** Any room may have changed. A hint: the truth is what `read` says. */
  readonly anyChanged: () => void
}

export interface ListRange {
  /** @default '' (from the first on) */
  readonly after?: string
  /** @default Infinity */
  readonly limit?: number
}

export interface Appended {
  readonly backlog: Backlog
  readonly posted: readonly Message[]
}

export interface RoomSummary {
  readonly name: RoomName
  readonly timestamp: Timestamp
  /** How many messages it keeps. */
  readonly messages: number
}

/** A room that cannot be read at the moment. */
export interface BrokenRoom {
  readonly name: RoomName
  readonly error: RoomfileError
}

export interface RoomContent {
  readonly bytes: Buffer
  readonly timestamp: Timestamp
}
