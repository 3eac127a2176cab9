/** Files that nobody should have written: each room opens, posting goes on, and the person's bytes are there afterwards, in place or aside. */
import { appendFile, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ava from 'ava'
import { Attack, sized } from '../helpers/attack.ts'
import { Follower, messagesIn, poll, send } from '../helpers/chat.ts'
import { freshDirectory, serve, type ServeOptions } from '../helpers/serve.ts'

const MIB = 1024 * 1024
/** The largest file that the server reads whole. */
const MAX_FILE = sized(0.5, 8) * MIB
const HUGE = sized(1, 200) * MIB
const MANY = sized(1000, 100_000)
const FUTURE = Date.UTC(2099, 0, 1)

/** Each file here is put in its place, or added to, at one stroke: nobody writes in steps, and there is nothing to wait for. */
const OPTIONS: ServeOptions = { maxFile: MAX_FILE, times: { quiet: 5 } }

const lineAt = (timestamp: number, n: number, msg: string): string =>
  `${JSON.stringify({ id: `${timestamp}-${n}`, timestamp, type: 'msg', nick: 'ann', msg })}\n`

const THEN = Date.UTC(2026, 0, 1)

interface Ugly {
  readonly name: string
  readonly bytes: () => Buffer
  /** How many messages the room shows of it. */
  readonly shows: number
  /** The newest of them, or how it begins. */
  readonly newest: string
}

const text =
  (content: string): (() => Buffer) =>
  () =>
    Buffer.from(content)

const uglies: readonly Ugly[] = [
  { name: 'no newline at all', bytes: text('one line without an end'), shows: 1, newest: 'one line without an end' },
  { name: 'NUL bytes', bytes: text('before\n\0\0\0\nbe\0tween\nafter\n'), shows: 4, newest: 'after' },
  { name: 'nothing but NUL bytes, as after a crash of the system', bytes: () => Buffer.alloc(4096), shows: 1, newest: '' },
  {
    name: 'invalid UTF-8',
    bytes: () => Buffer.concat([Buffer.from('good\n'), Buffer.from([0xff, 0xfe, 0xc0, 0xaf, 0x0a]), Buffer.from('end\n')]),
    shows: 3,
    newest: 'end',
  },
  { name: 'a byte order mark', bytes: text('\ufeffhello\nworld\n'), shows: 2, newest: 'world' },
  { name: 'line ends of Windows', bytes: text('one\r\ntwo\r\n\r\nthree\r\n'), shows: 3, newest: 'three' },
  {
    name: 'half a JSON line',
    bytes: text(`${lineAt(THEN, 0, 'whole')}${lineAt(THEN + 1, 0, 'cut off').slice(0, 40)}\n`),
    shows: 2,
    newest: '{"id":"17672256',
  },
  { name: 'duplicate ids', bytes: text(['a', 'b', 'c'].map((msg) => lineAt(THEN, 0, msg)).join('')), shows: 3, newest: 'c' },
  { name: 'timestamps out of order', bytes: text([3, 1, 2].map((n) => lineAt(THEN + n, 0, `at ${n}`)).join('')), shows: 3, newest: 'at 2' },
  { name: 'timestamps of the far future', bytes: text(lineAt(THEN, 0, 'now') + lineAt(FUTURE, 0, 'then')), shows: 2, newest: 'then' },
  {
    name: 'JSON that is no message',
    bytes: text('[1,2]\n{"a":1}\nnull\n42\n"text"\n{"msg":5}\n{"msg":{"msg":"x"}}\n'),
    shows: 7,
    newest: '{"msg":{"msg":"x"}}',
  },
  {
    name: `${MANY} lines`,
    bytes: () => Buffer.from(Array.from({ length: MANY }, (_, n) => lineAt(THEN + n, 0, `line ${n}`)).join('')),
    shows: 200,
    newest: `line ${MANY - 1}`,
  },
  { name: `one line of ${HUGE / MIB} MiB`, bytes: () => Buffer.alloc(HUGE, 'x'), shows: 1, newest: 'xxx' },
  {
    name: `${HUGE / MIB} MiB of lines`,
    bytes: () => Buffer.concat([Buffer.alloc(HUGE - 100, `${'y'.repeat(999)}\n`), Buffer.from('\nthe last line\n')]),
    shows: 200,
    newest: 'the last line',
  },
]

/** Whether a person's bytes are somewhere in the directory still: aside as they were, or every one of their lines in place. */
async function isKept(directory: string, bytes: Buffer): Promise<boolean> {
  const aside = join(directory, 'aside')
  for (const name of await readdir(aside).catch(() => [])) if ((await readFile(join(aside, name))).equals(bytes)) return true
  const said = messagesIn(await readFile(join(directory, 'lobby.jsonl'), 'utf8')).map(({ msg }) => msg)
  const lines = bytes
    .toString()
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
  return lines.every((line) => said.some((msg) => line === msg || line.includes(`"msg":${JSON.stringify(msg)}`)))
}

async function lastOf(file: string): Promise<string> {
  return messagesIn(await readFile(file, 'utf8')).at(-1)?.msg ?? ''
}

const attack = new Attack(`ugly files: ${uglies.length} kinds, up to ${HUGE / MIB} MiB, before and after the start`)

/** What was said after it all, as it stands in the files. */
const kept: string[] = []

ava.after((t) => attack.end(t, kept))

for (const { name, bytes, shows, newest } of uglies) {
  ava.serial(`${name}: found at the start`, async (t) => {
    const directory = await freshDirectory(t)
    const ugly = bytes()
    await writeFile(join(directory, 'lobby.jsonl'), ugly)
    const server = await serve(t, OPTIONS, directory)
    const { messages, msg } = await poll(server.url, 'lobby', { wait: 0 })
    t.is(messages.length, shows)
    t.true(msg.startsWith(newest), msg.slice(0, 80))
    await attack.post(server.url, t.title)
    t.is((await poll(server.url, 'lobby')).msg, t.title)
    t.true(await isKept(directory, ugly), 'bytes are gone')
    t.true(messagesIn(await readFile(server.file('lobby'), 'utf8')).length <= 200)
    kept.push(await lastOf(server.file('lobby')))
  })

  ava.serial(`${name}: put in the place of a room in use`, async (t) => {
    const server = await serve(t, OPTIONS)
    await send(`${server.url}/rooms/lobby`, { body: 'before' })
    const alice = await new Follower(server.url, 'lobby').start()
    const ugly = bytes()
    await writeFile(join(server.directory, 'new'), ugly)
    await rename(join(server.directory, 'new'), server.file('lobby'))
    await alice.until(({ resets }) => resets > 0)
    t.is(alice.messages.length, shows)
    t.true((alice.texts.at(-1) ?? '').startsWith(newest), alice.texts.at(-1)?.slice(0, 80))
    await appendFile(server.file('lobby'), '\nby hand\n')
    await alice.until(({ texts }) => texts.at(-1) === 'by hand')
    await attack.post(server.url, t.title)
    await alice.until(({ texts }) => texts.at(-1) === t.title)
    kept.push(await lastOf(server.file('lobby')))
    t.true(await isKept(server.directory, ugly), 'bytes are gone')
    await alice.stop()
  })
}
