/** A hub at the other end of a port, on a clock that we turn: tabs that fall silent, workers that do. */
import { setImmediate } from 'node:timers/promises'
import { mock } from 'node:test'
import test, { type ExecutionContext } from 'ava'
import { RoomError, type RoomEvent } from '../../client/api/client.ts'
import type { FollowOptions, Hub, Listener, Session } from '../../client/api/hub.ts'
import { PortHub, PortServer } from '../../client/api/ports.ts'

mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] })

/** A hub that does as it is told, and writes down what it was asked. */
class ToldHub implements Hub {
  readonly said: string[] = []
  listeners: Listener[] = []
  answer: () => Promise<Session> = () => Promise.resolve({ nick: 'ann', id: 'id' })

  follow(room: string, { timestamp, presence }: FollowOptions, listener: Listener) {
    this.said.push(`follow ${room} ${timestamp} ${presence}`)
    this.listeners.push(listener)
    return {
      setNick: (nick: string | undefined) => void this.said.push(`nick ${room} ${nick}`),
      close: () => void this.said.push(`close ${room}`),
    }
  }

  join(room: string, nick: string, signal?: AbortSignal): Promise<Session> {
    signal?.addEventListener('abort', () => this.said.push(`drop ${room}`))
    this.said.push(`join ${room} ${nick}`)
    return this.answer()
  }

  async leave(room: string, nick: string): Promise<void> {
    this.said.push(`leave ${room} ${nick}`)
    await this.answer()
  }

  retry(): void {
    this.said.push('retry')
  }
}

function connect(t: ExecutionContext, server: PortServer, cid = 'mine') {
  const { port1, port2 } = new MessageChannel()
  const told: string[] = []
  server.serve(port1)
  const tab = new PortHub(port2, {
    url: 'http://localhost/',
    hub: { cid },
    onHeartbeat: (known) => told.push(known),
    onExpired: () => told.push('expired'),
    onTimeout: () => told.push('timeout'),
  })
  t.teardown(() => {
    tab.close()
    port1.close()
  })
  return { tab, told, port1 }
}

/** Lets everything through that is in the ports. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}

test.serial('what a tab asks reaches the hub, and what the hub says reaches the tab, errors as they are', async (t) => {
  const hub = new ToldHub()
  const { tab } = connect(t, new PortServer(() => hub))
  const events: RoomEvent[] = []
  let ended: Error | undefined
  const subscription = tab.follow(
    'lobby',
    { timestamp: 5, presence: true },
    { onEvent: (event) => events.push(event), onEnd: (error) => (ended = error) },
  )
  subscription.setNick('ann')
  tab.retry()
  t.deepEqual(await tab.join('lobby', 'ann'), { nick: 'ann', id: 'id' })
  const error = new RoomError(429, 'too_many_polls', 'so many', 5000)
  hub.listeners[0]?.onEvent({ type: 'state', state: 'waiting', retryAt: 7, failures: 2, error })
  hub.listeners[0]?.onEvent({ type: 'session', nick: undefined, id: undefined, error })
  hub.listeners[0]?.onEvent({ type: 'presence', who: ['李'], typing: [] })
  await settled()
  t.deepEqual(events, [
    { type: 'state', state: 'waiting', retryAt: 7, failures: 2, error },
    { type: 'session', nick: undefined, id: undefined, error },
    { type: 'presence', who: ['李'], typing: [] },
  ])
  hub.listeners[0]?.onEnd(error)
  await settled()
  t.deepEqual(ended, error)
  hub.answer = () => Promise.reject(new RoomError(409, 'nick_taken', 'taken'))
  t.like(await t.throwsAsync(tab.join('lobby', 'bob'), { instanceOf: RoomError }), { code: 'nick_taken', status: 409 })
  await t.throwsAsync(tab.leave('lobby', 'ann'), { instanceOf: RoomError, message: 'taken' })
  subscription.close()
  await settled()
  t.deepEqual(hub.said, ['follow lobby 5 true', 'nick lobby ann', 'retry', 'join lobby ann', 'join lobby bob', 'leave lobby ann'])
})

test.serial('a join that is called off is called off at the other end', async (t) => {
  const hub = new ToldHub()
  hub.answer = () => new Promise(() => undefined)
  const { tab } = connect(t, new PortServer(() => hub))
  const ends = new AbortController()
  const joining = t.throwsAsync(tab.join('lobby', 'ann', ends.signal), { name: 'AbortError' })
  await settled()
  ends.abort()
  await joining
  await settled()
  t.deepEqual(hub.said, ['join lobby ann', 'drop lobby'])
})

test.serial('all tabs of an address share one hub, and the cid of the first', async (t) => {
  const made: string[] = []
  const server = new PortServer((url, { cid }) => {
    made.push(`${url} ${cid}`)
    return new ToldHub()
  })
  const first = connect(t, server, 'first')
  const second = connect(t, server, 'second')
  await settled()
  t.deepEqual(made, ['http://localhost/ first'])
  t.deepEqual([first.told, second.told], [['first'], ['first']])
})

test.serial('a tab that is heard again and again is followed for as long as it likes', async (t) => {
  const hub = new ToldHub()
  const { tab, told } = connect(t, new PortServer(() => hub))
  tab.follow('lobby', { timestamp: 0, presence: false }, { onEvent: () => undefined, onEnd: () => undefined })
  await settled()
  for (let second = 0; second < 600; second += 5) {
    mock.timers.tick(5000)
    await settled()
  }
  t.deepEqual(hub.said, ['follow lobby 0 false'])
  t.deepEqual([...new Set(told)], ['mine'])
})

test.serial('a tab that falls silent is followed for no more; when it speaks again it is told so', async (t) => {
  const hub = new ToldHub()
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => {
    port1.close()
    port2.close()
  })
  new PortServer(() => hub).serve(port1)
  const answers: string[] = []
  port2.addEventListener('message', ({ data }: MessageEvent<{ type: string }>) => answers.push(data.type))
  port2.start()
  for (const message of [
    { type: 'hello', url: 'http://localhost/', options: {} },
    { type: 'follow', id: 1, room: 'dev', options: { timestamp: 0, presence: false } },
  ])
    port2.postMessage(message, [])
  await settled()
  mock.timers.tick(100_000)
  t.deepEqual(hub.said, ['follow dev 0 false'])
  mock.timers.tick(100_000)
  t.deepEqual(hub.said, ['follow dev 0 false', 'close dev'])
  port2.postMessage({ type: 'heartbeat' }, [])
  await settled()
  t.deepEqual(answers, ['heartbeat', 'expired', 'heartbeat'])
})

test.serial('an end that does not answer is noticed, and what was asked of it is answered with an error', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port1.close())
  const silences: number[] = []
  const fails = (): void => t.fail()
  const tab = new PortHub(port2, {
    url: 'http://localhost/',
    hub: {},
    onHeartbeat: fails,
    onExpired: fails,
    onTimeout: () => silences.push(1),
  })
  const joining = t.throwsAsync(tab.join('lobby', 'ann'), { message: /ended/ })
  mock.timers.tick(6000)
  t.is(silences.length, 1)
  tab.close()
  await joining
  mock.timers.tick(60_000)
  t.is(silences.length, 1)
})
