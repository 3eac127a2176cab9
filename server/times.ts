/**
 * How long the server waits for anything, in milliseconds: one table. Options of the command line are elsewhere (`--lease`); these are fixed
 * for whoever runs it, and handed in by tests. Each part is given the table and knows its own rows.
 */
export interface Times {
  /** "Is typing" is true for this long, unless it is said again. */
  readonly typing: number
  /** A client may take this long to send the head of a request, */
  readonly head: number
  /** and this long for all of it. */
  readonly request: number
  /** How often these two are checked. */
  readonly check: number
  /** On a connection whose client sends a request or takes an answer, nothing may move for this long. */
  readonly stall: number
  /** A connection is kept between two requests. Long polls come one after the other on one connection (Node's own default is 5 s). */
  readonly keepAlive: number
  /** When the server stops, a client may take this long to fetch its last answer. */
  readonly close: number
  /** How often a room that somebody waits in is read without any event: should one ever be missed, this is how late we are. */
  readonly safetyLook: number
  /** A file that could not be read is looked at again for the list after this long: no event may tell that it can be. */
  readonly badFile: number
  /** An edit, or a last line without a newline, is taken once the file was left alone for this long: editors and slow writers write in steps. */
  readonly quiet: number
  /** The same, where it is known that no program has the file open to write any more. */
  readonly released: number
  /** An edit by a program that still has the file open, and not only to add to it, is waited for this long: it may be in the midst of it. */
  readonly edit: number
  /** For this long a replaced file is kept, before it is asked whether any program holds it; and between two such questions. */
  readonly grace: number
  /** How often replaced files are read again for such late lines. */
  readonly carry: number
  /** A file that was made so long ago was not made to change the room as it stands: it is a backup that somebody puts back. */
  readonly backup: number
  /** How often it is made sure that the watched directory is the one that has the name; without a watch, how often rooms are read. */
  readonly directoryLook: number
  /** A watch that could not be had is not asked for again for this long. */
  readonly watchRetry: number
  /** Another process may hold a room for this long before a post is refused. */
  readonly lock: number
  /** And for this long before a poll goes on without what was written meanwhile: it is told as soon as the room is free. */
  readonly readLock: number
  /** [php] its client gives up after 900 s and can not go on from there: it gets its answer before. */
  readonly phpPoll: number
  /** [node_chat] a poll ends, empty, after 30 s. */
  readonly nodeChatPoll: number
  /** [gevent] a poll waits for ever; its client empties the field that is being written in with each answer, so an empty one comes rarely. */
  readonly geventPoll: number
  /** [mochiweb] a poll ends after 20 s. */
  readonly mochiwebPoll: number
  /** [mochiweb] the tabs of one browser are told together: one that was told and does not ask again keeps the others waiting for this long, once. */
  readonly mochiwebTab: number
  /** The tutorials' clients ask again at once after an error. They are held back this long, so that an error that lasts costs little. */
  readonly errorPause: number
  /** The same warning is not logged again for this long: one line, and not a thousand. */
  readonly silence: number
  /** A log that could not be written is tried again after this long. */
  readonly logRetry: number
  /** How often removed lines that are kept aside are looked through for those that are older than `--aside`. */
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
 * The durations that code hands in, with the usual ones for those that it leaves out.
 * @throws TypeError for one that does not exist, or that is no number of milliseconds
 */
export function checkedTimes(times: Partial<Times>): Times {
  for (const [name, ms] of Object.entries(times)) {
    if (!Object.hasOwn(TIMES, name)) throw new TypeError(`there is no duration times.${name}`)
    if (!(Number.isFinite(ms) && ms >= 0)) throw new TypeError(`times.${name} value ${ms} is invalid. It is a number of milliseconds.`)
  }
  return { ...TIMES, ...times }
}
