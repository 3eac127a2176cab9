/**
 * Posts a second, and what each costs: by one poster and by 20 (`posts`), and by fewer, more, with more kept, with longer messages, and into many
 * rooms (`loads`). The file store is compared with the memory store, and with the raw writes of the same file.
 */
import { cells, HEAD, measureInTurns, Rounds } from './flood.ts'
import { median, microseconds, ms, printTable, ratios, times, type Figure } from './numbers.ts'
import { KINDS_OF_WRITES, ROOM, roomNames, startAll, stopAll, type Kind } from './servers.ts'

interface Case {
  readonly name: string
  readonly posters: number
  readonly rooms?: number
  readonly backlog?: number
  /** What stands in each room before; the backlog, where nothing is said. */
  readonly lines?: number
  readonly length?: number
}

const ONE: Case = { name: 'one poster', posters: 1 }
const TWENTY: Case = { name: '20 posters', posters: 20 }

const LOADS: readonly Case[] = [
  { name: '10 posters', posters: 10 },
  { name: '100 posters', posters: 100 },
  { name: '1,000 posters', posters: 1000 },
  { name: '1,000 rooms with a poster each', posters: 1000, rooms: 1000, lines: 20 },
  { name: '20 posters, a backlog of 20,000', posters: 20, backlog: 20_000 },
  { name: '20 posters, messages of 16 KiB', posters: 20, length: 16_384 },
]

const ROUNDS = 7
const ROUND_MS = 500
const LONG_ROUND_MS = 300

type Measured = (kind: Kind) => Rounds | undefined

async function measure(what: Case, roundMs: number): Promise<Measured> {
  const { name, posters, rooms = 1, backlog = 200, lines = backlog, length = 100 } = what
  const names = rooms === 1 ? [ROOM] : roomNames(rooms)
  const servers = await startAll(KINDS_OF_WRITES, { backlog, length, rooms: names.map((room) => ({ name: room, lines })) })
  const rows = servers.map((server) => new Rounds(server, { posters, rooms: names, length }))
  await measureInTurns(rows, ROUNDS, roundMs)
  const of: Measured = (kind) => rows.find(({ server }) => server.kind === kind)
  print(name, rows, of)
  await stopAll(servers)
  return of
}

function print(name: string, rows: readonly Rounds[], of: Measured): void {
  const bare = of('bare node:http')
  const raw = of('raw writes')
  printTable(
    `posts: ${name}, ${ROUNDS} rounds`,
    ['', ...HEAD, 'rate / bare', 'CPU / bare', 'rate / raw writes', 'CPU / raw writes'],
    [
      ...rows.map((row) => [
        row.server.kind,
        ...cells(row),
        times(ratios(row.rates, bare?.rates)),
        times(ratios(row.cpu, bare?.cpu)),
        times(ratios(row.rates, raw?.rates)),
        times(ratios(row.cpu, raw?.cpu)),
      ]),
      ['a raw write alone', '', ms(median(raw?.writeMs ?? [])), '', microseconds(raw?.writeCpu ?? [])],
    ],
  )
}

/** @param of what was measured of each server */
function fileAgainstMemory(name: string, of: Measured): Figure {
  return { what: `posts/s, ${name}: file / memory`, value: times(ratios(of('roomfile file')?.rates ?? [], of('roomfile memory')?.rates)) }
}

export async function posts(): Promise<readonly Figure[]> {
  const ofOne = await measure(ONE, ROUND_MS)
  const ofTwenty = await measure(TWENTY, ROUND_MS)
  const raw = ofOne('raw writes')
  const file = ofOne('roomfile file')
  return [
    { what: 'CPU of a commit, one poster: file / raw write alone', value: times(ratios(file?.cpu ?? [], raw?.writeCpu)) },
    { what: 'CPU of a commit, one poster: file / raw writes with node:http', value: times(ratios(file?.cpu ?? [], raw?.cpu)) },
    fileAgainstMemory(TWENTY.name, ofTwenty),
    {
      what: 'posts/s, 20 posters: memory / bare',
      value: times(ratios(ofTwenty('roomfile memory')?.rates ?? [], ofTwenty('bare node:http')?.rates)),
    },
  ]
}

export async function loads(): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const load of LOADS) figures.push(fileAgainstMemory(load.name, await measure(load, LONG_ROUND_MS)))
  return figures
}
