/** kill -9 at random instants: what was acknowledged is there, and whoever kept a timestamp goes on. */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import ava from 'ava'
import { Attack, sized } from '../helpers/attack.ts'
import { messagesIn, poll } from '../helpers/chat.ts'
import { randomOf } from '../helpers/random.ts'
import { freshDirectory, serveProcess, temporariesIn } from '../helpers/serve.ts'

const ROUNDS = sized(6, 200)
const POSTERS = sized(20, 50)
const OPTIONS = ['--rate-limit', 'off', '--backlog', '1000000', '--max-file', '64m']

/** A server is killed at most so many posts after its first one, */
const MOST_POSTS = 100

/** and at an instant within the next commit. */
const COMMIT_MS = 10

ava.serial(
  `killed ${ROUNDS} times under ${POSTERS} posters: nothing acknowledged is lost, nothing is left behind, nobody starts anew`,
  async (t) => {
    const attack = new Attack(`kill -9, ${ROUNDS} times under ${POSTERS} posters`)
    const random = randomOf(t)
    const directory = await freshDirectory(t)
    const heard: string[] = []
    /** What each poster knows no answer to: it is posted again after the next start, and must not be there twice. */
    const pending: (string | undefined)[] = []
    let timestamp = 0
    for (let round = 0; round < ROUNDS; round++) {
      const since = performance.now()
      const server = await serveProcess(t, OPTIONS, directory)
      t.deepEqual(await temporariesIn(directory), [], 'a temporary file outlived the start')
      await attack.recover(server.url, `round ${round}`, since)
      const killed = new AbortController()
      const posters = Array.from({ length: POSTERS }, async (_, poster) => {
        const unanswered = pending[poster]
        if (unanswered !== undefined && !(await attack.post(server.url, unanswered, { cid: unanswered }))) return
        for (let n = 0; !killed.signal.aborted; n++) {
          const msg = `${round}:${poster}:${n}`
          pending[poster] = msg
          if (!(await attack.post(server.url, msg, { cid: msg }))) return
        }
      })
      const anew: number[] = []
      const reader = (async () => {
        for (;;) {
          const news = await poll(server.url, 'lobby', { timestamp, wait: 20 }).catch(() => undefined)
          if (!news) return
          if (news.reset || news.gap) anew.push(timestamp)
          heard.push(...news.messages.map(({ msg }) => msg))
          timestamp = news.timestamp
        }
      })()
      const enough = attack.acknowledged.length + Math.floor(random() * MOST_POSTS)
      do
        await delay(random() * COMMIT_MS, undefined, { ref: false }) // the instant is the point
      while (attack.acknowledged.length < enough)
      await server.stop('SIGKILL')
      killed.abort()
      await Promise.all([...posters, reader])
      t.deepEqual(anew, [], 'the reader was told to start anew')
    }
    const server = await serveProcess(t, OPTIONS, directory)
    const news = await poll(server.url, 'lobby', { timestamp, wait: 0 })
    t.is(news.reset ?? news.gap, undefined)
    heard.push(...news.messages.map(({ msg }) => msg))
    const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ msg }) => msg)
    t.deepEqual(heard, inFile)
    attack.end(t, inFile)
  },
)
