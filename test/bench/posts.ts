/** Posts a second on keep-alive connections, each of which sends its next post when it has the answer to the last. Nobody polls. */
import { median, ms, printTable, quantile, ratio, times } from './numbers.ts'
import { cpuMs } from './processes.ts'
import { KINDS, startAll, stopAll, type Kind, type Server } from './servers.ts'
import { timestampOf, Wire } from './wire.ts'

const CONNECTIONS = 20
const ROUNDS = 5
const ROUND_MS = 1500
const WARM_UP_MS = 1000

interface Measured {
  readonly rates: number[]
  readonly latencies: number[]
  /** Milliseconds of the server's core for each post. */
  readonly cpu: number[]
  /** How much of the time the server's core was its own: near 1, the server is what is measured. */
  readonly busy: number[]
}

async function flood(server: Server, durationMs: number): Promise<{ count: number; wall: number; latencies: number[] }> {
  const wires = await Wire.openMany(server.port, CONNECTIONS)
  const request = server.post('x'.repeat(100))
  const latencies: number[] = []
  const begin = performance.now()
  const follow = async (wire: Wire): Promise<void> => {
    for (let sent = performance.now(); sent - begin < durationMs;) {
      timestampOf(await wire.fetch(request))
      const now = performance.now()
      latencies.push(now - sent)
      sent = now
    }
  }
  await Promise.all(wires.map(follow))
  const wall = performance.now() - begin
  for (const wire of wires) wire.close()
  return { count: latencies.length, wall, latencies }
}

async function measure(server: Server, into: Measured): Promise<void> {
  const before = cpuMs(server.pid)
  const { count, wall, latencies } = await flood(server, ROUND_MS)
  const cpu = cpuMs(server.pid) - before
  into.rates.push((count / wall) * 1000)
  for (const latency of latencies) into.latencies.push(latency)
  into.cpu.push(cpu / count)
  into.busy.push(cpu / wall)
}

export async function posts(): Promise<void> {
  const servers = await startAll(KINDS)
  const rows = servers.map((server) => ({ server, measured: { rates: [], latencies: [], cpu: [], busy: [] } as Measured }))
  for (const server of servers) await flood(server, WARM_UP_MS)
  for (let round = 0; round < ROUNDS; round++) for (const { server, measured } of rows) await measure(server, measured)
  const of = (kind: Kind): Measured | undefined => rows.find(({ server }) => server.kind === kind)?.measured
  printTable(
    `posts a second: ${CONNECTIONS} connections, ${ROUNDS} rounds of ${ROUND_MS / 1000} s`,
    ['', 'posts/s', 'latency', 'p99', 'server CPU/post', 'core busy', 'rate / bare', 'CPU / bare', 'CPU / memory'],
    rows.map(({ server, measured: { rates: own, latencies, cpu, busy } }) => [
      server.kind,
      median(own).toFixed(0),
      ms(median(latencies)),
      ms(quantile(latencies, 0.99)),
      `${(median(cpu) * 1000).toFixed(1)} µs`,
      `${(median(busy) * 100).toFixed(0)} %`,
      times(ratio(own, of('bare node:http')?.rates ?? [])),
      times(ratio(cpu, of('bare node:http')?.cpu ?? [])),
      times(ratio(cpu, of('roomfile memory')?.cpu ?? [])),
    ]),
  )
  await stopAll(servers)
}
