/**
 * What an address may ask for: limits are asked before work is done, so that whoever has used up his posts costs nothing but the answer, in
 * every dialect; and whoever asks for much at once waits for its turn.
 */
import { Agent } from 'node:http'
import { mock } from 'node:test'
import ava, { type ExecutionContext } from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { WorkShare } from '../../server/http/work-share.ts'
import { countCalls, type CallsOf } from '../helpers/calls.ts'
import { send, type Answer, post } from '../helpers/chat.ts'
import { clockOf } from '../helpers/clock.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** One post a second, and five at once. */
const FEW = { rateLimit: 1 }

/** On a slow machine a second goes by between two requests, and one more post is allowed. */
const MOST_TRIES = 30

/** Asks again and again, until it is refused because there were too many. False when that never comes. */
async function isRefused(ask: () => Promise<Answer>): Promise<boolean> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if ((await ask()).status === 429) return true
  }
  return false
}

/** How often a function was called by a request that was refused. */
async function callsOfRefused(
  t: ExecutionContext,
  callsOf: CallsOf,
  ask: () => Promise<Answer>,
  file: string,
  name: string,
): Promise<number> {
  let calls = 0
  const counted = async (): Promise<Answer> => {
    await callsOf(file, name)
    const answer = await ask()
    calls = await callsOf(file, name)
    return answer
  }
  t.true(await isRefused(counted))
  return calls
}

test('PHP: the HTML of a post beyond the limit is not looked at', async (t) => {
  const { url } = await serve(t, FEW)
  const callsOf = await countCalls(t)
  const say = (): Promise<Answer> => send(`${url}/comet.php`, { headers: FORM, body: `msg=${encodeURIComponent('<b>a</b>')}` })
  t.is((await say()).status, 200)
  t.is(await callsOf('server/dialects/markup.ts', 'toMarkdown'), 1)
  t.is(await callsOfRefused(t, callsOf, say, 'server/dialects/markup.ts', 'toMarkdown'), 0)
})

for (const [dialect, path] of Object.entries({
  native: '/rooms/lobby',
  gevent: '/new',
  mochiweb: '/chat',
  presence: '/rooms/lobby/sessions',
})) {
  test(`${dialect}: a post beyond the limit is refused before its body is read`, async (t) => {
    const { url } = await serve(t, FEW)
    // Whoever reads it finds that it is no UTF-8.
    const say = (): Promise<Answer> => send(`${url}${path}`, { headers: FORM, body: Buffer.from([0xff]) })
    t.is((await say()).status, 400)
    t.true(await isRefused(say))
  })
}

test('node_chat: what is said beyond the limit is not looked at', async (t) => {
  const { url } = await serve(t, FEW)
  const callsOf = await countCalls(t)
  const say = (): Promise<Answer> => send(`${url}/send?id=x&text=a`)
  await say()
  t.is(await callsOf('server/room/draft.ts', 'draftOf'), 1)
  t.is(await callsOfRefused(t, callsOf, say, 'server/room/draft.ts', 'draftOf'), 0)
})

/** From now on each such work seems to take an hour. */
function anHourEach(t: ExecutionContext): void {
  const clock = clockOf(t)
  const { take } = WorkShare.prototype // oxlint-disable-line typescript/unbound-method -- it is called with its own `this` below
  const mocked = mock.method(WorkShare.prototype, 'take', function slow(this: WorkShare, address: string, work: () => unknown): unknown {
    const anHour = (): unknown => {
      const done = work()
      clock.pass(3_600_000)
      return done
    }
    return Reflect.apply(take, this, [address, anHour])
  })
  t.teardown(() => mocked.mock.restore())
}

/** Asks from an address of this machine, each time on a connection of its own. */
const from = (localAddress: string): { agent: Agent } => ({ agent: new Agent({ localAddress }) })

async function waitsAlone(
  t: ExecutionContext,
  url: string,
  close: () => Promise<void>,
  ask: (address: string) => Promise<Answer>,
): Promise<void> {
  t.is((await ask('127.0.0.2')).status, 200)
  let isAnswered = false
  const second = ask('127.0.0.2').finally(() => (isAnswered = true))
  t.is((await ask('127.0.0.3')).status, 200)
  t.is((await send(`${url}/rooms/lobby?wait=0`, from('127.0.0.2'))).status, 200) // what is small has no need of a turn
  t.false(isAnswered)
  await close()
  t.is((await second).status, 200)
}

test('an address whose HTML takes long waits for its turn, and a stop answers it', async (t) => {
  const { url, close } = await serve(t)
  anHourEach(t)
  await waitsAlone(t, url, close, (address) => send(`${url}/comet.php`, { ...from(address), method: 'POST', body: 'msg=<b>hello</b>' }))
})

test('an address that asks for large answers waits for its turn, and a stop answers it', async (t) => {
  const { url, close } = await serve(t)
  for (let n = 0; n < 5; n++) await post(url, 'large', { msg: 'x'.repeat(BUDGETS.largeAnswer / 4) })
  anHourEach(t)
  await waitsAlone(t, url, close, (address) => send(`${url}/rooms/large?wait=0`, from(address)))
})
