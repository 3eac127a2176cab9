/**
 * What every dialect is given, and what all of them do in the same way: take a post, begin a session, park a poll. Each is one call, so the same
 * limits hold in every dialect. Knows the order of these steps; does not know what a request or an answer looks like.
 */
import type { RateLimit } from '../http/rate-limit.ts'
import type { Request, Response } from '../http/http.ts'
import type { Limits } from '../room/backlog.ts'
import type { Draft } from '../room/message.ts'
import type { Session, SessionId } from '../room/presence.ts'
import type { Posted, Room } from '../room/room.ts'
import type { Poll, Rooms } from '../room/rooms.ts'
import type { Times } from '../times.ts'

export interface DialectOptions {
  readonly rooms: Rooms
  readonly limits: Limits
  readonly times: Times
  readonly rateLimit: RateLimit
}

/** What somebody posts. */
export interface Post {
  readonly draft: Draft
  /** The session under whose nick it is posted; without one, the draft's own nick counts. */
  readonly session?: SessionId | undefined
}

/**
 * Takes a post: counts it, reads it, and adds it to the room.
 * @param read reads and checks the post; not called when the address has posted too much. Undefined when there is nothing to add
 * @returns the id and timestamp of the new message; undefined when nothing was added
 * @throws RoomfileError `too_many_posts`, `too_many_new_rooms`, and what `read` and `Room.post` throw: then nothing was added
 */
export async function takePost(
  { rooms, rateLimit }: DialectOptions,
  req: Request,
  room: Room,
  read: () => Promise<Post | undefined>,
): Promise<Posted | undefined> {
  await rateLimit.post(req)
  const post = await read()
  if (!post) return undefined
  if (await rooms.isNew(room)) await rateLimit.makeRoom(req)
  return room.post(post.draft, post.session)
}

/**
 * Begins a session. It counts as a post, because the room gets a message of it.
 * @param read reads and checks who it is; not called when the address has posted too much
 * @throws RoomfileError `too_many_posts`, `too_many_new_rooms`, `too_many_sessions`, and what `read` and `Room.join` throw
 */
export async function beginSession(
  { rooms, rateLimit }: DialectOptions,
  req: Request,
  room: Room,
  read: () => Promise<{ readonly nick: string; readonly cid?: string | undefined }>,
): Promise<Session> {
  await rateLimit.post(req)
  const { nick, cid } = await read()
  if (await rooms.isNew(room)) await rateLimit.makeRoom(req)
  return room.join(nick, cid, rateLimit.session(req))
}

/**
 * Parks a poll: counts it, and waits until there is something to tell. Meanwhile its connection has no timeout.
 * @returns undefined when the wait ended with nothing, or the client went away
 * @throws RoomfileError `too_many_polls`, and what the poll's own functions throw
 */
export function park<T>({ rooms, rateLimit }: DialectOptions, req: Request, res: Response, poll: Poll<T>): Promise<T | undefined> {
  res.socket?.setTimeout(0)
  return rateLimit.parked(req, () => rooms.until(poll, res), poll.rooms.length)
}
