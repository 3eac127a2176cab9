/**
 * A flood of posts: keep-alive connections, each of which sends its next post when it has the answer to the last. Nobody polls.
 * Knows how to measure a round, and the columns of a table of such rounds; which servers and how many posters, others decide.
 */
import { median, microseconds, ms, percent, quantile, sum } from './numbers.ts'
import { cpuMs, untilIdle } from './processes.ts'
import type { Write } from './raw-writes.ts'
import type { Server } from './servers.ts'
import { bodyOf, timestampOf, Wire } from './wire.ts'

export interface Load {
  readonly posters: number
  /** The rooms that they post to, in turn. */
  readonly rooms: readonly string[]
  /** Characters of a message. */
  readonly length: number
}

/** What was measured of one server; a value for each round, where nothing else is said. */
export class Rounds {
  readonly server: Server
  readonly load: Load
  readonly rates: number[] = []
  readonly latencies: number[] = []
  /** Of all posts of all rounds. */
  readonly allLatencies: number[] = []
  /** Milliseconds of the server's core for each post. */
  readonly cpu: number[] = []
  /** How much of the time the server's core was its own: near 1, the server is what is measured. */
  readonly busy: number[] = []
  /** How much of the server's CPU time its main thread stood still for garbage collection. */
  readonly gc: number[] = []
  /** What a raw write alone took, and its CPU; empty for all other servers. */
  readonly writeMs: number[] = []
  readonly writeCpu: number[] = []

  constructor(server: Server, load: Load) {
    this.server = server
    this.load = load
  }

  /** @param durationMs after this time, nobody begins another post; each has made one at least */
  async measure(durationMs: number): Promise<void> {
    const { pid } = this.server
    const wires = await Wire.openMany(this.server.port, this.load.posters)
    await untilIdle(pid)
    const gcBefore = await this.server.gcMs()
    const before = cpuMs(pid)
    const { wall, latencies, writes } = await this.#flood(wires, durationMs)
    const cpu = cpuMs(pid) - before
    const gc = (await this.server.gcMs()) - gcBefore
    for (const wire of wires) wire.close()
    const count = latencies.length
    this.rates.push((count / wall) * 1000)
    this.latencies.push(median(latencies))
    for (const latency of latencies) this.allLatencies.push(latency)
    this.cpu.push(cpu / count)
    this.busy.push(cpu / wall)
    this.gc.push(gc / cpu)
    if (this.server.kind !== 'raw writes') return
    this.writeMs.push(median(writes.map(({ writeMs }) => writeMs)))
    this.writeCpu.push(sum(writes.map(({ writeCpuMs }) => writeCpuMs)) / count)
  }

  async #flood(wires: readonly Wire[], durationMs: number): Promise<{ wall: number; latencies: number[]; writes: Write[] }> {
    const { rooms, length } = this.load
    const text = 'x'.repeat(length)
    const isRaw = this.server.kind === 'raw writes'
    const latencies: number[] = []
    const writes: Write[] = []
    const begin = performance.now()
    const follow = async (wire: Wire, i: number): Promise<void> => {
      const request = this.server.post(text, rooms[i % rooms.length])
      for (let sent = performance.now(), isFirst = true; isFirst || sent - begin < durationMs; isFirst = false) {
        const answer = await wire.fetch(request)
        const now = performance.now()
        timestampOf(answer)
        latencies.push(now - sent)
        if (isRaw) writes.push(bodyOf(answer) as Write)
        sent = now
      }
    }
    await Promise.all(wires.map(follow))
    return { wall: performance.now() - begin, latencies, writes }
  }
}

/** Measures some servers in turns, there and back, so that none is always the one after the same other; after a round that does not count. */
export async function measureInTurns(rows: readonly Rounds[], rounds: number, durationMs: number): Promise<void> {
  const cold = rows.map(({ server, load }) => new Rounds(server, load))
  for (const row of cold) await row.measure(durationMs)
  for (let round = 0; round < rounds; round++) for (const row of round % 2 === 0 ? rows : rows.toReversed()) await row.measure(durationMs)
}

export const HEAD = ['posts/s', 'latency', 'p99', 'CPU/post', 'core busy', 'GC of CPU'] as const

export function cells({ rates, allLatencies, cpu, busy, gc }: Rounds): string[] {
  return [
    median(rates).toFixed(0),
    ms(median(allLatencies)),
    ms(quantile(allLatencies, 0.99)),
    microseconds(cpu),
    percent(median(busy)),
    percent(median(gc), 1),
  ]
}
