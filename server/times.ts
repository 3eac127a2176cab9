/**
 * All durations of the server, in milliseconds: one table. No option changes them; tests and the library can. Durations that are options are in
 * config.ts.
 */
export interface Times {
  /** "Is typing" ends after this long, unless it is sent again. */
  readonly typing: number
  /** A client may take this long to send the head of a request. */
  readonly head: number
  /** A client may take this long to send a request. */
  readonly request: number
  /** How often these two are checked. */
  readonly check: number
  /** A connection on which a request or an answer is being sent is closed when no byte is sent for this long. */
  readonly stall: number
  /** An idle connection is kept for this long, because long polls reuse one connection (Node's own default is 5 s). */
  readonly keepAlive: number
  /** When the server stops, a client may take this long to read its last answer. */
  readonly close: number
  /** How often a room in which a poll waits is read without an event, in case one was missed. */
  readonly safetyLook: number
  /** A file that could not be read is read again for the list after this long, because no event may come when it can be read. */
  readonly badFile: number
  /** An edit, or a last line without a newline, is taken in when the file has not changed for this long: editors and slow writers write in steps. */
  readonly quiet: number
  /** The same, where it is known that no program has the file open to write any more. */
  readonly released: number
  /** An edit by a program that has the file open, and not only to append, is taken in after this long at the latest: it may not be complete. */
  readonly edit: number
  /** A replaced file is kept for this long before it is checked whether a program has it open, and between two such checks. */
  readonly grace: number
  /** How often replaced files are read again for lines that such a program has added. */
  readonly carry: number
  /** A file that was made (its birth time) longer ago than this is not an edit of the present room: it is a backup that somebody restores. */
  readonly backup: number
  /** How often it is checked that the watched directory has not been replaced; without a watch, how often rooms are read. */
  readonly directoryLook: number
  /** A watch that failed is tried again after this long. */
  readonly watchRetry: number
  /** Another process may hold a room's lock for this long before a post is refused. */
  readonly lock: number
  /** Another process may hold a room's lock for this long before a poll goes on with what was committed before. */
  readonly readLock: number
  /** [php] its client gives up after 900 s and does not recover: a poll ends before. */
  readonly phpPoll: number
  /** [node_chat] a poll ends, empty, after 30 s. */
  readonly nodeChatPoll: number
  /** [gevent] its polls have no end. Its client clears its input field with each answer, so empty answers are rare. */
  readonly geventPoll: number
  /** [mochiweb] a poll ends after 20 s. */
  readonly mochiwebPoll: number
  /** [mochiweb] the tabs of one browser get a message together: they wait this long for a tab that does not poll again, once. */
  readonly mochiwebTab: number
  /** The tutorials' clients ask again at once after an error. So an error is answered after this long. */
  readonly errorPause: number
  /** The same warning is not logged again for this long. */
  readonly silence: number
  /** A failed write of the log is retried after this long. */
  readonly logRetry: number
  /** How often lines that are kept aside for longer than `--aside` are deleted. */
  readonly expire: number
}

export const TIMES: Times = {
  typing: 6000,
  head: 15_000,
  request: 60_000,
  check: 5000,
  stall: 20_000,
  keepAlive: 75_000,
  close: 3000,
  safetyLook: 2000,
  badFile: 250,
  quiet: 150,
  released: 40,
  edit: 5000,
  grace: 3000,
  carry: 250,
  backup: 600_000,
  directoryLook: 250,
  watchRetry: 5000,
  lock: 10_000,
  readLock: 500,
  phpPoll: 840_000,
  nodeChatPoll: 30_000,
  geventPoll: 3_600_000,
  mochiwebPoll: 20_000,
  mochiwebTab: 3000,
  errorPause: 1000,
  silence: 10_000,
  logRetry: 1000,
  expire: 21_600_000,
}

/**
 * Checks durations, and adds the defaults.
 * @throws TypeError for one that does not exist, or that is not a number of milliseconds
 */
export function checkedTimes(times: Partial<Times>): Times {
  for (const [name, ms] of Object.entries(times)) {
    if (!Object.hasOwn(TIMES, name)) throw new TypeError(`there is no duration times.${name}`)
    if (!(Number.isFinite(ms) && ms >= 0)) throw new TypeError(`times.${name} value ${ms} is invalid. It is a number of milliseconds.`)
  }
  return { ...TIMES, ...times }
}
