/** The rows of the log, made of its entries: groups messages of one author, adds days and the unread line, joins presence messages. Pure. */
import type { Message } from '../../api/client.ts'
import { dayOf } from '../../language.ts'

/** A place where messages are missing (PROTOCOL.md, "Words": gap). */
interface Gap {
  readonly type: 'gap'
  readonly id: string
}

export type Entry = Message | Gap

/** One row of the log. The same row always has the same `id`. */
export type Row =
  | { readonly kind: 'day'; readonly id: string; readonly timestamp: number }
  | { readonly kind: 'gap'; readonly id: string }
  | { readonly kind: 'unread'; readonly id: string }
  /** `first`: the first of a group, which shows the author. */
  | { readonly kind: 'message'; readonly id: string; readonly message: Message; readonly first: boolean }
  /** Joins and parts that follow each other. */
  | { readonly kind: 'presence'; readonly id: string; readonly messages: readonly Message[] }

/** A message belongs to the group of the previous one if that is less than this long ago, in ms. */
const MAX_GROUP_INTERVAL = 300_000

/** @param unreadFrom the id of the first unread message, if there is to be a line above it */
export function rowsOf(entries: readonly Entry[], unreadFrom?: string): Row[] {
  const rows: Row[] = []
  let before: Message | undefined
  for (const entry of entries) {
    if (entry.type === 'gap') {
      rows.push({ kind: 'gap', id: entry.id })
      before = undefined
      continue
    }
    const isNewDay = before === undefined || dayOf(before.timestamp) !== dayOf(entry.timestamp)
    if (isNewDay) rows.push({ kind: 'day', id: `day-${entry.id}`, timestamp: entry.timestamp })
    if (entry.id === unreadFrom) rows.push({ kind: 'unread', id: `unread-${entry.id}` })
    const isSeparated = isNewDay || entry.id === unreadFrom
    if (entry.type === 'msg') rows.push(messageRow(entry, isSeparated ? undefined : before))
    else addPresence(rows, entry)
    before = entry
  }
  return rows
}

function messageRow(message: Message, before: Message | undefined): Row {
  const isGrouped = before?.type === 'msg' && before.nick === message.nick && message.timestamp - before.timestamp < MAX_GROUP_INTERVAL
  return { kind: 'message', id: message.id, message, first: !isGrouped }
}

function addPresence(rows: Row[], message: Message): void {
  const last = rows.at(-1)
  if (last?.kind === 'presence') rows[rows.length - 1] = { ...last, messages: [...last.messages, message] }
  else rows.push({ kind: 'presence', id: message.id, messages: [message] })
}

/** What a sequence of joins and parts amounts to. Each nick is in one list, in the order of its first message. */
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

/** Whether a text is so long that it is folded: only its beginning is shown at first. */
export function isLong(msg: string): boolean {
  return msg.length > 1200 || (msg.match(/\n/g)?.length ?? 0) >= 12
}
