/**
 * From a change of the file by a shell to the answer of a parked poll. The clock starts when the shell is told what to run: starting the
 * program is part of the time, so that no wait looks shorter than it is.
 */
import { spawn } from 'node:child_process'
import { rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { median, ms, printTable, quantile, spreadOfMs, type Figure } from './numbers.ts'
import { start } from './servers.ts'
import { timestampOf, Wire } from './wire.ts'

const ROUNDS = 10

/** The contract: whoever looks sees a hand edit within half a second. */
const PROMISED_MS = 500

/** What stands in the room before each edit, and how long it is left alone then. */
const BEFORE = ['good morning', 'tea?', 'yes']
const SETTLE_MS = 200

/** By hand, and what the answer must show. `$F` is the file, `$N` a new one, `$O` an older copy: dot-files, so nobody's rooms. */
const EDITS: readonly (readonly [command: string, shows: RegExp])[] = [
  ['echo hello >> $F', /"messages":\[\{[^{]*"msg":"hello"/],
  ['echo hello > $F', /"messages":\[\{[^{]*"msg":"hello"[^{]*"reset":true/],
  ['sed -i s/tea/coffee/ $F', /coffee.*"reset":true/],
  ['mv $N $F', /moved.*"reset":true/],
  ['rm $F', /"messages":\[\],"reset":true/],
  ['touch $F', /"reset":true/],
  ['cp -p $O $F', /older.*"reset":true/],
]

export async function handEdits(): Promise<readonly Figure[]> {
  const server = await start('roomfile file')
  const paths = { F: join(server.directory, 'bench.jsonl'), N: `${server.directory}/.new`, O: `${server.directory}/.older` }
  const shell = spawn('sh', { env: { ...process.env, ...paths }, stdio: ['pipe', 'ignore', 'inherit'] })
  const poster = await Wire.open(server.port)
  const poller = await Wire.open(server.port)
  const taken = new Map<string, number[]>(EDITS.map(([command]) => [command, []]))

  for (let round = 0; round < ROUNDS; round++) {
    for (const [command, shows] of EDITS) {
      let timestamp = 0
      for (const text of BEFORE) timestamp = timestampOf(await poster.fetch(server.post(text)))
      await rm(paths.N, { force: true }) // a file that was made before the posts would not replace them
      await writeFile(paths.N, 'moved\n')
      await writeFile(paths.O, 'older\n')
      await utimes(paths.O, 1_700_000_000, 1_700_000_000)
      const answer = poller.fetch(server.poll(timestamp))
      await delay(SETTLE_MS)
      const begin = performance.now()
      shell.stdin.write(`${command}\n`)
      const text = await answer
      taken.get(command)?.push(performance.now() - begin)
      if (!shows.test(text)) throw new Error(`after ${command} a poll was told: ${text}`)
    }
  }
  printTable(
    `hand edits: from the shell's command to the answer of a parked poll, ${ROUNDS} each, promised within ${PROMISED_MS} ms`,
    ['', 'median', 'max', 'kept'],
    [...taken].map(([command, values]) => [
      command,
      ms(median(values)),
      ms(quantile(values, 1)),
      quantile(values, 1) <= PROMISED_MS ? 'yes' : 'NO',
    ]),
  )
  shell.stdin.end()
  poster.close()
  poller.close()
  await server.stop()
  return [...taken].map(([command, values]) => ({ what: `edit by hand → answer: ${command}`, value: spreadOfMs(values) }))
}
