/**
 * Limits on what a client can make the server compute, keep or create, where no option sets them: one table. Beyond a budget there is an error, or a
 * smaller result. SECURITY.md lists all of them, and the options, under "Budgets".
 */
export const BUDGETS = {
  /** Posts of one address in a row, as a multiple of `--rate-limit`: a page that was offline sends what it kept. Counted for a minute. */
  postsBurst: 5,
  /** Parked polls of one address: an office with one address, and some tabs for each person. Each takes some 20 KB of memory. */
  parkedPolls: 1000,
  /** Wrong tokens of one address a minute. No option lifts it: a token of eight characters is safe only if it cannot be guessed by trying. */
  wrongTokens: 10,
  /** New rooms of one address a minute. A room is a file that stays: a person makes some a day, a script some a minute. */
  newRooms: 60,
  /** Sessions of one address, in all rooms together: an office with one address. Each is announced to all others in its room. */
  sessions: 100,
  /** Connections, as a part of the files that the process may open. The rest is for rooms and their locks. */
  connections: 0.75,
  /** Connections of one address, as a part of those, so that no client has all of them. A trusted proxy does not count as a client. */
  connectionsOfAddress: 0.5,
  /** Connections beyond these limits that get an error, as a part of the files that the process may open. All others are closed. */
  connectionsTold: 0.05,
  /**
   * The part of the server's one thread that one address may use for expensive work: HTML that becomes Markdown, and large answers. Others wait for
   * one piece of it now and then. An office of 50 people whose editors send HTML needs a twentieth.
   */
  workShare: 0.25,
  /** Milliseconds of such work of one address that are done in a row. Others wait no longer than this. */
  workAtOnce: 20,
  /** Posts of one address that wait for such work. Each is up to 200 KB of HTML. */
  workWaiting: 200,
  /** An answer of so many bytes is expensive work: the kernel copies a megabyte in half a millisecond. */
  largeAnswer: 65_536,
  /** Requests of one address that begin in one turn of the event loop. */
  requestsInTurn: 2,
  /** Rooms that polls of one address for many rooms look at at the same time. */
  looksAtOnce: 2,
  /** Rooms on one page of the list: some 60 bytes each, or 200 with names of three bytes a letter. */
  listedRooms: 1000,
  /** Pages of the list that are kept until they change, so that all requests share their bytes. */
  listPages: 16,
  /** Room files that are read at the same time for the list: more would not be faster, and each is an open file. */
  filesAtOnce: 16,
  /** Bytes of a room's file that are in memory at the same time while its lines are counted. */
  countedAtOnce: 65_536,
  /** Changes of who is in a room that are remembered, for polls that know an earlier version. At 60 bytes each, they are smaller than a full list. */
  presenceChanges: 256,
  /** Answers to such polls that are kept for each room: nearly all polls know the version before the last change. */
  presenceAnswers: 8,
  /** Names of people who are typing. More are not of interest. */
  namedTyping: 20,
  /** HTML of a rich-text editor that is turned into Markdown. Beyond it only the text is kept. */
  editorHtml: {
    /** UTF-16 units. A message of 16 KiB in which every word has a mark is half of it. */
    length: 65_536,
    /** The sum, over all tags, of the number of elements that are open there; 100 characters of text count as a tag. A formatted page of 16 KiB needs half of it. */
    effort: 2500,
    /** Spaces in a row that HTML does not collapse. No editor indents as far. */
    blanks: 100,
  },
  /**
   * Bytes of one answer to a poll of a tutorial's client. It gets the rest by its next poll, which it makes at once. To render a megabyte takes less
   * than a second.
   */
  dialectAnswer: 1024 * 1024,
  /**
   * Bytes of such an answer when the messages of one timestamp do not fit, for a client whose cursor is a timestamp. Messages beyond `dialectAnswer` are
   * sent as source text, and of those beyond this only the number. It is half of the largest room.
   */
  dialectTimestamp: 4 * 1024 * 1024,
  /** Bytes of answers that each of those dialects keeps, for all clients with the same cursor: for nearly all it is the newest message. */
  dialectAnswersKept: 4 * 1024 * 1024,
  /** Bytes of messages as HTML that are kept for the next poll: a room of 200 long messages. */
  dialectHtmlKept: 16 * 1024 * 1024,
  /** Remembered sessions of node_chat that were ended by their clients: their ids would be valid otherwise after a restart. */
  partedSessions: 1000,
  /**
   * Bytes of one answer to a poll for many rooms. Rooms that do not fit are in the answer to the next poll, because their timestamp stays the same. It is
   * four of the largest rooms that the default `--max-file` allows; a larger room is sent alone.
   */
  manyRoomsAnswer: 32 * 1024 * 1024,
  /**
   * Rooms of all parked polls of one address. It is enough for 1,000 polls with 20 rooms each, or 200 polls with the most rooms. 20,000 empty rooms take
   * about 20 MB.
   */
  parkedRooms: 20_000,
  /**
   * Rooms that are read in one safety look, which takes some 30 ms of CPU. When polls wait in more rooms, the others are read in the next looks, so a
   * missed event is noticed later.
   */
  safetyLooks: 1000,
  /** Files of at least so many bytes are read one after the other: each takes six times as much memory while it is read. */
  largeFile: 1024 * 1024,
  /** Bytes that are carried over in one step from a replaced file to which a program still writes. */
  carriedAtOnce: 1024 * 1024,
  /** The last lines that left a full room, which are recognized in an older copy of it. Each takes some 60 bytes of memory. */
  droppedLines: 200,
  /** Lock files that are kept open. Beyond it, the least recently used one is closed. */
  openLocks: 256,
  /** Open files of all programs that are checked for versions of a room's file. Beyond it, each version counts as open. */
  descriptors: 100_000,
  /** Browsers of mochiweb that are remembered. The tabs of one that is forgotten may get a message twice. */
  mochiwebBrowsers: 10_000,
  /** Files with invalid names that are named in the log, each once. */
  misnamedFiles: 100,
  /** Bytes of log lines that are kept while the log cannot be written: some thousand lines. Lines beyond are lost, and counted. */
  logKept: 1024 * 1024,
} as const
