import test, { type ExecutionContext } from 'ava'
import { connect, RoomError, type Connection, type MessagesEvent, type RoomEvent } from '../../client/api/client.ts'
import { PollingHub } from '../../client/api/polling-hub.ts'
import { drops, gives, madeUp, noting, parks, type Answer, type MadeUp } from '../helpers/made-up.ts'

const hello = { id: '5-0', timestamp: 5, type: 'msg', nick: 'ann', msg: 'hello' } as const

/** The answer to a poll that tells this of the room that was asked for. */
const tells =
  (news: object): Answer =>
  (response, request) => {
    const poll = new URL(request.url ?? '', 'http://localhost').searchParams.get('poll') ?? ''
    return gives({ rooms: { [poll.split(':')[0] ?? '']: news } })(response, request)
  }

const refuses = (status: number, headers = {}): Answer => gives({ error: { code: 'because', message: 'It is so.' } }, status, headers)

/** A server that gives its answers in turn, and then parks. */
const serve = (t: ExecutionContext, ...answers: Answer[]): Promise<MadeUp> => madeUp(t, ...answers, parks)

/** The events up to and with the first that fits. */
async function until(connection: Connection, fits: (event: RoomEvent) => boolean): Promise<RoomEvent[]> {
  const events: RoomEvent[] = []
  for await (const event of connection) {
    events.push(event)
    if (fits(event)) return events
  }
  return events
}

const isMessages = (event: RoomEvent): event is MessagesEvent => event.type === 'messages'
const states = (events: RoomEvent[]): string[] => events.map((event) => (event.type === 'state' ? event.state : event.type))

test('the first poll asks for everything at once, the next goes on from its timestamp and waits', async (t) => {
  const { join, asked } = await serve(
    t,
    tells({ timestamp: 5, msg: 'hello', messages: [hello] }),
    tells({ timestamp: 6, msg: 'x', messages: [hello] }),
  )
  const events = await until(join(), (event) => isMessages(event) && event.timestamp === 6)
  t.deepEqual(asked.slice(0, 2), ['GET /chat/rooms?poll=lobby:0&wait=0', 'GET /chat/rooms?poll=lobby:5&wait=25'])
  t.deepEqual(states(events), ['connecting', 'connected', 'messages', 'messages'])
  t.deepEqual(events[2], { type: 'messages', messages: [hello], timestamp: 5, reset: false, gap: false })
})

test('a room in Chinese, a timestamp to go on from and a shorter wait reach the server', async (t) => {
  const { join, asked } = await serve(t, tells({ timestamp: 7, messages: [hello] }), tells({ timestamp: 8, messages: [hello] }))
  await until(join({ room: '大厅', timestamp: 5, wait: 3 }), (event) => isMessages(event) && event.timestamp === 8)
  t.deepEqual(asked.slice(0, 2), ['GET /chat/rooms?poll=%E5%A4%A7%E5%8E%85:5&wait=0', 'GET /chat/rooms?poll=%E5%A4%A7%E5%8E%85:7&wait=3'])
})

test('a reset and a gap are told, even a reset to nothing', async (t) => {
  const { join } = await serve(t, tells({ timestamp: 5, messages: [hello], gap: true }), tells({ timestamp: 9, messages: [], reset: true }))
  const told = (await until(join(), (event) => isMessages(event) && event.reset)).filter(isMessages)
  t.deepEqual(
    told.map(({ reset, gap, messages }) => ({ reset, gap, count: messages.length })),
    [
      { reset: false, gap: true, count: 1 },
      { reset: true, gap: false, count: 0 },
    ],
  )
})

test('a wait that ends with nothing is no event', async (t) => {
  const nothing = gives({ rooms: {} })
  const { join } = await serve(t, nothing, nothing, tells({ timestamp: 6, messages: [hello] }))
  t.deepEqual(states(await until(join(), isMessages)), ['connecting', 'connected', 'messages'])
})

for (const [name, failure] of Object.entries({
  'a dropped connection': drops,
  'a 500': refuses(500),
  'a 408': refuses(408),
  'a 429': refuses(429),
  'a page of a proxy': ((response) => response.end('<html>')) satisfies Answer,
  'JSON of somebody else': gives({ hello: 1 }),
})) {
  test(`after ${name} the loop goes on from its timestamp, at first without a wait`, async (t) => {
    const { join, asked } = await serve(t, tells({ timestamp: 5, messages: [hello] }), failure, tells({ timestamp: 6, messages: [hello] }))
    const events = await until(join(), (event) => isMessages(event) && event.timestamp === 6)
    t.deepEqual(states(events), ['connecting', 'connected', 'messages', 'waiting', 'connecting', 'connected', 'messages'])
    t.deepEqual(asked.slice(1, 3), ['GET /chat/rooms?poll=lobby:5&wait=25', 'GET /chat/rooms?poll=lobby:5&wait=0'])
  })
}

test('the loop leaves a server alone for as long as Retry-After says', async (t) => {
  const { join } = await serve(t, refuses(503, { 'Retry-After': '7' }))
  const before = Date.now()
  const waiting = (await until(join(), (event) => event.type === 'state' && event.state === 'waiting')).at(-1)
  t.true(
    waiting?.type === 'state' && waiting.state === 'waiting' && waiting.retryAt >= before + 7000 && waiting.error.message === 'It is so.',
  )
})

test('the delays double, with jitter, up to 30 seconds', async (t) => {
  const { join } = await serve(t, ...Array.from({ length: 9 }, () => drops))
  const connection = join({ retryDelay: 1000 })
  // A delay was chosen between these two moments.
  const delays: { least: number; most: number }[] = []
  let before = Date.now()
  for await (const event of connection) {
    if (event.type !== 'state' || event.state !== 'waiting') continue
    if (delays.push({ least: event.retryAt - Date.now(), most: event.retryAt - before }) === 8) break
    before = Date.now()
    setImmediate(() => connection.retry())
  }
  for (const [n, delay] of delays.entries()) {
    const most = Math.min(30_000, 1000 * 2 ** n)
    t.true(delay.least <= most && delay.most >= most / 2, `${n}: ${JSON.stringify(delay)}`)
  }
})

test('a 404 ends the loop with the reason of the server', async (t) => {
  const { join, asked } = await serve(t, refuses(404))
  const error = await t.throwsAsync(until(join(), isMessages), { instanceOf: RoomError, message: 'It is so.' })
  t.like(error, { status: 404, code: 'because' })
  t.is(asked.length, 1)
})

test('an address that is none is refused at once', (t) => {
  t.throws(() => connect('http://[', { room: 'lobby' }), { instanceOf: TypeError })
})

test('the signal ends a parked poll', async (t) => {
  const { join, ends } = await serve(t, tells({ timestamp: 5, messages: [hello] }), () => ends.abort())
  t.deepEqual(states(await until(join(), () => false)), ['connecting', 'connected', 'messages'])
})

test('the signal ends a wait for the next try', async (t) => {
  const { join, ends } = await serve(t, refuses(503, { 'Retry-After': '600' }))
  const events: RoomEvent[] = []
  for await (const event of join()) {
    events.push(event)
    if (events.length === 2) setImmediate(() => ends.abort())
  }
  t.deepEqual(states(events), ['connecting', 'waiting'])
})

test('a post carries its words, a nick and a cid', async (t) => {
  const bodies: unknown[] = []
  const takes = noting(bodies, gives({ id: '5-0', timestamp: 5 }, 201))
  const { join } = await serve(t, takes, takes)
  const connection = join({ nick: 'ann' })
  t.deepEqual(await connection.post('你好'), { id: '5-0', timestamp: 5 })
  await connection.post('again', { nick: 'bob', cid: 'mine' })
  t.like(bodies[0], { msg: '你好', nick: 'ann' })
  t.regex((bodies[0] as { cid: string }).cid, /^[\da-f]{32}$/)
  t.deepEqual(bodies[1], { msg: 'again', nick: 'bob', cid: 'mine' })
})

test('a post tries again under the same cid', async (t) => {
  const posted: { cid: string }[] = []
  const answers = [drops, refuses(503), refuses(429), gives({ id: '5-0', timestamp: 5 }, 201)]
  const { join } = await serve(t, ...answers.map((answer) => noting(posted, answer)))
  t.deepEqual(await join().post('x'), { id: '5-0', timestamp: 5 })
  t.is(posted.length, 4)
  t.is(new Set(posted.map(({ cid }) => cid)).size, 1)
})

test('a post gives up after its tries, with the reason', async (t) => {
  const { join, asked } = await serve(t, refuses(507), refuses(507))
  await t.throwsAsync(join().post('x', { tries: 2 }), { instanceOf: RoomError, message: 'It is so.' })
  t.is(asked.length, 2)
})

test('a refused post is not repeated', async (t) => {
  const { join, asked } = await serve(t, refuses(413))
  await t.throwsAsync(join().post('x'), { instanceOf: RoomError, message: 'It is so.' })
  t.is(asked.length, 1)
})

test('the signal ends a post', async (t) => {
  const { join, ends } = await serve(t, () => ends.abort())
  await t.throwsAsync(join().post('x'), { name: 'AbortError' })
})

test('a poll that outlives its wait is given up, and asked anew', async (t) => {
  const { join, asked } = await serve(t, tells({ timestamp: 5, messages: [hello] }), parks, tells({ timestamp: 6, messages: [hello] }))
  const events = await until(join({ wait: 1, grace: 2000 }), (event) => isMessages(event) && event.timestamp === 6)
  t.deepEqual(states(events), ['connecting', 'connected', 'messages', 'waiting', 'connecting', 'connected', 'messages'])
  t.deepEqual(asked.slice(1, 3), ['GET /chat/rooms?poll=lobby:5&wait=1', 'GET /chat/rooms?poll=lobby:5&wait=0'])
})

test('a retry asks at once, in place of the poll that waits', async (t) => {
  const retries: Answer = () => connection.retry()
  const { join, asked } = await serve(t, tells({ timestamp: 5, messages: [hello] }), retries, tells({ timestamp: 6, messages: [hello] }))
  const connection = join()
  const events: RoomEvent[] = []
  for await (const event of connection) {
    events.push(event)
    if (isMessages(event) && event.timestamp === 6) break
  }
  t.deepEqual(states(events), ['connecting', 'connected', 'messages', 'messages'])
  t.deepEqual(asked.slice(1, 3), ['GET /chat/rooms?poll=lobby:5&wait=25', 'GET /chat/rooms?poll=lobby:5&wait=0'])
})

test('waiting tells how many tries failed in a row', async (t) => {
  const { join } = await serve(t, drops, drops, tells({ timestamp: 5, messages: [hello] }), drops)
  const failures: number[] = []
  for await (const event of join()) {
    if (event.type === 'state' && event.state === 'waiting') failures.push(event.failures)
    if (failures.length === 3) break
  }
  t.deepEqual(failures, [1, 2, 1])
})

test('a token goes with polls and posts', async (t) => {
  const tokens: (string | undefined)[] = []
  const notingToken =
    (answer: Answer): Answer =>
    (response, request) => {
      tokens.push(request.headers.authorization)
      return answer(response, request)
    }
  const { join } = await serve(
    t,
    notingToken(gives({ id: '5-0', timestamp: 5 }, 201)),
    notingToken(tells({ timestamp: 5, messages: [hello] })),
  )
  const connection = join({ token: 'secret' })
  await connection.post('x')
  await until(connection, isMessages)
  t.deepEqual(tokens, ['Bearer secret', 'Bearer secret'])
})

test('a room that the server cannot read waits by itself, while others are followed', async (t) => {
  const broken = { error: { status: 500, code: 'not_readable', message: 'It is so.' } }
  const { url, ends, asked } = await serve(
    t,
    gives({ rooms: { dev: broken, lobby: { timestamp: 5, messages: [hello] } } }),
    parks,
    gives({ rooms: { dev: { timestamp: 6, messages: [hello] } } }),
  )
  const hub = new PollingHub(`${url}/chat`, { retryDelay: 1000 })
  const both = ['dev', 'lobby'].map((room) => connect(url, { room, hub, signal: ends.signal }))
  const heard = await Promise.all(both.map((connection) => until(connection, isMessages)))
  t.deepEqual(heard.map(states), [
    ['connecting', 'waiting', 'connecting', 'connected', 'messages'],
    ['connecting', 'connected', 'messages'],
  ])
  t.is(asked[0], 'GET /chat/rooms?poll=dev:0,lobby:0&wait=0')
  t.is(asked[1], 'GET /chat/rooms?poll=lobby:5&wait=25')
})

test('each listener is told from where it stands: a newcomer all, another the reset that it missed', async (t) => {
  const more = { ...hello, id: '9-0', timestamp: 9 }
  const { url, asked } = await serve(
    t,
    tells({ timestamp: 5, messages: [hello] }),
    parks,
    tells({ timestamp: 9, messages: [more] }),
    tells({ timestamp: 9, messages: [more], reset: true }),
  )
  const hub = new PollingHub(`${url}/chat`)
  const told: MessagesEvent[][] = [[], []]
  const listen = (n: number): void => {
    const onEvent = (event: RoomEvent): void => void (isMessages(event) && told[n]?.push(event))
    const subscription = hub.follow('lobby', { timestamp: 0, presence: false }, { onEvent, onEnd: (error) => t.fail(error.message) })
    t.teardown(() => subscription.close())
  }
  listen(0)
  while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve))
  listen(1)
  while (asked.length < 5) await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(asked.slice(0, 5), [
    'GET /chat/rooms?poll=lobby:0&wait=0',
    'GET /chat/rooms?poll=lobby:5&wait=25',
    'GET /chat/rooms?poll=lobby:0&wait=0',
    'GET /chat/rooms?poll=lobby:5&wait=0',
    'GET /chat/rooms?poll=lobby:9&wait=25',
  ])
  t.deepEqual(
    told.map((events) => events.map(({ timestamp, reset }) => [timestamp, reset])),
    [
      [
        [5, false],
        [9, true],
      ],
      [[9, false]],
    ],
  )
})
