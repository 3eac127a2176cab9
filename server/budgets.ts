/**
 * How much of anything one client can make the server compute, keep or make, where no option says it: one table. Beyond a budget there is a
 * clear error, or less of it. SECURITY.md has them all, with the options, under "Budgets".
 */
export const BUDGETS = {
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
  /** Browsers of mochiweb whose tabs are told together. Of one that is forgotten, which is told something every minute, the tabs may be told it twice. */
  mochiwebBrowsers: 10_000,
} as const
