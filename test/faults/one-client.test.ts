/**
 * One client does its worst while two people talk: they get no error and hear everything, and the server holds no more memory than its
 * budget allows. How much longer their messages take is told in the table of `npm run test:faults`.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { chmod, mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import ava, { type ExecutionContext } from 'ava'
import { sized, tell } from '../helpers/attack.ts'
import { Follower, post } from '../helpers/chat.ts'
import { freshDirectory, serveProcess, type ServedProcess } from '../helpers/serve.ts'
import { ATTACKS, type Orders, type Outcome } from './one-client.ts'

const test = ava.serial

const SIZE = sized(1, 10)

/** MiB that the server may hold at most: Node, the budget of `--memory 64m`, and what is under way. */
const MOST_MIB = 600

type Attack = keyof typeof ATTACKS

interface Setting {
  /** Options of the server, where the usual ones would refuse most of the attack. */
  readonly options?: readonly string[]
  /** How many rooms there are before. */
  readonly rooms?: number
}

const SETTINGS: Readonly<Partial<Record<Attack, Setting>>> = {
  'posts with cids without end': { options: ['--rate-limit', 'off'] },
  'asking for the list of a directory with bad files': { options: ['--max-rooms', '1000000'], rooms: 300 * SIZE ** 2 },
}

const ALL = Object.keys(ATTACKS) as Attack[]

/** Attacks on one server, one after the other: small ones leave room for the next, a large one has a server of its own. */
const SIEGES: readonly (readonly Attack[])[] = sized(
  [ALL.filter((attack) => !SETTINGS[attack]), ...ALL.filter((attack) => SETTINGS[attack]).map((attack) => [attack])],
  ALL.map((attack) => [attack]),
)

/** Files that a list cannot count, each of which costs only its own room, among others. */
async function spoil(directory: string, rooms: number): Promise<void> {
  const file = (room: string): string => join(directory, `${room}.jsonl`)
  await writeFile(file('unreadable'), 'x\n')
  await chmod(file('unreadable'), 0o000)
  await symlink(file('loop'), file('loop'))
  await mkdir(file('folder'))
  const huge = await open(file('huge'), 'w')
  await huge.truncate(2200 * 1024 ** 2)
  await huge.close()
  for (let n = 0; n < rooms; n++) writeFileSync(file(`counted-${n}`), 'one\n')
}

const median = (delays: readonly number[]): number => delays.toSorted((a, b) => a - b)[Math.floor(delays.length / 2)] ?? NaN

/** The delay of the message that is under way at half of all moments: one that takes seconds counts as seconds, and not as one of many. */
function medianInTime(delays: readonly number[]): number {
  let left = delays.reduce((sum, delay) => sum + delay, 0) / 2
  return delays.toSorted((a, b) => a - b).find((delay) => (left -= delay) <= 0) ?? NaN
}

/** Two people: each message is timed from the post to the other's page. */
class Talk {
  readonly #server: ServedProcess
  readonly #bob: Follower
  /** They say more than an address may post in a second: each post is from the next one of ten. */
  readonly #agents = Array.from({ length: 10 }, (_, n) => new Agent({ keepAlive: true, maxSockets: 1, localAddress: `127.0.1.${n + 1}` }))
  #said = 0

  constructor(server: ServedProcess, bob: Follower) {
    this.#server = server
    this.#bob = bob
  }

  /** Says one thing, and resolves to the milliseconds until it is heard. */
  async say(): Promise<number> {
    const msg = `said ${this.#said++}`
    const began = performance.now()
    await post(this.#server.url, 'talk', { msg }, this.#agents[this.#said % this.#agents.length])
    await this.#bob.until(({ texts }) => texts.at(-1) === msg)
    return performance.now() - began
  }

  get said(): number {
    return this.#said
  }

  async end(): Promise<void> {
    for (const agent of this.#agents) agent.destroy()
    await this.#bob.stop()
  }
}

async function mibOf({ process }: ServedProcess): Promise<number> {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${process.pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

/** Has the attacker do it; resolves to what came of it. */
async function attacked(attacker: Worker, orders: Orders): Promise<Outcome> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  attacker.postMessage(orders)
  const [outcome] = (await once(attacker, 'message')) as [Outcome]
  return outcome
}

async function withstands(t: ExecutionContext, siege: readonly Attack[]): Promise<void> {
  const [first] = siege
  const { options = [], rooms = 100 } = (first && SETTINGS[first]) ?? {}
  const directory = await freshDirectory(t)
  await spoil(directory, rooms)
  const server = await serveProcess(t, options, directory)
  const bob = await new Follower(server.url, 'talk').start()
  const talk = new Talk(server, bob)
  t.teardown(() => talk.end())
  const attacker = new Worker(new URL('one-client.ts', import.meta.url))
  t.teardown(() => attacker.terminate())
  const undisturbed: number[] = []
  for (let n = 0; n < 10; n++) undisturbed.push(await talk.say())
  for (const [n, attack] of siege.entries()) {
    const ended = new AbortController()
    const orders: Orders = { attack, url: server.url, address: `127.0.0.${n + 2}`, size: SIZE }
    const attacking = attacked(attacker, orders).finally(() => ended.abort())
    const disturbed: number[] = []
    let most = 0
    do {
      disturbed.push(await talk.say())
      most = Math.max(most, await mibOf(server))
    } while (!ended.signal.aborted)
    const { tried, refused } = await attacking
    t.deepEqual([bob.gaps, bob.resets], [0, 0], attack)
    t.is(bob.messages.length, talk.said, attack)
    t.true(most < MOST_MIB, `${attack}: ${most} MiB`)
    const delay = medianInTime(disturbed) / median(undisturbed)
    tell(t, {
      attack,
      tried,
      more: `${refused} refused; ${disturbed.length} messages meanwhile took ${delay.toFixed(1)} times as long, the longest ${Math.round(Math.max(...disturbed))} ms; at most ${most} MiB`,
    })
  }
}

for (const siege of SIEGES) test(`${siege.join('; ')}: two people talk on, unharmed`, (t) => withstands(t, siege))
