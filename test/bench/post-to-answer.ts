/** From sending a post to having its 201, and to having the answer of the one poll that is parked in the room. Nothing else happens. */
import { setTimeout as delay } from 'node:timers/promises'
import { median, ms, printTable, quantile, ratio, times } from './numbers.ts'
import { KINDS, startAll, stopAll, type Kind, type Server } from './servers.ts'
import { timestampOf, Wire } from './wire.ts'

const ROUNDS = 300
const WARM_UP = 30

/** The default backlog: a commit rewrites as much as it ever does. */
const BACKLOG = 200

/** Time enough for a poll to be parked, and for the watcher to have told of the last commit. */
const SETTLE_MS = 6

class Pair {
  readonly server: Server
  readonly posted: number[] = []
  readonly answered: number[] = []
  readonly #poster: Wire
  readonly #poller: Wire
  #timestamp = 0

  private constructor(server: Server, poster: Wire, poller: Wire) {
    this.server = server
    this.#poster = poster
    this.#poller = poller
  }

  static async open(server: Server): Promise<Pair> {
    const pair = new Pair(server, await Wire.open(server.port), await Wire.open(server.port))
    for (let i = 0; i < BACKLOG; i++) pair.#timestamp = timestampOf(await pair.#poster.fetch(server.post(`what was said before, ${i}`)))
    return pair
  }

  async round(isMeasured: boolean): Promise<void> {
    const answer = this.#poller.fetch(this.server.poll(this.#timestamp)).then((text) => [text, performance.now()] as const)
    await delay(SETTLE_MS)
    const start = performance.now()
    const post = this.#poster.fetch(this.server.post('is anybody here?')).then(() => performance.now())
    const [[text, answered], posted] = await Promise.all([answer, post])
    this.#timestamp = timestampOf(text)
    if (!isMeasured) return
    this.posted.push(posted - start)
    this.answered.push(answered - start)
  }

  close(): void {
    this.#poster.close()
    this.#poller.close()
  }
}

export async function postToAnswer(): Promise<void> {
  const servers = await startAll(KINDS)
  const pairs = await Promise.all(servers.map((server) => Pair.open(server)))
  for (let round = -WARM_UP; round < ROUNDS; round++) for (const pair of pairs) await pair.round(round >= 0)
  const of = (kind: Kind): Pair | undefined => pairs.find(({ server }) => server.kind === kind)
  printTable(
    `post → answer: one parked poll, ${BACKLOG} messages kept, ${ROUNDS} rounds`,
    ['', 'answer', 'p99', '201', 'p99', 'answer / bare', 'answer / memory'],
    pairs.map(({ server, answered, posted }) => [
      server.kind,
      ms(median(answered)),
      ms(quantile(answered, 0.99)),
      ms(median(posted)),
      ms(quantile(posted, 0.99)),
      times(ratio(answered, of('bare node:http')?.answered ?? [])),
      times(ratio(answered, of('roomfile memory')?.answered ?? [])),
    ]),
  )
  for (const pair of pairs) pair.close()
  await stopAll(servers)
}
