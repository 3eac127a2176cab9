/**
 * `npm run test:faults [-- file…]`: the attacks in their large size, one after the other, with a new seed, and a table of what came of them.
 * `SEED=<number>` before it repeats a run.
 */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Told } from '../helpers/attack.ts'

const AVA = fileURLToPath(new URL('../../node_modules/.bin/ava', import.meta.url))

/** Tests of other folders that have a large size, too. */
const SIZED = ['test/stores/model.test.ts', 'test/browser/{bombs,classics,cuts}.test.ts']

const seed = process.env['SEED'] ?? String(randomInt(2 ** 31))
console.log(`SEED=${seed}`)

const directory = await mkdtemp(join(tmpdir(), 'roomfile-faults-'))
const report = join(directory, 'report')
const only = process.argv.slice(2)
const files = only.length > 0 ? only : ['test/faults/**/*.test.ts', ...SIZED]
// Ctrl-C goes to the tests as well: what came of them until then is told.
process.on('SIGINT', () => undefined)
try {
  const ava = spawn(process.execPath, [AVA, '--concurrency', '1', '--timeout', '30m', ...files], {
    stdio: 'inherit',
    env: { ...process.env, SEED: seed, FAULTS: 'large', FAULTS_REPORT: report },
  })
  const [code] = (await once(ava, 'exit')) as [number | null]
  process.exitCode = code ?? 1
  const lines = (await readFile(report, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  const rows = lines.map((line) => rowOf(JSON.parse(line) as Told))
  console.log(['', '| attack | tried | acknowledged | lost | recovery, ms | |', '|---|---|---|---|---|---|', ...rows, ''].join('\n'))
} finally {
  await rm(directory, { recursive: true })
  console.log(`The same again: SEED=${seed} npm run test:faults${only.length > 0 ? ` -- ${only.join(' ')}` : ''}`)
}

function rowOf({ attack, tried, acknowledged, lost, recovery, more }: Told): string {
  const cells = [attack, tried, acknowledged, lost, recovery === undefined ? '' : Math.round(recovery), more]
  return `| ${cells.map((cell) => cell?.toLocaleString('en') ?? '').join(' | ')} |`
}
