/**
 * From sending a post to having its 201, and to having the answer of the one poll that is parked in the room. Nothing else happens.
 * What is on the disk by then is compared with one write of the same file: x times the disk.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { median, ms, printTable, quantile, ratios, times, type Figure } from './numbers.ts'
import type { Write } from './raw-writes.ts'
import { KINDS_OF_WRITES, startAll, stopAll, type Kind, type Server } from './servers.ts'
import { bodyOf, timestampOf, Wire } from './wire.ts'

const ROUNDS = 200
const WARM_UP = 30

/** The default backlog: a commit rewrites as much as it ever does. */
const BACKLOG = 200

/** Time enough for a poll to be parked, and for the watcher to have told of the last commit. */
const SETTLE_MS = 6

class Pair {
  readonly server: Server
  readonly posted: number[] = []
  readonly answered: number[] = []
  /** The write alone, where the server tells. */
  readonly written: number[] = []
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
    const post = this.#poster.fetch(this.server.post('is anybody here?')).then((text) => [text, performance.now()] as const)
    const [[text, answered], [receipt, posted]] = await Promise.all([answer, post])
    this.#timestamp = timestampOf(text)
    if (!isMeasured) return
    this.posted.push(posted - start)
    this.answered.push(answered - start)
    if (this.server.kind === 'raw writes') this.written.push((bodyOf(receipt) as Write).writeMs)
  }

  close(): void {
    this.#poster.close()
    this.#poller.close()
  }
}

export async function postToAnswer(): Promise<readonly Figure[]> {
  const servers = await startAll(KINDS_OF_WRITES)
  const pairs = await Promise.all(servers.map((server) => Pair.open(server)))
  for (let round = -WARM_UP; round < ROUNDS; round++) for (const pair of pairs) await pair.round(round >= 0)
  const of = (kind: Kind): Pair | undefined => pairs.find(({ server }) => server.kind === kind)
  const bare = of('bare node:http')
  const raw = of('raw writes')
  printTable(
    `post → answer: one parked poll, ${BACKLOG} messages kept, ${ROUNDS} rounds`,
    ['', 'answer', 'p99', '201', 'p99', 'answer / bare', 'answer / raw writes', '201 / a raw write alone'],
    [
      ...pairs.map(({ server, answered, posted }) => [
        server.kind,
        ms(median(answered)),
        ms(quantile(answered, 0.99)),
        ms(median(posted)),
        ms(quantile(posted, 0.99)),
        times(ratios(answered, bare?.answered)),
        times(ratios(answered, raw?.answered)),
        times(ratios(posted, raw?.written)),
      ]),
      ['a raw write alone', '', '', ms(median(raw?.written ?? [])), ms(quantile(raw?.written ?? [], 0.99))],
    ],
  )
  for (const pair of pairs) pair.close()
  await stopAll(servers)
  const file = of('roomfile file')
  return [
    { what: 'post → 201, one poster: file / a raw write alone', value: times(ratios(file?.posted ?? [], raw?.written)) },
    { what: 'post → 201, one poster: file / raw writes with node:http', value: times(ratios(file?.posted ?? [], raw?.posted)) },
    { what: 'post → answer, one parked poll: memory / bare', value: times(ratios(of('roomfile memory')?.answered ?? [], bare?.answered)) },
  ]
}
