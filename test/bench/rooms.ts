/** Ten thousand rooms that nobody is in, and one in which 20 people post: against a server that has only that one. */
import { cells, HEAD, measureInTurns, Rounds } from './flood.ts'
import { printTable, ratios, times, type Figure } from './numbers.ts'
import { ROOM, roomNames, start, stopAll, type Kind, type Server } from './servers.ts'

const MANY = 10_000
const BACKLOG = 200
const ROUNDS = 7
const ROUND_MS = 500
const LOAD = { posters: 20, rooms: [ROOM], length: 100 }

const STORES = [
  ['roomfile memory', 'memory'],
  ['roomfile file', 'file'],
] as const

/** The busy room is full, each of the others has one message. */
function startWith(kind: Kind, count: number): Promise<Server> {
  return start(kind, { backlog: BACKLOG, rooms: roomNames(count).map((name) => ({ name, lines: name === ROOM ? BACKLOG : 1 })) })
}

function row(label: string, own: Rounds, one: Rounds): string[] {
  return [label, ...cells(own), times(ratios(own.rates, one.rates)), times(ratios(own.cpu, one.cpu))]
}

export async function rooms(): Promise<readonly Figure[]> {
  const pairs: { name: string; one: Rounds; many: Rounds }[] = []
  for (const [kind, name] of STORES)
    pairs.push({ name, one: new Rounds(await startWith(kind, 1), LOAD), many: new Rounds(await startWith(kind, MANY), LOAD) })
  await measureInTurns(
    pairs.flatMap(({ one, many }) => [one, many]),
    ROUNDS,
    ROUND_MS,
  )
  printTable(
    `rooms: ${MANY} rooms, 20 posters in one of them, ${ROUNDS} rounds of ${ROUND_MS} ms`,
    ['', ...HEAD, 'rate / one room', 'CPU / one room'],
    pairs.flatMap(({ name, one, many }) => [row(`${name}, one room`, one, one), row(`${name}, ${MANY} rooms`, many, one)]),
  )
  await stopAll(pairs.flatMap(({ one, many }) => [one.server, many.server]))
  return pairs.flatMap(({ name, one, many }) => [
    { what: `posts/s in one of ${MANY} rooms / in the only room: ${name}`, value: times(ratios(many.rates, one.rates)) },
    { what: `CPU of a post in one of ${MANY} rooms / in the only room: ${name}`, value: times(ratios(many.cpu, one.cpu)) },
  ])
}
