/**
 * How cost grows: CPU of the server for an answer with the number of parked polls, and for a post with what the room keeps.
 * Prints both, and draws them as docs/cost.svg.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chartSvg, type Chart } from './chart.ts'
import { canHold, Fan } from './fan.ts'
import { measureInTurns, Rounds } from './flood.ts'
import { median, microseconds, printTable, type Figure } from './numbers.ts'
import { ROOM, startAll, stopAll, type Kind } from './servers.ts'

const DRAWN: readonly Kind[] = ['roomfile file', 'roomfile memory', 'bare node:http']

/** How many polls, and in how many rounds. */
const POLLS = [
  [100, 30],
  [1000, 10],
  [3000, 7],
  [10_000, 5],
] as const

const BACKLOGS = [20, 200, 2000, 20_000]
const BACKLOG_ROUNDS = 5
const ROUND_MS = 400

/** Rounds of each server in DRAWN, in milliseconds. */
type Costs = readonly (readonly number[])[]

async function perAnswer(polls: number, rounds: number): Promise<Costs> {
  const servers = await startAll(DRAWN)
  const fans = servers.map((server) => new Fan(server, polls))
  for (const fan of fans) await fan.open()
  for (const fan of fans) await fan.round(false)
  for (let round = 0; round < rounds; round++) for (const fan of fans) await fan.round(true)
  for (const fan of fans) fan.close()
  await stopAll(servers)
  return fans.map(({ wakeMs }) => wakeMs)
}

async function perPost(backlog: number): Promise<Costs> {
  const servers = await startAll(DRAWN, { backlog, rooms: [{ name: ROOM, lines: backlog }] })
  const rows = servers.map((server) => new Rounds(server, { posters: 1, rooms: [ROOM], length: 100 }))
  await measureInTurns(rows, BACKLOG_ROUNDS, ROUND_MS)
  await stopAll(servers)
  return rows.map(({ cpu }) => cpu)
}

function print(title: string, xs: readonly number[], costs: readonly Costs[]): void {
  printTable(
    title,
    ['', ...xs.map(String)],
    DRAWN.map((kind, i) => [kind, ...costs.map((cost) => microseconds(cost[i] ?? []))]),
  )
}

function chart(title: string, xTitle: string, xs: readonly number[], costs: readonly Costs[]): Chart {
  const lines = DRAWN.map((name, i) => ({ name, ys: costs.map((cost) => median(cost[i] ?? []) * 1000) }))
  return { title, xTitle, unit: 'µs', xs, lines }
}

export async function scale(): Promise<readonly Figure[]> {
  const sizes = POLLS.filter(([polls]) => canHold(polls))
  const polls = sizes.map(([count]) => count)
  const answers: Costs[] = []
  for (const [count, rounds] of sizes) answers.push(await perAnswer(count, rounds))
  print('server CPU for each answer, with its part of the post, by parked polls', polls, answers)

  const posts: Costs[] = []
  for (const backlog of BACKLOGS) posts.push(await perPost(backlog))
  print('server CPU for a post of one poster, by messages kept', BACKLOGS, posts)

  const svg = chartSvg([
    chart('Server CPU for each answer', 'parked polls', polls, answers),
    chart('Server CPU for each post', 'messages that the room keeps', BACKLOGS, posts),
  ])
  const path = fileURLToPath(new URL('../../docs/cost.svg', import.meta.url))
  await writeFile(path, svg)
  console.log(`\ndrawn: ${path}`)
  return []
}
