/** Rooms as backlog.ts has them, and files as take-in.ts finds them: what the unit tests of both begin with. */
import { commit, EMPTY, type Backlog, type Limits, type Standing } from '../../server/room/backlog.ts'
import { lineOf, readLine } from '../../server/room/message.ts'
import type { Found } from '../../server/room/take-in.ts'

export const LIMITS: Limits = { backlog: 4, maxMessage: 1000, maxFile: 100_000 }
export const NOW = 1_795_219_764_123

/** A room in which these were said, a commit each, from NOW on. */
export function said(...texts: string[]): Backlog {
  return texts.reduce((backlog, msg, n) => commit(backlog, [{ msg }], LIMITS, NOW + n * 10).backlog, EMPTY)
}

export const linesOf = ({ messages }: Backlog): string[] => messages.map(lineOf)
export const textsOf = ({ messages }: Pick<Backlog, 'messages'>): string[] => messages.map(({ msg }) => msg)

/** Nobody wrote down where the room stands. */
const NOT_NOTED: Standing = { timestamp: 0, dropped: 0 }

/** The file as somebody left it: these lines, and the mtime of what was written last. */
export function found(lines: readonly string[], mtime: number, more: Partial<Found> = {}): Found {
  return {
    lines: lines.map((line) => readLine(line, LIMITS.maxMessage)),
    clean: true,
    legible: true,
    mtime,
    edited: 0,
    standing: NOT_NOTED,
    ...more,
  }
}

/** A room after so many joins and parts, one commit each. */
export function comings(backlog: Backlog, count: number, limits = LIMITS, now = NOW + 1000): Backlog {
  return Array.from({ length: count }).reduce<Backlog>(
    (room, _, n) => commit(room, [{ type: n % 2 ? 'part' : 'join', nick: `ann ${n}`, msg: '' }], limits, now + n).backlog,
    backlog,
  )
}
