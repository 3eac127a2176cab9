/** Parking and waking, and work that is shared. */
import { setImmediate } from 'node:timers/promises'
import ava from 'ava'
import { sharing } from '../../server/sharing.ts'
import { Memory } from '../../server/room/memory.ts'
import { LOBBY } from '../../server/room/room-name.ts'
import { Rooms } from '../../server/room/rooms.ts'
import { Deadlines, park, Waiters } from '../../server/room/waiters.ts'
import { memoryStore } from '../../server/stores/memory.ts'
import type { Store, StoreWatcher } from '../../server/stores/store.ts'
import { TIMES } from '../../server/times.ts'
import { Answering } from '../helpers/answering.ts'
import { clockOf } from '../helpers/clock.ts'
import { until } from '../helpers/until.ts'

const test = ava.serial

const stays = new Answering().setMaxListeners(0)
const LONG = 60_000
const LIMITS = { backlog: 10, maxMessage: 100, maxFile: 10_000 }

/** Resolves when the wait has ended. */
function wait(rooms: readonly Waiters[], deadlines: Deadlines, ms: number, answering: Answering): Promise<void> {
  return new Promise((resolve) => park(rooms, deadlines, ms, answering, resolve))
}

test('a wake-up ends every wait of its moment, and none that begins while it goes on', async (t) => {
  const room = new Waiters()
  const deadlines = new Deadlines()
  const ended: string[] = []
  const alice = wait([room], deadlines, LONG, stays).then(() => ended.push('alice'))
  room.add(() => void wait([room], deadlines, LONG, stays).then(() => ended.push('carol')))
  const bob = wait([room], deadlines, LONG, stays).then(() => ended.push('bob'))
  room.wake()
  await Promise.all([alice, bob])
  t.deepEqual(ended, ['alice', 'bob'])
  t.is(room.size, 1)
  room.wake()
})

test('who waits in two rooms leaves both when one wakes', async (t) => {
  const [lobby, dev] = [new Waiters(), new Waiters()]
  const parked = wait([lobby, dev], new Deadlines(), LONG, stays)
  t.deepEqual([lobby.size, dev.size], [1, 1])
  dev.wake()
  await parked
  t.deepEqual([lobby.size, dev.size], [0, 0])
})

test('a wait ends by its deadline, short ones before long ones', async (t) => {
  const clock = clockOf(t)
  const room = new Waiters()
  const deadlines = new Deadlines()
  const ended: number[] = []
  const parked = [LONG, 0, 2000].map((ms) => wait([room], deadlines, ms, stays).then(() => ended.push(ms)))
  await parked[1]
  clock.pass(LONG)
  await Promise.all(parked)
  t.deepEqual(ended, [0, 2000, LONG])
  t.is(room.size, 0)
})

test('whoever goes away is forgotten at once', async (t) => {
  const room = new Waiters()
  const client = new Answering()
  const parked = wait([room], new Deadlines(), LONG, client)
  t.is(room.size, 1)
  client.end()
  t.is(room.size, 0)
  await parked
  t.is(client.listenerCount('close'), 0)
})

test('a poll that has all that is known parks without a look; one that does not, or does not wait, looks first', async (t) => {
  const store = memoryStore(LIMITS)
  let looks = 0
  const read: Store['read'] = (room) => {
    looks += 1
    return store.read(room)
  }
  const rooms = new Rooms({
    store: { ...store, read },
    memory: new Memory(1000),
    leaseMs: LONG,
    maxPeople: 10,
    times: TIMES,
    warn: () => t.fail(),
  })
  const looksOf = async (ms: number, news: boolean): Promise<number> => {
    const before = looks
    const request = new Answering()
    const poll = { ms, tell: () => (news ? 'news' : undefined), hasNews: () => news }
    const polled = rooms.during(request, () => rooms.until({ ...poll, rooms: [rooms.get(LOBBY, request)] }, request))
    await setImmediate()
    request.end()
    await polled
    return looks - before
  }
  t.is(await looksOf(LONG, false), 1, 'nothing is known of the room yet')
  t.is(await looksOf(LONG, false), 0)
  t.is(await looksOf(LONG, true), 1)
  t.is(await looksOf(0, false), 1)
  rooms.endWaits()
})

test('a store has to look for changes while somebody waits, and no longer', async (t) => {
  const store = memoryStore(LIMITS)
  let watcher: StoreWatcher | undefined
  let attended = 0
  const watched = { ...store, watch: (given: StoreWatcher) => void (watcher = given), attend: () => void (attended += 1) }
  const rooms = new Rooms({
    store: watched,
    memory: new Memory(1000),
    leaseMs: LONG,
    maxPeople: 10,
    times: { ...TIMES, safetyLook: 1 },
    warn: () => t.fail(),
  })
  const waited = async (): Promise<void> => {
    const request = new Answering()
    const polled = rooms.during(request, () =>
      rooms.until({ rooms: [rooms.get(LOBBY, request)], ms: LONG, tell: () => undefined }, request),
    )
    await setImmediate()
    t.true(watcher?.isAwaited())
    request.end()
    await polled
  }
  t.false(watcher?.isAwaited())
  for (const times of [1, 2]) {
    await waited()
    t.is(attended, times)
    await t.notThrowsAsync(until(() => Promise.resolve(watcher?.isAwaited() === false)))
  }
  rooms.endWaits()
})

test('calls that come while work runs share the run after it', async (t) => {
  const runs: (() => void)[] = []
  const work = sharing(() => new Promise<void>((resolve) => runs.push(resolve)))
  const first = work()
  await setImmediate()
  t.is(runs.length, 1)
  const second = work()
  t.is(work(), second)
  t.not(second, first)
  runs[0]?.()
  await first
  await setImmediate()
  t.is(runs.length, 2)
  runs[1]?.()
  await t.notThrowsAsync(second)
})

test('a run that fails fails for those who asked for it, and for nobody else', async (t) => {
  let fails = true
  const work = sharing(() => (fails ? Promise.reject(new Error('no')) : Promise.resolve()))
  const first = work()
  await t.throwsAsync(first, { message: 'no' })
  fails = false
  await t.notThrowsAsync(work())
})
