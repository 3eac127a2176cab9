/**
 * The store contract: what keeps rooms. A store knows nothing of HTTP, of polls, or of those who wait.
 * test/stores/contract.test.ts checks every store against this contract.
 */
import type { Backlog } from '../room/backlog.ts'
import type { RoomfileError } from '../errors.ts'
import type { Draft, Message, Timestamp } from '../room/message.ts'
import type { RoomName } from '../room/room-name.ts'

export interface Store {
  /**
   * What a room holds now, whoever wrote it last. Returns the same object as long as nothing has changed. A room that does not exist is
   * empty.
   * @throws RoomfileError `not_readable`
   */
  read(room: RoomName): Promise<Backlog>

  /**
   * Adds messages after all others in the room, in one commit that nothing else interrupts. Calls that come while a commit is being written
   * share the next one. Posting to a room creates it.
   * @returns the backlog after the commit, and the message that each draft became; resolves when a power cut cannot take the messages back
   * @throws RoomfileError `not_kept`, `disk_full`, `room_busy`, `too_many_rooms`: then the room is as it was before, except that after
   * `not_kept` the messages may be there (PROTOCOL.md, Errors)
   */
  append(room: RoomName, drafts: readonly Draft[]): Promise<Appended>

  /**
   * The rooms, sorted by name: at most `limit` of those after `after`, which need not be the name of a room. If nothing has changed, the
   * returned object may be the same as before. A room that cannot be read has an error in its place.
   */
  list(range?: ListRange): Promise<readonly (RoomSummary | BrokenRoom)[]>

  /** Whether there is a room of this name, as far as is known. */
  has(room: RoomName): Promise<boolean>

  /**
   * The room as a file, or undefined when there is no such room. @throws RoomfileError `not_readable`, also for a file that is too large
   */
  file(room: RoomName): Promise<RoomContent | undefined>

  /** Sets the watcher. It is told of changes that were not made by this store's `append`. */
  watch(watcher: StoreWatcher): void

  /** Somebody begins to wait for changes: from now on, the watcher is told of each, until it says that nobody waits. */
  attend(): void

  /**
   * A random key that lives as long as the rooms: what is signed with it is still valid after a restart. @throws RoomfileError `not_kept`
   */
  secret(): Promise<Buffer>

  /** Whether a room is unchanged since this timestamp, and no change waits to be taken in. It costs no more than a stat. */
  isAt(room: RoomName, timestamp: Timestamp): Promise<boolean>

  /** Removes a room's messages from memory, if they can be read again. The next `read` takes in what others write in the meantime. */
  letGo(room: RoomName): void

  /** Frees what is held for a room that nobody uses now. */
  release(room: RoomName): Promise<void>

  /** Checks that rooms can be read and kept, as far as is known without a write. @throws RoomfileError `no_directory` */
  check(): Promise<void>

  close(): Promise<void>
}

export interface StoreWatcher {
  /** A room was looked at because it may have changed: this is what it holds, which may be the same as before. */
  readonly holds: (room: RoomName, backlog: Backlog) => void
  /** Any room may have changed. A hint: `read` returns what is true. */
  readonly anyChanged: () => void
  /** Whether somebody waits for changes. While nobody does, the store need not look for what its events may have missed. */
  readonly isAwaited: () => boolean
}

export interface ListRange {
  /** @default '' (from the first room) */
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
  /** How many messages the room keeps. */
  readonly messages: number
}

/** A room that cannot be read now. */
export interface BrokenRoom {
  readonly name: RoomName
  readonly error: RoomfileError
}

export interface RoomContent {
  readonly bytes: Buffer
  readonly timestamp: Timestamp
}
