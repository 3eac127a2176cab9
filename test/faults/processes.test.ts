/** Several servers on one directory, while some of them die or are replaced: nothing is lost, and clients see no error that their patience does not hide. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import ava from 'ava'
import { connect } from '../../client/api/client.ts'
import { Attack, sized } from '../helpers/attack.ts'
import { Follower, poll, post, send } from '../helpers/chat.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { RoomListener } from '../helpers/listener.ts'
import { needing } from '../helpers/needing.ts'
import { STRACE } from '../helpers/programs.ts'
import { randomOf } from '../helpers/random.ts'
import { freshDirectory, serve, serveProcess, temporariesIn, type Served, type ServedProcess, type ServeOptions } from '../helpers/serve.ts'
import { strace } from '../helpers/strace.ts'
import { said } from '../helpers/room-files.ts'

/** How many servers are killed beside the one that stays, and how often. */
const KILLED = sized([2], [1, 3])
const ROUNDS = sized(2, 100)
const POSTERS = sized(4, 20)

const RESTARTS = sized(1, 10)
const CLIENTS_EACH = sized(2, 5)

const OPTIONS: ServeOptions = { rateLimit: 0, backlog: 1_000_000, maxFile: 64 * 1024 * 1024 }
const ARGS = ['--rate-limit', 'off', '--backlog', '1000000', '--max-file', '64m']

/** Another server in the place of one that is gone: same directory, same port. */
function replace(t: Parameters<typeof serveProcess>[0], { directory, url }: ServedProcess): Promise<ServedProcess> {
  return serveProcess(t, [...ARGS, '-p', new URL(url).port], directory)
}

needing(STRACE)('a server is killed in the middle of a commit: the others get in at once, and the half commit is swept away', async (t) => {
  const directory = await freshDirectory(t)
  const one = await serveProcess(t, ARGS, directory)
  const two = await serve(t, { ...OPTIONS, times: { lock: TEST_LIMIT_MS } }, directory)
  await post(one.url, 'lobby', { msg: 'before' })
  const trace = join(await freshDirectory(t), 'trace')
  const letGo = await strace(one, ['-e', 'trace=fsync', '-e', 'inject=fsync:signal=SIGSTOP', '-o', trace])
  const holding = send(`${one.url}/rooms/lobby`, { body: 'never answered' }).catch(() => undefined)
  while (!(await readFile(trace, 'utf8')).includes('stopped by SIGSTOP')) await delay(1)
  await letGo()
  let answered = false
  const waiting = post(two.url, 'lobby', { msg: 'from the other' }).finally(() => (answered = true))
  await post(two.url, 'elsewhere', { msg: 'other rooms are free' })
  t.false(answered, 'the room was not held')
  t.is((await temporariesIn(directory)).length, 1)
  await one.stop('SIGKILL')
  await Promise.all([holding, waiting])
  t.deepEqual(await said(two), ['before', 'from the other'])
  t.deepEqual(await temporariesIn(directory), [])
})

for (const count of KILLED) {
  const name = `${count + 1} servers on one directory, all but one killed in turn, ${ROUNDS} times`
  ava.serial(`${name}: nothing acknowledged is lost, and all tell the same`, async (t) => {
    const attack = new Attack(name)
    const random = randomOf(t)
    const survivor = await serve(t, OPTIONS)
    const mortal = await Promise.all(Array.from({ length: count }, () => serveProcess(t, ARGS, survivor.directory)))
    const urls = [survivor, ...mortal].map(({ url }) => url)
    const alice = await new Follower(survivor.url, 'lobby').start()
    const ending = new AbortController()
    t.teardown(() => ending.abort())
    const posters = Array.from({ length: POSTERS }, async (_, poster) => {
      for (let n = 0; !ending.signal.aborted; n++) {
        const cid = `${poster}:${n}`
        let at = poster + n
        while ((await attack.post(urls[at % urls.length] ?? '', cid, { cid }))?.status !== 201) at += 1 // the next server, then
      }
    })
    for (let round = 0; round < ROUNDS; round++) {
      const which = round % count
      await delay(random() * 100) // the instant is the point
      await (mortal[which] as ServedProcess).stop('SIGKILL')
      await attack.recover(survivor.url, `round ${round}`)
      mortal[which] = await replace(t, mortal[which] as ServedProcess)
    }
    ending.abort()
    await Promise.all(posters)
    const inFile = await said(survivor)
    for (const url of urls) {
      const { messages } = await poll(url, 'lobby', { wait: 0 })
      t.deepEqual(
        messages.map(({ msg }) => msg),
        inFile,
      )
    }
    await alice.until(({ messages }) => messages.length === inFile.length)
    t.deepEqual(alice.texts, inFile)
    t.deepEqual([alice.resets, alice.gaps], [0, 0])
    await alice.stop()
    attack.end(t, inFile)
  })
}

ava.serial(
  `4 servers restarted in turn, ${RESTARTS} times each, under load: no client sees an error, and each hears everything once`,
  async (t) => {
    const attack = new Attack(`rolling restart of 4 servers, ${RESTARTS} times each`)
    const directory = await freshDirectory(t)
    const servers = await Promise.all(Array.from({ length: 4 }, () => serve(t, OPTIONS, directory)))
    const restarting = new AbortController()
    const hearing = new AbortController()
    const clients = servers.flatMap(({ url }, server) =>
      Array.from({ length: CLIENTS_EACH }, (_, client) => {
        const nick = `${server}.${client}`
        const room = connect(url, { room: 'lobby', nick, retryDelay: 50, signal: hearing.signal })
        return { nick, room, listener: new RoomListener(room) }
      }),
    )
    const posting = clients.map(async ({ nick, room }) => {
      for (let n = 0; !restarting.signal.aborted; n++) {
        attack.tried += 1
        await room.post(`${nick}:${n}`, { tries: 1000 }) // any error that patience does not hide fails the test
        attack.acknowledged.push(`${nick}:${n}`)
      }
    })
    for (let n = 0; n < RESTARTS; n++) {
      for (const [i, server] of servers.entries()) {
        await server.close()
        servers[i] = await serve(t, { ...OPTIONS, port: Number(new URL(server.url).port) }, directory)
      }
    }
    restarting.abort()
    await Promise.all(posting)
    const inFile = await said(servers[0] as Served)
    await Promise.all(clients.map(({ listener }) => listener.until(({ messages }) => messages.length >= inFile.length)))
    hearing.abort()
    for (const { listener } of clients) {
      t.is(await listener.ended, undefined)
      t.deepEqual(
        listener.messages.map(({ msg }) => msg),
        inFile,
      )
      t.false(listener.events.some((event) => event.type === 'messages' && (event.reset || event.gap)))
    }
    attack.end(t, inFile)
  },
)
