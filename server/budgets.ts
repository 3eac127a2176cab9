/**
 * How much of anything one client can make the server compute, keep or make, where no option says it: one table. Beyond a budget there is a
 * clear error, or less of it. SECURITY.md has them all, with the options, under "Budgets".
 */
export const BUDGETS = {
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
  /** Room locks that are held open, each an open file. Beyond it the one that was used the longest ago is closed. */
  openLocks: 256,
} as const
