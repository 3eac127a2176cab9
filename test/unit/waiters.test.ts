/** Parking and waking, and work that is shared. */
import { setImmediate } from 'node:timers/promises'
import ava from 'ava'
import { sharing } from '../../server/sharing.ts'
import { Deadlines, park, Waiters } from '../../server/room/waiters.ts'
import { Answering } from '../helpers/answering.ts'
import { clockOf } from '../helpers/clock.ts'

const test = ava.serial

const stays = new Answering().setMaxListeners(0)
const LONG = 60_000

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
