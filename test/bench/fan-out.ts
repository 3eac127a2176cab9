/**
 * One post wakes a whole room: how long until the last of 1,000 or 10,000 parked polls has its answer, and what each of them costs the
 * server. All servers have their crowds connected at the same time; one after the other they park, and are woken.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Order, Report } from './crowd.ts'
import { median, ms, printTable, quantile, ratio, times } from './numbers.ts'
import { cpuMs, mostFiles, rssKib, untilIdle } from './processes.ts'
import { KINDS, startAll, stopAll, type Server } from './servers.ts'

/** How many polls, and in how many rounds. */
const SIZES = [
  [1000, 20],
  [10_000, 7],
] as const

const WARM_UP = 2

/** Files that a server opens besides its connections. */
const OTHER_FILES = 200

class Fan {
  readonly server: Server
  readonly lastMs: number[] = []
  readonly loadMs: number[] = []
  readonly parkMs: number[] = []
  readonly wakeMs: number[] = []
  memoryKib = 0
  readonly #polls: number
  readonly #crowd: ChildProcess
  #timestamp = 0

  constructor(server: Server, polls: number) {
    this.server = server
    this.#polls = polls
    this.#crowd = fork(fileURLToPath(new URL('crowd.ts', import.meta.url)))
    this.#crowd.once('exit', (code) => {
      if (code !== null) throw new Error(`a crowd of clients has ended with ${code}`)
    })
  }

  async open(): Promise<void> {
    const before = rssKib(this.server.pid)
    await this.#tell({ what: 'open', port: this.server.port, count: this.#polls })
    // An empty room stands at 1 (PROTOCOL.md): a poll from there parks.
    this.#timestamp = 1
    await this.#park()
    this.memoryKib = (rssKib(this.server.pid) - before) / this.#polls
    await this.#wake()
  }

  async round(isMeasured: boolean): Promise<void> {
    const parkMs = await this.#park()
    const { lastMs, loadMs, wakeMs } = await this.#wake()
    if (!isMeasured) return
    this.parkMs.push(parkMs / this.#polls)
    this.wakeMs.push(wakeMs / this.#polls)
    this.loadMs.push(loadMs / this.#polls)
    this.lastMs.push(lastMs)
  }

  close(): void {
    this.#crowd.kill('SIGKILL')
  }

  async #park(): Promise<number> {
    const before = cpuMs(this.server.pid)
    await this.#tell({ what: 'park', request: this.server.poll(this.#timestamp) })
    await untilIdle(this.server.pid)
    return cpuMs(this.server.pid) - before
  }

  async #wake(): Promise<{ lastMs: number; loadMs: number; wakeMs: number }> {
    const before = cpuMs(this.server.pid)
    const { lastMs, loadMs, timestamp } = await this.#tell({ what: 'post', request: this.server.post('the build is green') })
    await untilIdle(this.server.pid)
    this.#timestamp = timestamp
    return { lastMs, loadMs, wakeMs: cpuMs(this.server.pid) - before }
  }

  async #tell(order: Order): Promise<Report> {
    const reported = once(this.#crowd, 'message')
    this.#crowd.send(order)
    const [report] = (await reported) as [Report]
    return report
  }
}

function microseconds(values: readonly number[]): string {
  return `${(median(values) * 1000).toFixed(1)} µs`
}

async function fanOutTo(polls: number, rounds: number): Promise<void> {
  const servers = await startAll(KINDS)
  const fans = servers.map((server) => new Fan(server, polls))
  for (const fan of fans) await fan.open()
  for (let round = -WARM_UP; round < rounds; round++) for (const fan of fans) await fan.round(round >= 0)
  const bare = fans.find(({ server }) => server.kind === 'bare node:http')
  printTable(
    `fan-out: one post to ${polls} parked polls, ${rounds} rounds`,
    ['', 'last answer', 'max', 'CPU/answer', 'CPU/park', 'memory/poll', 'load CPU', 'last / bare', 'answer CPU / bare', 'park CPU / bare'],
    fans.map((fan) => [
      fan.server.kind,
      ms(median(fan.lastMs)),
      ms(quantile(fan.lastMs, 1)),
      microseconds(fan.wakeMs),
      microseconds(fan.parkMs),
      `${fan.memoryKib.toFixed(1)} KiB`,
      microseconds(fan.loadMs),
      times(ratio(fan.lastMs, bare?.lastMs ?? [])),
      times(ratio(fan.wakeMs, bare?.wakeMs ?? [])),
      times(ratio(fan.parkMs, bare?.parkMs ?? [])),
    ]),
  )
  for (const fan of fans) fan.close()
  await stopAll(servers)
}

export async function fanOut(): Promise<void> {
  for (const [polls, rounds] of SIZES) {
    if (polls + OTHER_FILES <= mostFiles()) await fanOutTo(polls, rounds)
    else console.log(`\nfan-out: no ${polls} polls, only ${mostFiles()} files may be open (ulimit -n)`)
  }
}
