/**
 * The system's clock stepped back and forth under a running server: order, delivery, waits and leases hold. libfaketime tells the server
 * another time of day than the system has; monotonic time and the files' own times stay true.
 */
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { Attack, sized } from '../helpers/attack.ts'
import { Follower, messagesIn, poll, post, send } from '../helpers/chat.ts'
import { needing } from '../helpers/needing.ts'
import { FAKETIME, pathOf } from '../helpers/programs.ts'
import { randomOf } from '../helpers/random.ts'
import { freshDirectory, serveProcess, type ServedProcess } from '../helpers/serve.ts'

const STEPS = sized(6, 500)
const POSTERS = sized(4, 10)

const HOUR = 3600
const DAY = 24 * HOUR

const test = needing(FAKETIME)

interface Clocked extends ServedProcess {
  /** Sets the clock to so many seconds from the true time. */
  readonly step: (seconds: number) => Promise<void>
}

async function serveClocked(t: ExecutionContext, args: readonly string[] = []): Promise<Clocked> {
  const clock = join(await freshDirectory(t), 'clock')
  const step = (seconds: number): Promise<void> => writeFile(clock, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  await step(0)
  const variables = [
    `LD_PRELOAD=${pathOf(FAKETIME)}`,
    `FAKETIME_TIMESTAMP_FILE=${clock}`,
    'FAKETIME_NO_CACHE=1',
    'FAKETIME_DONT_FAKE_MONOTONIC=1',
    'NO_FAKE_STAT=1',
  ]
  return { ...(await serveProcess(t, ['--rate-limit', 'off', ...args], undefined, ['env', ...variables])), step }
}

async function enter(server: ServedProcess, nick: string): Promise<void> {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  await send(`${server.url}/rooms/lobby/sessions`, { headers, body: `nick=${nick}` })
}

test(`${STEPS} steps of up to a day, back and forth, under ${POSTERS} posters and a pen: all is delivered once and in order`, async (t) => {
  const attack = new Attack(`the clock stepped ${STEPS} times, up to a day`)
  const random = randomOf(t)
  const server = await serveClocked(t, ['--backlog', '1000000', '--max-file', '64m'])
  const alice = await new Follower(server.url, 'lobby').start()
  const stepping = new AbortController()
  t.teardown(() => stepping.abort())
  const posters = Array.from({ length: POSTERS }, async (_, poster) => {
    for (let n = 0; !stepping.signal.aborted; n++) await attack.post(server.url, `${poster}:${n}`)
  })
  for (let n = 0; n < STEPS; n++) {
    await server.step([-HOUR, DAY, 0, -DAY, HOUR / 2, Math.round((random() - 0.5) * 2 * DAY)][n % 6] ?? 0)
    await appendFile(server.file('lobby'), `by hand ${n}\n`)
    await alice.until(({ texts }) => texts.includes(`by hand ${n}`))
  }
  stepping.abort()
  await Promise.all(posters)
  await attack.recover(server.url, 'the last')
  await alice.until(({ texts }) => texts.at(-1) === 'the last')
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.deepEqual(alice.messages, inFile)
  t.deepEqual([alice.resets, alice.gaps], [0, 0])
  t.true(inFile.every(({ timestamp }, n) => n === 0 || timestamp >= (inFile[n - 1]?.timestamp ?? 0)))
  t.is(Math.round((await stat(server.file('lobby'))).mtimeMs), alice.timestamp)
  t.true(alice.timestamp > Date.now() + (DAY / 2) * 1000, 'the clock was not stepped')
  await alice.stop()
  attack.end(
    t,
    inFile.map(({ msg }) => msg),
  )
})

test('polls wait as long as they said, and whoever is here stays, though the clock goes back an hour and forward a day', async (t) => {
  const server = await serveClocked(t)
  await enter(server, 'ann')
  const { timestamp } = await post(server.url, 'lobby', { msg: 'hello' })
  const parked = poll(server.url, 'lobby', { timestamp, wait: 60 })
  for (const step of [-HOUR, DAY]) {
    const short = poll(server.url, 'lobby', { timestamp, wait: 1 })
    await server.step(step)
    t.deepEqual((await short).messages, [])
  }
  await post(server.url, 'lobby', { msg: 'here' })
  t.is((await parked).msg, 'here')
  const { who } = JSON.parse((await send(`${server.url}/rooms/lobby/who`)).text) as { who: string[] }
  t.deepEqual(who, ['ann'])
})

test('who falls silent leaves when the lease is over, though the clock went back', async (t) => {
  const server = await serveClocked(t, ['--lease', '1'])
  const alice = await new Follower(server.url, 'lobby').start()
  await enter(server, 'ann')
  await server.step(-HOUR)
  await alice.until(({ messages }) => messages.some(({ type }) => type === 'part'))
  t.deepEqual(
    alice.messages.map(({ type }) => type),
    ['join', 'part'],
  )
  await alice.stop()
})
