/**
 * From what a room holds to what stands on the page, line by line: who is grouped with whom, where a day begins, what is folded.
 * Pure rules. Knows no DOM, no words and no connection.
 */
import type { Message } from '../../api/client.ts'
import { dayOf } from '../../language.ts'

/** The place where messages are missing. */
interface Gap {
  readonly type: 'gap'
  readonly id: string
}

export type Entry = Message | Gap

/** One line of the log; `id` stays the same for the same line, so that a new message costs one new element. */
export type Row =
  | { readonly kind: 'day'; readonly id: string; readonly timestamp: number }
  | { readonly kind: 'gap'; readonly id: string }
  | { readonly kind: 'unread'; readonly id: string }
  /** `first`: it begins a group, and names its author. */
  | { readonly kind: 'message'; readonly id: string; readonly message: Message; readonly first: boolean }
  /** People who came and went, one after the other. */
  | { readonly kind: 'presence'; readonly id: string; readonly messages: readonly Message[] }

/** Messages of one person stand together as long as they follow each other within this many ms. */
const TOGETHER = 300_000

/** @param unreadFrom the id of the first message that the reader has not seen, if the line before it is to be shown */
export function rowsOf(entries: readonly Entry[], unreadFrom?: string): Row[] {
  const rows: Row[] = []
  let before: Message | undefined
  for (const entry of entries) {
    if (entry.type === 'gap') {
      rows.push({ kind: 'gap', id: entry.id })
      before = undefined
      continue
    }
    const breaks = before === undefined || dayOf(before.timestamp) !== dayOf(entry.timestamp)
    if (breaks) rows.push({ kind: 'day', id: `day-${entry.id}`, timestamp: entry.timestamp })
    if (entry.id === unreadFrom) rows.push({ kind: 'unread', id: `unread-${entry.id}` })
    const cut = breaks || entry.id === unreadFrom
    if (entry.type === 'msg') rows.push(messageRow(entry, cut ? undefined : before))
    else addPresence(rows, entry)
    before = entry
  }
  return rows
}

function messageRow(message: Message, before: Message | undefined): Row {
  const together = before?.type === 'msg' && before.nick === message.nick && message.timestamp - before.timestamp < TOGETHER
  return { kind: 'message', id: message.id, message, first: !together }
}

function addPresence(rows: Row[], message: Message): void {
  const last = rows.at(-1)
  if (last?.kind === 'presence') rows[rows.length - 1] = { ...last, messages: [...last.messages, message] }
  else rows.push({ kind: 'presence', id: message.id, messages: [message] })
}

/** Who came and went in sum, each name once and in the order of the first move. */
export interface Moves {
  readonly came: string[]
  readonly left: string[]
  readonly cameAndLeft: string[]
  readonly cameBack: string[]
}

export function movesOf(messages: readonly Message[]): Moves {
  const people = Map.groupBy(messages, ({ nick }) => nick)
  const moves: Moves = { came: [], left: [], cameAndLeft: [], cameBack: [] }
  for (const [nick, own] of people) {
    const first = own[0]?.type
    const last = own.at(-1)?.type
    if (last === 'join') moves[first === 'join' ? 'came' : 'cameBack'].push(nick)
    else moves[first === 'join' ? 'cameAndLeft' : 'left'].push(nick)
  }
  return moves
}

/** Whether a text is so long that only its beginning is shown until somebody wants more. */
export function isLong(msg: string): boolean {
  return msg.length > 1200 || (msg.match(/\n/g)?.length ?? 0) >= 12
}
