/**
 * All errors that a client can get: the code, the status, the default message and Retry-After of each; and what the system's own errors become.
 * Does not know where an error is thrown, or how a dialect sends it.
 */

const ERRORS = {
  bad_json: [400, 'the body is not a JSON object'],
  bad_encoding: [400, 'the body or the query is not UTF-8'],
  bad_room: [400, 'a room is named by 1 to 64 letters, digits, _ or -, and does not begin with -'],
  bad_nick: [
    400,
    'a nick has 1 to 50 characters, without control characters, characters that change the text direction, and spaces at its ends',
  ],
  bad_cid: [400, 'a cid is a string of 1 to 100 characters'],
  bad_timestamp: [400, 'a timestamp is a whole number of milliseconds'],
  bad_wait: [400, 'wait is a number of seconds from 0 to 60'],
  bad_poll: [400, 'poll names rooms with their timestamps: poll=lobby:0,dev:1795219764123'],
  bad_list: [400, 'the parameters of the list are after=NAME and limit=N'],
  bad_presence: [400, 'presence is the version that a poll returned, or 0'],
  missing_message: [400, 'msg is missing'],
  bad_message: [400, 'msg is not a string'],
  empty_message: [400, 'the message is empty'],
  no_token: [401, 'a token is needed: as a bearer token, as the Basic password, or by the sign-in page'],
  foreign_origin: [403, 'pages of other sites may not do this, except those of --cors'],
  foreign_host: [
    403,
    'this server listens on localhost only, and the request has another host name: behind a proxy, start it with --trust-proxy loopback',
  ],
  not_found: [404, 'there is nothing at this address'],
  no_session: [404, 'there is no such session: it has ended, or never existed'],
  no_room: [404, 'there is no such room'],
  method_not_allowed: [405, 'this address does not support this method'],
  nick_taken: [409, 'the nick is taken'],
  room_full: [409, 'the room is full'],
  too_many_rooms: [409, 'the limit of rooms is reached: only existing rooms can be written to'],
  too_large: [413, 'the message is too large'],
  wrong_type: [415, 'post a form, JSON or plain text, in UTF-8'],
  bad_range: [416, 'the file has no such range'],
  too_many_posts: [429, 'too many posts from this address'],
  too_many_new_rooms: [429, 'too many new rooms from this address'],
  too_many_sessions: [429, 'too many sessions from this address'],
  too_many_connections: [429, 'too many connections from this address'],
  too_many_tries: [429, 'too many wrong tokens from this address'],
  too_many_polls: [429, 'too many parked polls from this address'],
  internal: [500, 'the server has failed'],
  not_kept: [500, 'the message could not be written'],
  not_readable: [500, 'the room cannot be read'],
  too_busy: [503, 'the server is too busy: try again in a moment'],
  room_busy: [503, 'another process has locked this room'],
  no_directory: [503, 'the directory of the rooms cannot be used'],
  disk_full: [507, 'the disk is full'],
} as const satisfies Record<string, readonly [status: number, message: string]>

export type ErrorCode = keyof typeof ERRORS

/** Errors that pass: the seconds after which to try again. */
const RETRY_AFTER: Partial<Record<ErrorCode, number>> = {
  too_busy: 5,
  too_many_posts: 5,
  too_many_connections: 5,
  too_many_polls: 5,
  too_many_sessions: 60,
  no_directory: 5,
  room_busy: 1,
}

/** An error for a client. Its code is stable, its message is for people. */
export class RoomfileError extends Error {
  readonly code: ErrorCode
  readonly status: number
  /** Headers that belong to the answer, such as Allow or Retry-After. */
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ErrorCode, message: string = ERRORS[code][1], options: { cause?: unknown; headers?: Record<string, string> } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'RoomfileError'
    this.code = code
    this.status = ERRORS[code][0]
    const retryAfter = RETRY_AFTER[code]
    this.headers = { ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }), ...options.headers }
  }
}

/** The error that a client gets for what was thrown: a RoomfileError as it is, all else as `internal`. */
export function toRoomfileError(thrown: unknown): RoomfileError {
  return thrown instanceof RoomfileError ? thrown : new RoomfileError('internal', undefined, { cause: thrown })
}

const OUT_OF_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const OUT_OF_FILES = new Set(['EMFILE', 'ENFILE'])

export function isOutOfSpace(thrown: unknown): boolean {
  return OUT_OF_SPACE.has((thrown as NodeJS.ErrnoException).code ?? '')
}

/** The system's error codes in words, for the operator of the server. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'the server has no permission to write there (EACCES)',
  EIO: 'the disk reports an error (EIO)',
  ENOENT: 'its directory, or the target of its link, does not exist (ENOENT)',
  EPERM: 'the server has no permission to write there (EPERM)',
  EROFS: 'the disk is read-only (EROFS)',
}

/** An error of the file system as a RoomfileError. @param otherwise the code for errors that have none of their own */
export function fromSystem(thrown: unknown, otherwise: ErrorCode): RoomfileError {
  if (thrown instanceof RoomfileError) return thrown
  const { code = '', message } = thrown as NodeJS.ErrnoException
  if (isOutOfSpace(thrown)) return new RoomfileError('disk_full', undefined, { cause: thrown })
  if (OUT_OF_FILES.has(code)) return new RoomfileError('too_busy', undefined, { cause: thrown })
  return new RoomfileError(otherwise, `${ERRORS[otherwise][1]}: ${REASONS[code] ?? (code || message)}`, { cause: thrown })
}

/** A value that a client sent, shortened and quoted for an error message. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
