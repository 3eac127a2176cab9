/** The command: what it says, how it ends. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { mock } from 'node:test'
import { fileURLToPath } from 'node:url'
import ava, { type ExecutionContext } from 'ava'
import { commandNamed } from '../../server/command/cli.ts'
import { readConfig } from '../../server/config.ts'
import { UsageError } from '../../server/command/usage.ts'
import { poll, post } from '../helpers/chat.ts'
import { within } from '../helpers/environment.ts'
import { freshDirectory, run, serve, serveProcess } from '../helpers/serve.ts'

const test = ava.serial

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
  [['--aside', '30'], /--aside.*'30'.*30d/],
  [['--aside', '0d'], /--aside.*'0d'.*off/],
  [['--aside', '36501d'], /--aside.*'36501d'.*at most/],
  [['--trust-proxy', 'everyone'], /--trust-proxy.*everyone/],
  [['one', 'two'], /too many arguments/],
  [[], /many.*ROOMFILE_MAX_FILE/, { ROOMFILE_MAX_FILE: 'many' }],
  [[], /none.*PORT/, { PORT: 'none' }],
  [[], /tcp:\/\/10\.0\.0\.1:80.*'PORT'/, { PORT: 'tcp://10.0.0.1:80' }],
  [[], /''.*'ROOMFILE_PORT'/, { ROOMFILE_PORT: '' }],
  [[], /''.*'ROOMFILE_HOST'/, { ROOMFILE_HOST: '' }],
  [[], /x86_64-conda-linux-gnu.*'HOST'/, { HOST: 'x86_64-conda-linux-gnu' }],
  [[], /0\.0\.0\.0:8080.*'HOST'/, { HOST: '0.0.0.0:8080' }],
]

test('an option that makes no sense is refused in one line that names it', async (t) => {
  for (const [args, says, env = {}] of usage) {
    const error = t.throws(
      () => within(env, () => readConfig(args)),
      { instanceOf: UsageError, message: says },
      JSON.stringify([args, env]),
    )
    t.notRegex(error.message, /\n/)
  }
  const { code, out, err } = await ended([], { PORT: 'none' })
  t.is(code, 2)
  t.is(out, '')
  t.regex(err, /^roomfile: .*none.*PORT.*\n$/)
})

test('a port that is taken ends it with 1 and says which', async (t) => {
  const { url } = await serve(t)
  const { port } = new URL(url)
  const { code, err } = await ended(['-H', '127.0.0.1', '-p', port, await freshDirectory(t)])
  t.is(code, 1)
  t.regex(err, new RegExp(`port ${port} .*in use`))
})

test('a data directory that is a file ends it with 1 and names it', async (t) => {
  const file = join(await freshDirectory(t), 'file')
  await writeFile(file, '')
  const { code, err } = await ended(['-p', '0', file])
  t.is(code, 1)
  t.true(err.includes(file))
})

const port = (args: string[], env: Record<string, string>): number | undefined => within(env, () => readConfig(args)?.port)

test('a flag wins over ROOMFILE_PORT, that over PORT', (t) => {
  t.is(port([], { PORT: '1' }), 1)
  t.is(port([], { PORT: '1', ROOMFILE_PORT: '2' }), 2)
  t.is(port(['--port', '3'], { PORT: '1', ROOMFILE_PORT: '2' }), 3)
})

test('an empty PORT or HOST is one that is not set', (t) => {
  t.is(port([], { PORT: '' }), 8080)
  t.is(port([], { PORT: '', ROOMFILE_PORT: '2' }), 2)
  t.is(
    within({ HOST: '' }, () => readConfig([])?.host),
    'localhost',
  )
})

test('the address of a Kubernetes service named roomfile is no port to listen on', (t) => {
  const ROOMFILE_PORT = 'tcp://10.0.0.1:80'
  t.is(port([], { ROOMFILE_PORT }), 8080)
  t.is(port([], { ROOMFILE_PORT, PORT: '1' }), 1)
  t.is(port(['--port', '3'], { ROOMFILE_PORT }), 3)
})

test('a HOST of another machine ends it with 2 and says where it may come from', async (t) => {
  for (const HOST of ['192.0.2.1', 'no-such-host.invalid']) {
    const { code, err } = await ended(['-p', '0', await freshDirectory(t)], { HOST })
    t.is(code, 2)
    t.regex(err, /^roomfile: \S+ is not an address of this machine: .*HOST.*\n$/)
  }
})

test('--frame-ancestors allows our own pages beside the named ones, unless it says none or all', (t) => {
  for (const [option, ancestors] of [
    ['self', ['self']],
    ['none', ['none']],
    ['*', ['*']],
    ['https://example.org', ['self', 'https://example.org']],
    ['self, https://example.org,http://10.0.0.5:3000', ['self', 'https://example.org', 'http://10.0.0.5:3000']],
  ] as const)
    t.deepEqual(readConfig(['--frame-ancestors', option])?.frameAncestors, ancestors)
})

test('--aside says how long in days, hours or minutes, or forever, or off', (t) => {
  for (const [said, ms] of [
    ['30d', 2_592_000_000],
    ['12h', 43_200_000],
    ['90M', 5_400_000],
    ['forever', Infinity],
    ['off', 0],
  ] as const)
    t.is(readConfig(['--aside', said])?.aside, ms, said)
  t.is(
    within({ ROOMFILE_ASIDE: 'off' }, () => readConfig([])?.aside),
    0,
  )
  t.is(readConfig([])?.aside, readConfig(['--aside', '30d'])?.aside)
})

/** What this process prints, of the help or the version. */
async function printed(print: () => unknown): Promise<string> {
  const { mock: written } = mock.method(process.stdout, 'write', () => true)
  try {
    await print()
  } finally {
    written.restore()
  }
  return written.calls.map((call) => String(call.arguments[0])).join('')
}

test('--help names every option and command, --version the version; help and -h are --help, -v is --version', async (t) => {
  const help = await ended(['--help'])
  const { code, out } = help
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
    '--aside',
    '--client',
    '--json-logs',
    '--quiet',
    '--open',
  ])
    t.true(out.includes(option), option)
  t.regex(out, /roomfile follow URL \[room\][^]*roomfile post URL room/)
  const version = await ended(['--version'])
  t.regex(version.out, /^\d+\.\d+\.\d+\n$/)
  t.is(version.code, 0)
  for (const args of [['help'], ['help', 'me']]) t.deepEqual(await ended(args), help, args.join(' '))
  t.is(await printed(() => t.is(readConfig(['-h']), undefined)), out)
  t.is(await printed(() => t.is(readConfig(['-v']), undefined)), version.out)
})

test('help follow and follow -h are follow --help', async (t) => {
  const help = await ended(['help', 'follow'])
  t.deepEqual([help.code, help.err], [0, ''])
  t.regex(help.out, /^Usage: roomfile follow /)
  for (const option of ['--help', '-h'])
    t.is(await printed(async () => t.is(await commandNamed('follow')?.([option]), 0)), help.out, option)
})

const LAUNCH = fileURLToPath(new URL('../../server/launch.ts', import.meta.url))

/** The command of the package, by a Node that says it is this one. */
function launched(version: string): { status: number | null; stdout: string; stderr: string } {
  const pretend = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  return spawnSync(process.execPath, ['--import', pretend, LAUNCH, '--version'], { encoding: 'utf8' })
}

test('the command of the package says in one line that Node is too old', (t) => {
  for (const version of ['18.20.8', '20.20.2', '22.22.2']) {
    const { status, stdout, stderr } = launched(version)
    t.is(status, 1)
    t.is(stdout, '')
    t.regex(stderr, new RegExp(`^roomfile: needs Node\\.js 24 .*${version}.*\\n$`))
  }
  const { status, stdout } = launched('24.15.0')
  t.is(status, 0)
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('help that cannot be written ends it with 1 and says why', async (t) => {
  const child = run(['--help'], {}, ['sh', '-c', 'exec "$0" "$@" > /dev/full'])
  const [[code], err] = await Promise.all([once(child, 'exit') as Promise<[number | null]>, child.stderr ? text(child.stderr) : ''])
  t.is(code, 1)
  t.regex(err, /^roomfile: could not write to standard output: ENOSPC.*\n$/)
})

test('SIGTERM answers parked polls, and exits 0', async (t) => {
  const server = await serveProcess(t)
  const { timestamp } = await post(server.url, 'lobby', { msg: 'a' })
  const parked = poll(server.url, 'lobby', { timestamp, wait: 60 })
  await poll(server.url, 'lobby', { timestamp: 0 })
  t.is(await server.stop('SIGTERM'), 0)
  t.is((await parked).timestamp, timestamp)
})

test('a relative directory is one like any other, and is made', async (t) => {
  const above = await freshDirectory(t)
  const server = await serve(t, {}, relative(process.cwd(), join(above, 'rooms')))
  const { timestamp } = await post(server.url, 'lobby', { msg: 'a' })
  const parked = poll(server.url, 'lobby', { timestamp })
  await appendFile(server.file('lobby'), 'by hand\n')
  t.is((await parked).msg, 'by hand')
})

/** An address that does not look like this machine's own, and is. */
const BEYOND = '0x7f.1'

/** All that it says from its start until it is stopped, once it has said this. */
async function saidWith(t: ExecutionContext, args: readonly string[], until: string): Promise<string> {
  const child = run(['-H', BEYOND, '-p', '0', ...args])
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk)
    if (said.includes(until)) child.kill('SIGTERM')
  }
  return said
}

test('without a token and beyond localhost it warns, once, however little it is to say', async (t) => {
  for (const options of [[], ['--quiet', '--json-logs']])
    t.is(
      (await saidWith(t, [...options, await freshDirectory(t)], 'Anybody who can')).split('can read and write').length,
      2,
      options.join(),
    )
})

test('the banner shows the page, the directory, and a curl line that can be pasted; with a token it does not warn', async (t) => {
  const directory = await freshDirectory(t)
  const said = await saidWith(t, ['--token', 'open-sesame', directory], 'curl')
  t.regex(said, /page +http:\/\/0x7f\.1:\d+\n/)
  t.true(said.includes(directory))
  t.regex(said, /curl -d 'hello' http:\/\/0x7f\.1:\d+\/rooms\/lobby/)
  t.notRegex(said, /can read and write/)
})
