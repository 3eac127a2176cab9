/**
 * `npm run bench [-- name…]`: what roomfile costs, measured on the real server in a process of its own, side by side with the least
 * that node:http can do. Servers on one core, load on another, where `taskset` allows it. Ends by itself; says nothing about pass or fail.
 */
import { fanOut } from './fan-out.ts'
import { handEdits } from './hand-edits.ts'
import { page } from './page.ts'
import { canPin, LOAD_CORE, pin, SERVER_CORE } from './processes.ts'
import { postToAnswer } from './post-to-answer.ts'
import { posts } from './posts.ts'
import { hasNchan } from './servers.ts'

/** A run that takes longer than this is stuck. */
const MOST_MS = 5 * 60_000

const BENCHMARKS: Readonly<Record<string, () => Promise<void>>> = {
  'post-to-answer': postToAnswer,
  'hand-edits': handEdits,
  posts,
  'fan-out': fanOut,
  page,
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !(name in BENCHMARKS))
if (unknown !== undefined) {
  console.error(`no benchmark is called ${unknown}: choose from ${Object.keys(BENCHMARKS).join(', ')}`)
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
for (const [name, benchmark] of Object.entries(BENCHMARKS)) if (wanted.length === 0 || wanted.includes(name)) await benchmark()
console.log(`\n${((performance.now() - begin) / 1000).toFixed(0)} s`)
