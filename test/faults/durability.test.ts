/**
 * What was acknowledged is there, and whoever kept a timestamp goes on: after kill -9 at random instants, and after a power cut, by the order
 * of system calls.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import ava from 'ava'
import { Attack, sized } from '../helpers/attack.ts'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { needing } from '../helpers/needing.ts'
import { STRACE } from '../helpers/programs.ts'
import { randomOf } from '../helpers/random.ts'
import { freshDirectory, serveProcess, temporariesIn } from '../helpers/serve.ts'
import { strace } from '../helpers/strace.ts'

const ROUNDS = sized(3, 200)
const POSTERS = sized(10, 50)
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

const CALLS = 'openat,write,writev,fsync,rename,renameat2,fcntl,close'

needing(STRACE)('a post and the poll that it wakes are answered after write, fsync, exchange and fsync of the directory', async (t) => {
  const server = await serveProcess(t)
  const { timestamp } = await post(server.url, 'lobby', { msg: 'before' })
  const trace = join(await freshDirectory(t), 'trace')
  const detach = await strace(server, ['-s', '200', '-e', `trace=${CALLS}`, '-o', trace])
  const parked = send(`${server.url}/rooms/lobby?timestamp=${timestamp}&wait=60`)
  await poll(server.url, 'lobby', { timestamp: 0 })
  await post(server.url, 'lobby', { msg: 'the post' })
  t.regex((await parked).text, /the post/)
  await detach()

  const lines = (await readFile(trace, 'utf8')).split('\n')
  const at = (pattern: RegExp, from = 0): number => {
    const found = lines.findIndex((line, n) => n >= from && pattern.test(line))
    t.true(found >= 0, `no ${pattern} after line ${from}`)
    return found
  }
  const temporary = at(/openat\(.*\.versions\/lobby\/[\w.-]+", O_WRONLY\|O_CREAT/)
  const written = at(/write\(\d+, "\{\\"id\\":/, temporary)
  const synced = at(/fsync\(/, written)
  const renamed = at(/renameat2\(.*\.versions\/lobby\/[\w.-]+", .*lobby\.jsonl", RENAME_EXCHANGE\)/, synced)
  const directory = at(new RegExp(`openat\\(.*"${server.directory}", O_RDONLY`), renamed)
  const directorySynced = at(/fsync\(/, directory)
  const firstAnswer = at(/writev?\(.*(?:201 Created|the post)/, renamed)
  t.true(firstAnswer > directorySynced)
  t.false(lines.slice(written + 1, directorySynced).some((line) => /writev?\(.*(?:201 Created|HTTP\/1\.1 200 OK.*the post)/.test(line)))
})
