/**
 * `npm run bench [-- name…]`: what roomfile costs, measured on the real server in a process of its own, side by side with the least that node:http and
 * the disk can do. Servers on one core, load on another, where `taskset` allows it. Ends by itself; says nothing about pass or fail.
 */
import { fanOut } from './fan-out.ts'
import { handEdits } from './hand-edits.ts'
import { idle } from './idle.ts'
import { printTable, type Figure } from './numbers.ts'
import { page } from './page.ts'
import { canPin, LOAD_CORE, pin, SERVER_CORE } from './processes.ts'
import { postToAnswer } from './post-to-answer.ts'
import { loads, posts } from './posts.ts'
import { rooms } from './rooms.ts'
import { scale } from './scale.ts'
import { hasNchan } from './servers.ts'

/** A run that takes longer than this is stuck. */
const MOST_MS = 10 * 60_000

type Benchmark = () => Promise<readonly Figure[]>

/** Those that run where none is named. */
const USUAL: Readonly<Record<string, Benchmark>> = {
  'post-to-answer': postToAnswer,
  'hand-edits': handEdits,
  posts,
  rooms,
  'fan-out': fanOut,
  idle,
  page,
}

/** Those that take minutes, and run by name only. */
const LONG: Readonly<Record<string, Benchmark>> = { loads, scale }

const all = { ...USUAL, ...LONG }
const named = process.argv.slice(2)
const unknown = named.find((name) => !(name in all))
if (unknown !== undefined) {
  console.error(`no benchmark is called ${unknown}: choose from ${Object.keys(all).join(', ')}`)
  process.exit(2)
}

process.on('SIGINT', () => process.exit(1))
process.on('SIGTERM', () => process.exit(1))
setTimeout(() => {
  console.error('the benchmarks take too long: stopped')
  process.exit(1)
}, MOST_MS).unref()

await pin(process.pid, LOAD_CORE)
const where = canPin ? `servers on core ${SERVER_CORE}, load on core ${LOAD_CORE}` : 'not pinned: no taskset here, or one core only'
console.log(`node ${process.version}, ${where}${hasNchan ? '' : ', no nginx with nchan to compare with'}`)
const begin = performance.now()
const figures: Figure[] = []
const chosen = Object.entries(named.length === 0 ? USUAL : all).filter(([name]) => named.length === 0 || named.includes(name))
for (const [, benchmark] of chosen) figures.push(...(await benchmark()))
if (figures.length > 0)
  printTable(
    'in short: the median of the rounds, and their quartiles',
    ['', ''],
    figures.map(({ what, value }) => [what, value]),
  )
console.log(`\n${((performance.now() - begin) / 1000).toFixed(0)} s`)
