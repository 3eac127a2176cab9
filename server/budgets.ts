/**
 * How much of anything one client can make the server compute, keep or make, where no option says it: one table. Beyond a budget there is a
 * clear error, or less of it. SECURITY.md has them all, with the options, under "Budgets".
 */
export const BUDGETS = {
  /** Posts of one address that may come at once, as a multiple of `--rate-limit`: a page that was offline sends what it kept. Given back within a minute. */
  postsBurst: 5,
  /** Polls parked for one address: an office behind one address, some tabs a person. Each is some 20 KB of memory. */
  parkedPolls: 1000,
  /** Wrong tokens of one address a minute. Nobody can lift it: eight characters are enough only as long as they cannot be tried out. */
  wrongTokens: 10,
  /** Rooms that one address may make a minute. A room is a file for ever: a person makes some a day, a script some a minute. */
  newRooms: 60,
  /** Sessions of one address, in all rooms together: an office behind one address. Each may be told to all others in its room. */
  sessions: 100,
  /** The part of the open files that connections may take: the rest is for rooms and their locks. */
  connections: 0.75,
  /** The part of those connections that one address may take, so that no one client has them all. A proxy that is trusted is no client. */
  connectionsOfAddress: 0.5,
  /** The part of the open files for those beyond, who are let in to be told so. All others are hung up on. */
  connectionsTold: 0.05,
  /**
   * The part of the server's one thread that one address may have for what takes long: HTML that becomes Markdown, and large answers. Two
   * people who talk meanwhile wait for one such work now and then. An office of 50 people whose editors send HTML needs a twentieth.
   */
  workShare: 0.25,
  /** Milliseconds of such work of one address that are done in a row, before the rest of it waits: so long everybody waits at most. */
  workAtOnce: 20,
  /** Posts of one address that wait for it. Each is up to 200 KB of HTML. */
  workWaiting: 200,
  /** An answer of so many bytes takes long: the kernel copies a megabyte in half a millisecond. */
  largeAnswer: 65_536,
  /** Requests of one address that begin in one turn of the event loop, before all others have had theirs. */
  requestsInTurn: 2,
  /** Rooms that polls of one address for many rooms look at, at once: the looks of others come between. */
  looksAtOnce: 2,
  /** Rooms on one page of the list: some 60 bytes each, 200 in a script of three bytes a letter. */
  listedRooms: 1000,
  /** Pages of the list that are kept as long as they are true, so that all who ask are told the same bytes. */
  listPages: 16,
  /** Room files that are looked at, or read, at once for the list: more would not be faster, and each is an open file. */
  filesAtOnce: 16,
  /** Bytes of a room's file that are in memory while its lines are counted. */
  countedAtOnce: 65_536,
  /** Changes of who is in a room that are remembered, for polls that know who was there before them. At 60 bytes each, less than a `who` of everybody. */
  presenceChanges: 256,
  /** Answers to such polls that are kept, of each room: nearly all who ask know the version before the last change. */
  presenceAnswers: 8,
  /** Of those who are typing, so many are named: no reader wants to know of more. */
  namedTyping: 20,
  /** What a rich editor posts and is turned into Markdown. Beyond it the text is kept, and the formatting is not. */
  editorHtml: {
    /** UTF-16 units. A message of 16 KiB in which every word has a mark is half of it. */
    length: 65_536,
    /** The sum over all tags of the elements that are open at each, with 100 characters of text as a tag. A formatted page of 16 KiB needs half of it. */
    effort: 2500,
    /** Blanks in a row, but for those that HTML itself takes for one. No editor indents as far. */
    blanks: 100,
  },
  /**
   * Bytes of one answer to a poll of a tutorial's client. It is told the rest by its next poll, which it makes at once. A page that shows a
   * megabyte of text is long enough, and to render it takes less than a second.
   */
  dialectAnswer: 1024 * 1024,
  /**
   * Bytes of such an answer where the messages of one timestamp do not fit into it, for a client whose place is a timestamp: what is beyond
   * `dialectAnswer` is told as source text, and of what is beyond this only how many there are. As much as half the largest room.
   */
  dialectTimestamp: 4 * 1024 * 1024,
  /** Bytes of answers that each of those protocols keeps ready, for all who stand at one place: nearly all stand at the newest message. */
  dialectAnswersKept: 4 * 1024 * 1024,
  /** Bytes of messages as HTML that are kept, for the next who is told them: a room of 200 messages of some length. */
  dialectHtmlKept: 16 * 1024 * 1024,
  /** Sessions of node_chat that ended on purpose, of those from before a restart: their ids are still good otherwise. */
  partedSessions: 1000,
  /**
   * Bytes of one answer to a poll for many rooms. Rooms that do not fit are told by the next poll, because their timestamp has not moved.
   * Four of the largest rooms that the default `--max-file` allows; a room that is larger by itself is told alone.
   */
  manyRoomsAnswer: 32 * 1024 * 1024,
  /**
   * Rooms that the parked polls of one address name together. It is enough for 1,000 polls with 20 rooms each, or 200 with as many as there
   * may be; 20,000 rooms that nobody wrote to take about 20 MB.
   */
  parkedRooms: 20_000,
  /**
   * Rooms that are looked at in one safety look. With more rooms parked in, each has its turn later: should an event be missed, that is how
   * late we are. So many take some 30 ms of CPU.
   */
  safetyLooks: 1000,
  /** From so many bytes on, files are read one after the other: each takes six times as much memory while it is taken in. */
  largeFile: 1024 * 1024,
  /** Bytes that are carried over at once of what a program adds to a file that was replaced. */
  carriedAtOnce: 1024 * 1024,
  /** Lines that left a full room last, which are known again in an older copy of it. Each is some 60 bytes in memory. */
  droppedLines: 200,
  /** Room locks that are held open, each an open file. Beyond it the one that was used the longest ago is closed. */
  openLocks: 256,
  /** Open files of all programs that are looked at, to know who holds a version of a room's file. Beyond it each counts as held. */
  descriptors: 100_000,
  /** Browsers of mochiweb whose tabs are told together. Of one that is forgotten, which is told something every minute, the tabs may be told it twice. */
  mochiwebBrowsers: 10_000,
  /** Files that are no room's because of their name, and are named in the log: each once. */
  misnamedFiles: 100,
  /** Bytes of log lines that are kept while the log cannot be written: some thousand. Lines beyond are lost, and counted. */
  logKept: 1024 * 1024,
} as const
