/** kill -9 at random instants: what was acknowledged is there, and whoever kept a timestamp goes on. */
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { messagesIn, poll, post } from '../helpers/chat.ts'
import { freshDirectory, serve } from '../helpers/serve.ts'

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 10)
const POSTERS = 50

test(`killed ${ROUNDS} times under ${POSTERS} posters: nothing acknowledged is lost, nothing is left behind, nobody starts anew`, async (t) => {
  const directory = await freshDirectory(t)
  const acknowledged: string[] = []
  const heard: string[] = []
  let timestamp = 0
  for (let round = 0; round < ROUNDS; round++) {
    const server = await serve(t, ['--rate-limit', 'off', '--backlog', '100000'], directory)
    t.deepEqual(
      (await readdir(directory)).filter((name) => /\.\d+$/.test(name)),
      [],
      'a temporary file outlived the start',
    )
    const killed = new AbortController()
    const posters = Array.from({ length: POSTERS }, async (_, poster) => {
      for (let n = 0; !killed.signal.aborted; n++) {
        const msg = `${round}:${poster}:${n}`
        const answer = await post(server.url, 'lobby', { msg, cid: msg }).catch(() => undefined)
        if (answer) acknowledged.push(msg)
        else return
      }
    })
    const reader = (async () => {
      while (!killed.signal.aborted) {
        const news = await poll(server.url, 'lobby', { timestamp, wait: 20 }).catch(() => undefined)
        if (!news) return
        t.is(news.reset ?? news.gap, undefined)
        heard.push(...news.messages.map(({ msg }) => msg))
        timestamp = news.timestamp
      }
    })()
    await post(server.url, 'lobby', { msg: `round ${round}` })
    acknowledged.push(`round ${round}`)
    await delay(Math.random() * 60) // the instant is the point
    await server.stop('SIGKILL')
    killed.abort()
    await Promise.all([...posters, reader])
  }
  const server = await serve(t, ['--backlog', '100000'], directory)
  const news = await poll(server.url, 'lobby', { timestamp, wait: 0 })
  t.is(news.reset ?? news.gap, undefined)
  heard.push(...news.messages.map(({ msg }) => msg))
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ msg }) => msg)
  const kept = new Set(inFile)
  t.deepEqual(
    acknowledged.filter((msg) => !kept.has(msg)),
    [],
  )
  t.is(kept.size, inFile.length)
  t.deepEqual(heard, inFile)
  t.log(`${acknowledged.length} acknowledged, 0 lost`)
})
