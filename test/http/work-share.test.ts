/** One address asks for what takes long: it waits for its turn, nobody else does, and nobody is told an error. */
import { Agent } from 'node:http'
import { mock } from 'node:test'
import ava, { type ExecutionContext } from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { WorkShare } from '../../server/work-share.ts'
import { post, send, type Answer } from '../helpers/chat.ts'
import { clockOf } from '../helpers/clock.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

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
