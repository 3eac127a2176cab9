/** A log that cannot be written costs lines, and says how many: never an error, and nobody waits. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import ava, { type ExecutionContext } from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { LogOutput } from '../../server/command/log-output.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { freshDirectory } from '../helpers/fresh-directory.ts'

const test = ava.serial

const READER = constants.O_RDONLY | constants.O_NONBLOCK

function opened(t: ExecutionContext, path: string, flags: number | string): number {
  const fd = openSync(path, flags)
  t.teardown(() => closeSync(fd))
  return fd
}

/** A named pipe: a log as `roomfile | less` has it. */
async function pipe(t: ExecutionContext): Promise<string> {
  const path = join(await freshDirectory(t), 'pipe')
  execFileSync('sh', ['-c', 'mkfifo "$0"', path])
  return path
}

/** What is in a pipe at the moment. */
function drained(fd: number): string {
  const buffer = Buffer.alloc(65_536)
  let said = ''
  try {
    for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) said += buffer.toString('latin1', 0, n)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
  return said
}

/** Reads from a pipe until a line is there. */
async function until(fd: number, line: string): Promise<string[]> {
  let said = ''
  while (!said.includes(`${line}\n`)) {
    said += drained(fd)
    await delay(5)
  }
  return said.trimEnd().split('\n')
}

test('to a file all lines go, in their order, and those that wait at the end, too', async (t) => {
  const path = join(await freshDirectory(t), 'log')
  const output = new LogOutput({ fd: opened(t, path, 'a'), retryMs: TEST_LIMIT_MS, onLost: () => t.fail() })
  output.write('one\n')
  while (readFileSync(path, 'utf8') !== 'one\n') await delay(5)
  for (const line of ['two\n', '', '三\n']) output.write(line)
  while (readFileSync(path, 'utf8') !== 'one\ntwo\n三\n') await delay(5)
  output.write('four\n') // is being written when the process ends
  output.write('five\n')
  output.writeNow()
  while (readFileSync(path, 'utf8').length < 'one\ntwo\n三\nfour\nfive\n'.length) await delay(5)
  t.deepEqual(readFileSync(path, 'utf8').trimEnd().split('\n').toSorted(), ['five', 'four', 'one', 'two', '三'])
})

test('a reader who takes nothing makes nobody wait: lines are kept, those beyond the budget are lost and counted', async (t) => {
  const path = await pipe(t)
  const reader = opened(t, path, READER)
  const fd = opened(t, path, constants.O_WRONLY | constants.O_NONBLOCK)
  const losses: number[] = []
  const output = new LogOutput({
    fd,
    retryMs: 5,
    onLost(lines) {
      losses.push(lines)
      output.write('some are lost\n')
    },
  })
  const lines = Array.from({ length: 200 }, (_, n) => `${n}`.padEnd(10_000, '.'))
  for (const line of lines) {
    output.write(`${line}\n`)
    await delay(0)
  }
  output.writeNow() // does not wait either
  const told = await until(reader, 'some are lost')
  const [lost = 0] = losses
  t.deepEqual(losses, [lost])
  t.true(lost > 0 && lost < lines.length)
  t.true((lines.length - lost) * 10_001 > BUDGETS.logKept)
  t.deepEqual(told, [...lines.slice(0, lines.length - lost), 'some are lost'])
})

test('a line that is longer than what is kept is written', async (t) => {
  const path = join(await freshDirectory(t), 'log')
  const output = new LogOutput({ fd: opened(t, path, 'a'), retryMs: TEST_LIMIT_MS, onLost: () => t.fail() })
  output.write(`${'x'.repeat(BUDGETS.logKept)}\n`)
  while (readFileSync(path).length <= BUDGETS.logKept) await delay(5)
  t.pass()
})

test('where the reader is gone, and another comes, the log goes on', async (t) => {
  const path = await pipe(t)
  const first = openSync(path, READER)
  const output = new LogOutput({ fd: opened(t, path, constants.O_WRONLY), retryMs: 5, onLost: () => t.fail() })
  output.write('one\n')
  t.deepEqual(await until(first, 'one'), ['one'])
  closeSync(first)
  output.write('two\n')
  await delay(20) // some tries
  t.deepEqual(await until(opened(t, path, READER), 'two'), ['two'])
})
