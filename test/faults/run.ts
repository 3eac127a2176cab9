/** `npm run test:faults`: the attacks in their large size, one after the other, and a table of what came of them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Told } from '../helpers/attack.ts'

const directory = await mkdtemp(join(tmpdir(), 'roomfile-faults-'))
const report = join(directory, 'report')
const only = process.argv.slice(2)
const files = only.length > 0 ? only : ['test/faults/**/*.test.ts']
const ava = spawn('ava', ['--concurrency', '1', '--timeout', '30m', ...files], {
  stdio: 'inherit',
  env: { ...process.env, FAULTS: 'large', FAULTS_REPORT: report },
})
const [code] = (await once(ava, 'exit')) as [number | null]
const lines = (await readFile(report, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
const rows = lines.map((line) => rowOf(JSON.parse(line) as Told))
console.log(['', '| attack | tried | acknowledged | lost | recovery, ms | |', '|---|---|---|---|---|---|', ...rows, ''].join('\n'))
await rm(directory, { recursive: true })
process.exitCode = code ?? 1

function rowOf({ attack, tried, acknowledged, lost, recovery, more }: Told): string {
  const cells = [attack, tried, acknowledged, lost, recovery === undefined ? '' : Math.round(recovery), more]
  return `| ${cells.map((cell) => cell?.toLocaleString('en') ?? '').join(' | ')} |`
}
