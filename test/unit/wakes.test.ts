/** When to ask again at once, on a clock that we turn. */
import { mock } from 'node:test'
import test from 'ava'
import { onWake } from '../../client/api/wakes.ts'

mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000_000 })

const passes = (minutes: number): void => {
  for (let tick = 0; tick < minutes * 12; tick++) mock.timers.tick(5000)
}

test.serial('a machine that has slept is noticed when it wakes, and time that passes as it should is not', (t) => {
  let count = 0
  const stop = onWake(() => (count += 1))
  passes(10)
  t.is(count, 0)
  mock.timers.setTime(Date.now() + 3_600_000) // the clock went on, the timers did not
  mock.timers.tick(5000)
  t.is(count, 1)
  passes(10)
  t.is(count, 1)
  stop()
  mock.timers.setTime(Date.now() + 3_600_000)
  mock.timers.tick(5000)
  t.is(count, 1)
})

test.serial('the events of a browser are listened to where there are any, until it is enough', (t) => {
  const page = new EventTarget()
  const document = { visibilityState: 'hidden' }
  Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page), document })
  let count = 0
  const stop = onWake(() => (count += 1))
  const happens = (name: string, more: object = {}): boolean => page.dispatchEvent(Object.assign(new Event(name), more))
  happens('online')
  happens('pageshow', { persisted: true })
  t.is(count, 2)
  happens('pageshow', { persisted: false })
  happens('visibilitychange')
  t.is(count, 2)
  document.visibilityState = 'visible'
  happens('visibilitychange')
  t.is(count, 3)
  stop()
  happens('online')
  t.is(count, 3)
})
