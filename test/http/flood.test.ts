/** Many posts, many who follow, and a clock that is set by hand. */
import { readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import ava from 'ava'
import { Follower, messagesIn, poll, post } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

test('200 posts from 20 connections at once reach 10 followers, each once, in the order of the file', async (t) => {
  const server = await serve(t, { backlog: 1000, rateLimit: 0 })
  const followers = await Promise.all(Array.from({ length: 10 }, () => new Follower(server.url, 'lobby').start()))
  const mtimes = new Set<number>()
  const posted = new AbortController()
  const watching = (async () => {
    do {
      // Before the first commit there is an empty file for a moment: it holds the place, and no cursor.
      const stats = await stat(server.file('lobby'), { bigint: true }).catch(() => undefined)
      if (stats && stats.size > 0n) mtimes.add(Math.round(Number(stats.mtimeNs) / 1e6))
    } while (!posted.signal.aborted)
  })()
  const agents = Array.from({ length: 20 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) => post(server.url, 'lobby', { msg: `message ${n}` }, agents[n % 20])),
  )
  posted.abort()
  await watching
  await Promise.all(followers.map((follower) => follower.until(({ messages }) => messages.length >= 200)))
  await Promise.all(followers.map((follower) => follower.stop()))

  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.is(new Set(inFile.map(({ msg }) => msg)).size, 200)
  t.deepEqual(answers.map(({ id }) => id).toSorted(), inFile.map(({ id }) => id).toSorted())
  for (const follower of followers) {
    t.deepEqual(follower.messages, inFile)
    t.is(follower.resets + follower.gaps, 0)
  }
  const timestamps = new Set(answers.map(({ timestamp }) => timestamp))
  t.true(mtimes.size > 0)
  t.deepEqual(
    [...mtimes].filter((mtime) => !timestamps.has(mtime)),
    [],
  )
  for (const agent of agents) agent.destroy()
})

test('the file keeps the newest messages of the backlog, and who fell further behind is told of the gap', async (t) => {
  const server = await serve(t, { backlog: 20, rateLimit: 0 })
  const { timestamp: early } = await post(server.url, 'lobby', { msg: 'first' })
  const timestamps: number[] = []
  for (let n = 0; n < 30; n++) timestamps.push((await post(server.url, 'lobby', { msg: `message ${n}` })).timestamp)
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.deepEqual(
    inFile.map(({ msg }) => msg),
    Array.from({ length: 20 }, (_, n) => `message ${n + 10}`),
  )
  const behind = await poll(server.url, 'lobby', { timestamp: early, wait: 0 })
  t.true(behind.gap)
  t.is(behind.reset, undefined)
  t.deepEqual(behind.messages, inFile)
  const onTime = await poll(server.url, 'lobby', { timestamp: timestamps[14] ?? 0, wait: 0 })
  t.is(onTime.gap, undefined)
  t.deepEqual(onTime.messages, inFile.slice(5))
})

test('the default backlog is 200', async (t) => {
  const server = await serve(t)
  await writeFile(server.file('lobby'), Array.from({ length: 250 }, (_, n) => `line ${n}\n`).join(''))
  t.is((await poll(server.url, 'lobby')).messages.length, 200)
})

test('posts one after the other have rising timestamps, and the file has the last one', async (t) => {
  const server = await serve(t, { rateLimit: 0 })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const timestamps: number[] = []
  for (let n = 0; n < 50; n++) timestamps.push((await post(server.url, 'lobby', { msg: String(n) }, agent)).timestamp)
  agent.destroy()
  t.true(timestamps.every((timestamp, n) => n === 0 || timestamp > Number(timestamps[n - 1])))
  const { mtimeMs } = await stat(server.file('lobby'))
  t.is(Math.round(mtimeMs), timestamps.at(-1) ?? 0)
})

test('the loop of one client, 20 polls and answers, runs over one connection', async (t) => {
  const server = await serve(t, { rateLimit: 0 })
  const follower = await new Follower(server.url, 'lobby').start()
  const sockets = new Set<unknown>()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (...args) => {
    const socket = connect(...args)
    sockets.add(socket)
    return socket
  }
  let { timestamp } = await poll(server.url, 'lobby', { wait: 0 }, { agent })
  for (let n = 0; n < 20; n++) {
    const polled = poll(server.url, 'lobby', { timestamp, wait: 20 }, { agent })
    await post(server.url, 'lobby', { msg: String(n) })
    const news = await polled
    t.deepEqual(
      news.messages.map(({ msg }) => msg),
      [String(n)],
    )
    timestamp = news.timestamp
  }
  t.is(sockets.size, 1)
  agent.destroy()
  await follower.stop()
})

test('the mtime may be set anywhere by hand: followers start anew, and posts go on', async (t) => {
  const server = await serve(t)
  await post(server.url, 'lobby', { msg: 'before' })
  const follower = await new Follower(server.url, 'lobby').start()
  for (const [n, date] of ['2099-01-01', '1999-01-01'].entries()) {
    await utimes(server.file('lobby'), new Date(date), new Date(date))
    await follower.until(({ resets }) => resets === n + 1)
    const { timestamp } = await post(server.url, 'lobby', { msg: `after ${date}` })
    await follower.until(({ texts }) => texts.at(-1) === `after ${date}`)
    t.is(follower.timestamp, timestamp)
    t.is(Math.round((await stat(server.file('lobby'))).mtimeMs), timestamp)
    t.true(Math.abs(timestamp - Date.now()) < 60_000)
  }
  t.deepEqual(follower.texts, ['before', 'after 2099-01-01', 'after 1999-01-01'])
  await follower.stop()
})
