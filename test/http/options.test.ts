/** What code hands to `roomfile()` is checked as the command line is, before anything is opened. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ava from 'ava'
import { readConfig } from '../../server/config.ts'
import { roomfile, type Config } from '../../server/index.ts'
import { UsageError } from '../../server/command/usage.ts'
import { ended, endedProcess } from '../helpers/command.ts'
import { within } from '../helpers/environment.ts'
import { freshDirectory, run } from '../helpers/serve.ts'

const test = ava.serial

const refused: readonly [options: unknown, says: RegExp][] = [
  [{ backlog: -1 }, /'backlog' value -1 .*whole number from 1 to 1000000/],
  [{ backlog: NaN }, /'backlog' value NaN /],
  [{ backlog: 2.5 }, /'backlog' value 2.5 /],
  [{ backlog: '200' }, /'backlog' value '200' /],
  [{ port: 70_000 }, /'port' value 70000 /],
  [{ port: NaN }, /'port' value NaN /],
  [{ host: '' }, /'host' value '' /],
  [{ maxMessage: 10 }, /'maxMessage' value 10 /],
  [{ maxFile: Infinity }, /'maxFile' value Infinity /],
  [{ rateLimit: -3 }, /'rateLimit' value -3 /],
  [{ rateLimit: NaN }, /'rateLimit' value NaN /],
  [{ maxRooms: 0 }, /'maxRooms' value 0 /],
  [{ maxPeople: '9' }, /'maxPeople' value '9' /],
  [{ trustProxy: 'loopback' }, /'trustProxy' value 'loopback' /],
  [{ trustProxy: ['everyone'] }, /'trustProxy' value .*everyone/],
  [{ cors: 'https://example.org' }, /'cors' value 'https:\/\/example.org' /],
  [{ cors: ['example.org'] }, /'cors' value .*example\.org.* no origin/],
  [{ cors: [7] }, /'cors' value \[ 7 \] /],
  [{ frameAncestors: ['self', 'none'] }, /'frameAncestors' value .*none/],
  [{ lease: 0 }, /'lease' value 0 /],
  [{ store: 'tape' }, /'store' value 'tape' .*file or memory/],
  [{ aside: -1 }, /'aside' value -1 .*Infinity/],
  [{ aside: '30d' }, /'aside' value '30d' /],
  [{ aside: NaN }, /'aside' value NaN /],
  [{ client: 5 }, /'client' value 5 /],
  [{ dataDir: '' }, /'dataDir' value '' /],
  [{ quiet: 'yes' }, /'quiet' value 'yes' /],
  [{ colour: 1 }, /no option 'colour'/],
  [{ __proto__: null, toString: 1 }, /no option 'toString'/],
  ['./data', /options are an object.*data/],
  [null, /options are an object.*null/],
]

for (const [options, says] of refused) {
  test(`roomfile() refuses by a TypeError that says ${says}`, async (t) => {
    const dataDir = join(await freshDirectory(t), 'not made')
    const given = typeof options === 'object' && options !== null ? { dataDir, ...options } : options
    await t.throwsAsync(roomfile(given as Partial<Config>), { instanceOf: TypeError, message: says })
    t.false(existsSync(dataDir), 'nothing is opened')
  })
}

test('an option that is undefined has its default', async (t) => {
  const options = { port: 0, host: '127.0.0.1', dataDir: await freshDirectory(t), backlog: undefined, token: undefined }
  const server = await roomfile(options as unknown as Partial<Config>)
  t.is((await fetch(`${server.url}/rooms/lobby`, { method: 'POST', body: 'a' })).status, 201)
  await server.close()
})

test('a duration that is no number of milliseconds is refused', async (t) => {
  const dataDir = join(await freshDirectory(t), 'not made')
  for (const times of [{ typing: NaN }, { quiet: -1 }, { lock: Infinity }])
    await t.throwsAsync(roomfile({ dataDir, port: 0 }, undefined, times), { instanceOf: TypeError, message: /times\./ })
  t.false(existsSync(dataDir))
})

test('what cannot start leaves nothing running', async (t) => {
  const dataDir = await freshDirectory(t)
  const before = process.getActiveResourcesInfo().length
  await t.throwsAsync(roomfile({ dataDir, host: 'no-such-host.invalid', port: 0 }))
  t.true(process.getActiveResourcesInfo().length <= before)
})

const SECRETS: readonly [args: readonly string[], env: NodeJS.ProcessEnv][] = [
  [['--token', 'hush-77'], {}],
  [['--token=hush-77'], {}],
  [['--tokem=hush-77'], {}],
  [['--tokem', 'hush-77', 'dir'], {}],
  [['--token', ' hush-77-with-a-blank'], {}],
  [[], { ROOMFILE_TOKEN: 'hush-77' }],
]

for (const [args, env] of SECRETS) {
  test(`a secret is not told: ${JSON.stringify(env)} roomfile ${args.join(' ')}`, (t) => {
    const { message } = t.throws(() => within(env, () => readConfig(args)), { instanceOf: UsageError })
    t.regex(message, /--toke[mn]/)
    t.notRegex(message, /hush-77/)
  })
}

for (const args of [
  ['follow', '--token=hush-77', '--tokem=hush-77', 'localhost:1'],
  ['post', '--tokem=hush-77', 'localhost:1', 'lobby'],
]) {
  test(`a secret is not printed: roomfile ${args.join(' ')}`, async (t) => {
    const { code, out, err } = await ended(args)
    t.is(code, 2)
    t.regex(err, /--toke[mn]/)
    t.notRegex(out + err, /hush-77/)
  })
}

test('a process prints no more of a secret than that', async (t) => {
  for (const args of [['--token', 'hush-77'], ['--tokem=hush-77'], ['post', '--tokem=hush-77', 'localhost:1', 'lobby']]) {
    const { code, out, err } = await endedProcess(run(args))
    t.is(code, 2)
    t.regex(err, /^roomfile: [^\n]*--toke[mn][^\n]*\n$/)
    t.notRegex(out + err, /hush-77/)
  }
})

test('a token that code hands in is not told', async (t) => {
  for (const token of ['hush-77', 77_777_777, ['hush-77-hush-77']]) {
    const error = await t.throwsAsync(roomfile({ token: token as string, port: 0, dataDir: join(await freshDirectory(t), 'a') }))
    t.true(error instanceof TypeError)
    t.regex(error?.message ?? '', /'token' .*8 characters/)
    t.notRegex(error?.message ?? '', /77/)
  }
})
