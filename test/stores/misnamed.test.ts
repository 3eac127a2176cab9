/** A file that looks like a room's, and is none because of its name, is named in the log once, with what to do. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ava from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { Misnamed } from '../../server/stores/file/misnamed.ts'
import { poll, send } from '../helpers/chat.ts'
import { freshDirectory, serve } from '../helpers/serve.ts'

const test = ava.serial

const DECOMPOSED = 'cafe\u0301.jsonl'

const warningsIn = (log: readonly string[]): string[] => log.map((line) => (JSON.parse(line) as { msg: string }).msg)

test('at the start and later, each is named once; other names are nobody’s business', async (t) => {
  const directory = await freshDirectory(t)
  const write = (name: string): Promise<void> => writeFile(join(directory, name), 'a line\n')
  for (const name of [DECOMPOSED, 'my room.jsonl', '-x.jsonl', 'lobby.jsonl', 'café-2.jsonl']) await write(name)
  for (const name of ['.hidden.jsonl', '.#lobby.jsonl', 'other.jsonl.17', 'lobby.jsonl~', 'notes.txt', '.jsonl']) await write(name)
  const server = await serve(t, { times: { silence: 0, safetyLook: 1 } }, directory)
  t.deepEqual(
    warningsIn(server.log).toSorted(),
    [
      `the file "${DECOMPOSED}" is no room's: its name is not composed Unicode (NFC): mv -n '${DECOMPOSED}' 'café.jsonl'`,
      `the file "-x.jsonl" is no room's: its name begins with a hyphen: mv -n './-x.jsonl' 'x.jsonl'`,
      `the file "my room.jsonl" is no room's: a room is named by 1 to 64 letters, digits, _ or -, of at most 230 bytes`,
    ].toSorted(),
  )
  await write('later\u009b\u202e.jsonl')
  while (server.log.length < 4) await send(`${server.url}/rooms`)
  t.regex(warningsIn(server.log)[3] ?? '', /^the file "later\\u\{9b\}\\u\{202e\}\.jsonl" is no room's/)
  for (let n = 0; n < 5; n++) await send(`${server.url}/rooms`)
  t.is(server.log.length, 4)

  const command = warningsIn(server.log)
    .find((warning) => warning.includes('NFC'))
    ?.replace(/^.*(?=mv )/, '')
  await promisify(execFile)('sh', ['-c', command ?? ''], { cwd: directory })
  t.is((await poll(server.url, 'café')).msg, 'a line')
})

test('so many are named, and no more', (t) => {
  const told: string[] = []
  const misnamed = new Misnamed((message) => void told.push(message))
  const names = Array.from({ length: BUDGETS.misnamedFiles + 10 }, (_, n) => `no room ${n}.jsonl`)
  misnamed.look(names)
  misnamed.look(names)
  t.is(told.length, BUDGETS.misnamedFiles)
})
