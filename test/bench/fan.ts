/**
 * A server with a crowd of parked polls, in a process of their own (crowd.ts): parks them, wakes them with one post, and measures what both take.
 * Which servers, how many polls and how many rounds, others decide.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Order, Report } from './crowd.ts'
import { cpuMs, mostFiles, rssKib, untilIdle } from './processes.ts'
import type { Server } from './servers.ts'

/** Files that a server opens besides its connections. */
const OTHER_FILES = 200

/** Whether a process may open files enough for so many connections; says so where it may not. */
export function canHold(polls: number): boolean {
  if (polls + OTHER_FILES <= mostFiles()) return true
  console.log(`\nno ${polls} parked polls: only ${mostFiles()} files may be open (ulimit -n)`)
  return false
}

export class Fan {
  readonly server: Server
  /** From the post to the last answer. */
  readonly lastMs: number[] = []
  /** For each poll: CPU of its clients while they are woken, CPU of the server to park it, CPU of the server to answer it (with its part of the post). */
  readonly loadMs: number[] = []
  readonly parkMs: number[] = []
  readonly wakeMs: number[] = []
  /** What memory grew by for each poll, when they parked for the first time. */
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
    await this.park()
    this.memoryKib = (rssKib(this.server.pid) - before) / this.#polls
    await this.#wake()
  }

  async round(isMeasured: boolean): Promise<void> {
    const parkMs = await this.park()
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

  /** Parks a poll on each connection. @returns the server's CPU */
  async park(): Promise<number> {
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
