/** Several servers on one directory, and one after the other: in this process, whose stores lock each other out as those of two processes do. */
import { readFile, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import ava from 'ava'
import { Follower, messagesIn, poll, post } from '../helpers/chat.ts'
import { serve, serveProcess } from '../helpers/serve.ts'

const test = ava.serial

const POSTS = 100

test(`two processes on one directory, ${POSTS} posts each at once: all are in both, in one order`, async (t) => {
  const one = await serveProcess(t, ['--backlog', '1000', '--rate-limit', 'off'])
  const two = await serve(t, { backlog: 1000, rateLimit: 0 }, one.directory)
  const followers = await Promise.all([one, two].map(({ url }) => new Follower(url, 'lobby').start()))
  await Promise.all(
    [one, two].map(async ({ url }, process) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 10 })
      await Promise.all(Array.from({ length: POSTS }, (_, n) => post(url, 'lobby', { msg: `${process}:${n}` }, agent)))
      agent.destroy()
    }),
  )
  await Promise.all(followers.map((follower) => follower.until(({ messages }) => messages.length >= 2 * POSTS)))
  await Promise.all(followers.map((follower) => follower.stop()))
  const inFile = messagesIn(await readFile(one.file('lobby'), 'utf8'))
  t.is(new Set(inFile.map(({ msg }) => msg)).size, 2 * POSTS)
  for (const { messages, resets, gaps } of followers) {
    t.deepEqual(messages, inFile)
    t.is(resets + gaps, 0)
  }
})

test('a poll parked on one process hears a post to the other', async (t) => {
  const alice = await serve(t)
  const bob = await serve(t, {}, alice.directory)
  let { timestamp } = await post(alice.url, 'lobby', { msg: 'hello' })
  for (const [n, [here, there]] of [
    [alice, bob],
    [bob, alice],
  ].entries()) {
    if (!here || !there) throw new Error('there are two')
    const parked = poll(here.url, 'lobby', { timestamp, wait: 20 })
    const posted = await post(there.url, 'lobby', { msg: `across ${n}` })
    const told = await parked
    t.deepEqual(
      told.messages.map(({ id }) => id),
      [posted.id],
    )
    timestamp = told.timestamp
  }
})

test('an edit that one process took in is a reset for a client of the other, also after both have restarted', async (t) => {
  const one = await serve(t)
  const two = await serve(t, {}, one.directory)
  await post(one.url, 'lobby', { msg: 'keep' })
  const { timestamp } = await post(one.url, 'lobby', { msg: 'remove' })
  await poll(two.url, 'lobby', { timestamp: 0, wait: 0 })
  const parked = poll(one.url, 'lobby', { timestamp, wait: 20 })
  const text = await readFile(one.file('lobby'), 'utf8')
  await writeFile(one.file('lobby'), text.split('\n').slice(0, 1).join('\n') + '\n')
  t.true((await parked).reset)
  await post(one.url, 'lobby', { msg: 'later' })
  t.true((await poll(two.url, 'lobby', { timestamp, wait: 20 })).reset)
  await Promise.all([one.close(), two.close()])
  const again = await serve(t, {}, one.directory)
  const told = await poll(again.url, 'lobby', { timestamp, wait: 0 })
  t.true(told.reset)
  t.deepEqual(
    told.messages.map(({ msg }) => msg),
    ['keep', 'later'],
  )
})

test('a client that kept its timestamp goes on after its server was killed: no loss, no repeat, no reset', async (t) => {
  const first = await serveProcess(t)
  await post(first.url, 'lobby', { msg: 'one' })
  const { timestamp } = await post(first.url, 'lobby', { msg: 'two' })
  await post(first.url, 'lobby', { msg: 'three' })
  t.is(await first.stop('SIGKILL'), null)
  const second = await serve(t, {}, first.directory)
  const told = await poll(second.url, 'lobby', { timestamp, wait: 0 })
  t.deepEqual(
    told.messages.map(({ msg }) => msg),
    ['three'],
  )
  t.is(told.reset ?? told.gap, undefined)
})
