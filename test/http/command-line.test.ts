/** The command: what it says, how it ends. */
import { once } from 'node:events'
import { appendFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { poll, post, send } from '../helpers/chat.ts'
import { freshDirectory, run, serve } from '../helpers/serve.ts'

async function ended(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; out: string; err: string }> {
  const child = run(args, env)
  const [[code], out, err] = await Promise.all([
    once(child, 'exit') as Promise<[number | null]>,
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
  ])
  return { code, out, err }
}

const usage: readonly [args: readonly string[], says: RegExp, env?: NodeJS.ProcessEnv][] = [
  [['--colour'], /--colour/],
  [['--port', 'http'], /--port.*http/],
  [['--port', '70000'], /--port.*70000/],
  [['--backlog', '0'], /--backlog.*'0'/],
  [['--max-file', '8 floppies'], /--max-file.*8 floppies/],
  [['--rate-limit', '-3'], /--rate-limit.*-3/],
  [['--token', 'short'], /--token.*8 characters/],
  [['--cors', 'example.org'], /--cors.*example\.org.*no origin/],
  [['--frame-ancestors', 'example.org'], /--frame-ancestors.*example\.org.*no origin/],
  [['--frame-ancestors', 'self,none'], /--frame-ancestors.*none.*no origin/],
  [['--frame-ancestors', "https://a.org; script-src 'unsafe-inline'"], /--frame-ancestors.*no origin/],
  [['--store', 'tape'], /--store.*tape.*file or memory/],
  [['--trust-proxy', 'everyone'], /--trust-proxy.*everyone/],
  [['one', 'two'], /too many arguments/],
  [[], /many.*ROOMFILE_MAX_FILE/, { ROOMFILE_MAX_FILE: 'many' }],
  [[], /none.*PORT/, { PORT: 'none' }],
]

for (const [args, says, env] of usage) {
  test(`${[...Object.entries(env ?? {}).map((pair) => pair.join('=')), 'roomfile', ...args].join(' ')} is refused in one line, and exits 2`, async (t) => {
    const { code, out, err } = await ended(args, env)
    t.is(code, 2)
    t.is(out, '')
    t.regex(err, says)
    t.is(err.trimEnd().split('\n').length, 1)
  })
}

test('a port that is taken ends it with 1 and says which', async (t) => {
  const { url } = await serve(t)
  const { port } = new URL(url)
  const { code, err } = await ended(['-H', '127.0.0.1', '-p', port, await freshDirectory(t)])
  t.is(code, 1)
  t.regex(err, new RegExp(`port ${port} .*taken`))
})

test('a data directory that is a file ends it with 1 and names it', async (t) => {
  const file = join(await freshDirectory(t), 'file')
  await writeFile(file, '')
  const { code, err } = await ended(['-p', '0', file])
  t.is(code, 1)
  t.true(err.includes(file))
})

test('a flag wins over ROOMFILE_PORT, that over PORT', async (t) => {
  const directory = await freshDirectory(t)
  const taken = await serve(t)
  const { port } = new URL(taken.url)
  const byVariable = await ended(['-H', '127.0.0.1', directory], { PORT: '1', ROOMFILE_PORT: port })
  t.regex(byVariable.err, new RegExp(`port ${port} `))
  const byFlag = await ended(['-H', '127.0.0.1', '-p', port, directory], { ROOMFILE_PORT: '1' })
  t.regex(byFlag.err, new RegExp(`port ${port} `))
})

test('--help names every option, --version the version', async (t) => {
  const { code, out } = await ended(['--help'])
  t.is(code, 0)
  for (const option of [
    'data-dir',
    '-p, --port',
    '-H, --host',
    '--backlog',
    '--max-message',
    '--max-file',
    '--token',
    '--cors',
    '--frame-ancestors',
    '--rate-limit',
    '--trust-proxy',
    '--store',
    '--client',
    '--json-logs',
    '--quiet',
    '--open',
  ])
    t.true(out.includes(option), option)
  const version = await ended(['--version'])
  t.regex(version.out, /^\d+\.\d+\.\d+\n$/)
  t.is(version.code, 0)
})

test('SIGTERM answers parked polls at once, with their timestamp and Connection: close, and exits 0', async (t) => {
  const server = await serve(t)
  const { timestamp } = await post(server.url, 'lobby', { msg: 'a' })
  const parked = Array.from({ length: 20 }, () => send(`${server.url}/rooms/lobby?timestamp=${timestamp}&wait=60`))
  await poll(server.url, 'lobby', { timestamp: 0 })
  const code = await server.stop('SIGTERM')
  for (const answer of await Promise.all(parked)) {
    t.is(answer.status, 200)
    t.deepEqual(JSON.parse(answer.text), { timestamp, msg: '', messages: [] })
    t.is(answer.headers.connection, 'close')
  }
  t.is(code, 0)
})

test('posts in flight at SIGTERM are kept if they were acknowledged', async (t) => {
  const server = await serve(t, { rateLimit: 0, backlog: 1000 })
  await post(server.url, 'lobby', { msg: 'first' })
  const posts = Array.from({ length: 100 }, (_, n) => post(server.url, 'lobby', { msg: String(n) }).catch(() => undefined))
  await posts[0]
  t.is(await server.stop('SIGTERM'), 0)
  const acknowledged = (await Promise.all(posts)).filter((answer) => answer !== undefined)
  const again = await serve(t, { backlog: 1000 }, server.directory)
  const kept = new Set((await poll(again.url, 'lobby')).messages.map(({ id }) => id))
  t.true(acknowledged.length > 0)
  t.deepEqual(
    acknowledged.filter(({ id }) => !kept.has(id)),
    [],
  )
})

test('a relative directory is one like any other, and is made', async (t) => {
  const above = await freshDirectory(t)
  const server = await serve(t, {}, relative(process.cwd(), join(above, 'rooms')))
  const { timestamp } = await post(server.url, 'lobby', { msg: 'a' })
  const parked = poll(server.url, 'lobby', { timestamp })
  await appendFile(server.file('lobby'), 'by hand\n')
  t.is((await parked).msg, 'by hand')
})

test('the banner shows the page, the directory, and a curl line that can be pasted', async (t) => {
  const directory = await freshDirectory(t)
  const child = run(['-H', '127.0.0.1', '-p', '0', directory])
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  for await (const chunk of child.stdout ?? []) {
    out += String(chunk)
    if (out.includes('curl')) break
  }
  t.regex(out, /http:\/\/127\.0\.0\.1:\d+/)
  t.true(out.includes(directory))
  t.regex(out, /curl -d 'hello' http:\/\/127\.0\.0\.1:\d+\/rooms\/lobby/)
})

/** An address that does not look like this machine's own, and is. */
const BEYOND = '0x7f.1'

/** All that it says from its start until it is stopped, once it has said this. */
async function saidWith(t: ExecutionContext, args: readonly string[], until: string): Promise<string> {
  const child = run(['-H', BEYOND, '-p', '0', ...args, await freshDirectory(t)])
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk)
    if (said.includes(until)) child.kill('SIGTERM')
  }
  return said
}

for (const options of [[], ['--quiet'], ['--json-logs'], ['--quiet', '--json-logs']]) {
  test(`without a token and beyond localhost, ${options.join(' ') || 'the banner'} warns, once`, async (t) => {
    t.is((await saidWith(t, options, 'Anybody who can')).split('can read and write').length, 2)
  })
}

test('with a token it does not warn', async (t) => {
  t.notRegex(await saidWith(t, ['--token', 'open-sesame'], 'curl'), /can read and write/)
  t.notRegex(await saidWith(t, ['--token', 'open-sesame', '--json-logs'], 'listening'), /can read and write/)
})
