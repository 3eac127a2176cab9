/** What an address may have of the server's one thread: a part of the time, a moment at once, and its turns among others. */
import { setImmediate } from 'node:timers/promises'
import { mock } from 'node:test'
import type { IncomingMessage } from 'node:http'
import ava, { type ExecutionContext } from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { rateLimit, type RateLimit } from '../../server/http/rate-limit.ts'
import { WorkShare } from '../../server/http/work-share.ts'
import { stoppedClockOf } from '../helpers/clock.ts'

const test = ava.serial

/** Time that passes only as the test says, for timers as well. */
function timeOf(t: ExecutionContext): { work: (ms: number) => () => void; pass: (ms: number) => void } {
  const clock = stoppedClockOf(t)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  return {
    work: (ms) => () => clock.pass(ms),
    pass: (ms) => {
      clock.pass(ms)
      mock.timers.tick(ms)
    },
  }
}

const from = (remoteAddress: string): IncomingMessage => ({ socket: { remoteAddress }, headers: {} }) as unknown as IncomingMessage

const usual = (): RateLimit => rateLimit({ postsPerSecond: 100, trustProxy: [] })

test('an address that worked for its moment waits until others have had their part, and nobody else does', async (t) => {
  const { work, pass } = timeOf(t)
  const share = new WorkShare()
  const done: string[] = []
  const take = (address: string, name: string): Promise<unknown> =>
    share.take(address, () => {
      done.push(name)
      work(BUDGETS.workAtOnce * 2)()
    })
  const first = take('a', 'first of a')
  const second = take('a', 'second of a')
  const third = take('a', 'third of a')
  await take('b', 'first of b')
  t.deepEqual(done, ['first of a', 'first of b'])
  t.is(share.waiting('a'), 2)
  pass((BUDGETS.workAtOnce * 2) / BUDGETS.workShare)
  await Promise.all([first, second])
  t.deepEqual(done, ['first of a', 'first of b', 'second of a'])
  pass((BUDGETS.workAtOnce * 2) / BUDGETS.workShare)
  await third
  t.is(share.waiting('a'), 0)
})

test('an address whose work takes longer than its part has no more than its part', (t) => {
  const { work, pass } = timeOf(t)
  const share = new WorkShare()
  let worked = 0
  for (let n = 0; n < 200; n++) void share.take('a', () => work(10)()).then(() => (worked += 10))
  for (let ms = 0; ms < 4000; ms += 40) pass(40)
  const done = (200 - share.waiting('a')) * 10
  t.true(done >= 900 && done <= 4000, `${done} ms`)
  t.true(done <= (4000 + done) * BUDGETS.workShare + BUDGETS.workAtOnce + 10, `${done} ms of ${4000 + done}`)
})

test('50 people behind one address who chat never wait: two posts of HTML a second and a large answer each', (t) => {
  const { work, pass } = timeOf(t)
  const share = new WorkShare()
  for (let ms = 0; ms < 10_000; ms += 10) {
    void share.take('office', work(1.5)) // one of 100 posts a second, as many as the address may send
    if (ms % 200 === 0) void share.take('office', work(2))
    t.is(share.waiting('office'), 0)
    pass(10)
  }
})

test('what the work throws is thrown to who asked for it, and the next one has its turn', async (t) => {
  const share = new WorkShare()
  const failing = share.take('a', () => {
    throw new Error('it failed')
  })
  await t.throwsAsync(failing, { message: 'it failed' })
  t.is(await share.take('a', () => 'done'), 'done')
})

test('when the share is lifted whatever waits is done at once', async (t) => {
  const { work } = timeOf(t)
  const share = new WorkShare()
  const all = Promise.all(Array.from({ length: 10 }, () => share.take('a', work(1000))))
  t.is(share.waiting('a'), 9)
  share.lift()
  t.is(share.waiting('a'), 0)
  await all
})

test('posts of one address that wait for their turn are so many at most', async (t) => {
  const { work } = timeOf(t)
  const limit = usual()
  for (let n = 0; n <= BUDGETS.workWaiting; n++) void limit.work(from('10.0.0.1'), work(1000))
  await t.throwsAsync(limit.work(from('10.0.0.1'), work(1)), { message: 'too many posts from this address' })
  await limit.work(from('10.0.0.2'), work(1))
})

test('requests of one address begin some in each turn of the event loop, those of others at once', async (t) => {
  const limit = usual()
  const begun: string[] = []
  const most = BUDGETS.requestsInTurn
  for (let n = 0; n < 2 * most + 1; n++) limit.begin(from('10.0.0.1'), () => begun.push('a'))
  limit.begin(from('10.0.0.2'), () => begun.push('b'))
  t.deepEqual(begun, [...Array.from({ length: most }, () => 'a'), 'b'])
  await setImmediate()
  t.is(begun.length, 2 * most + 1)
  await setImmediate()
  t.is(begun.length, 2 * most + 2)
})

test('polls of one address look at some rooms at a time, those of others at once; who asks for the same room shares the look', async (t) => {
  const limit = usual()
  const looked: number[] = []
  const ends: (() => void)[] = []
  const rooms = Array.from({ length: 10 }, (_, n) => ({
    look: () => {
      looked.push(n)
      return new Promise<void>((end) => ends.push(end))
    },
  }))
  const [first] = rooms
  const looks = [...rooms, ...rooms].map((room) => limit.look(from('10.0.0.1'), room))
  await setImmediate()
  t.is(looked.length, BUDGETS.looksAtOnce)
  if (first) looks.push(limit.look(from('10.0.0.2'), first))
  await setImmediate()
  t.is(looked.length, BUDGETS.looksAtOnce + 1)
  while (ends.length > 0) {
    for (const end of ends.splice(0)) end()
    await setImmediate()
  }
  await Promise.all(looks)
  t.is(looked.length, rooms.length + 1)
})
