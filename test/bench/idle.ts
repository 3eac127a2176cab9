/**
 * What a server does while nothing happens: nobody there, and 10,000 parked polls. CPU and wake-ups of its threads as Linux counts them, and then its
 * system calls as strace counts them, which needs strace and the right to trace.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { isUsable, STRACE } from '../helpers/programs.ts'
import { canHold, Fan } from './fan.ts'
import { printTable, type Figure } from './numbers.ts'
import { cpuMs, wakeUps } from './processes.ts'
import { startAll, stopAll, type Kind, type Server } from './servers.ts'

const IDLE_KINDS: readonly Kind[] = ['bare node:http', 'roomfile memory', 'roomfile file']
const POLLS = 10_000
const WINDOW_MS = 5000

/** After the last answer, until what it leaves to be done is done: timers, and one large garbage collection. */
const SETTLE_MS = 5000

/** The calls that are named. */
const NAMED = 3

interface Calls {
  readonly perSecond: number
  /** The most frequent ones. */
  readonly names: string
}

interface Idle {
  /** Each of these is for a second; garbage collection since the server was left alone, the others after it has settled. */
  readonly cpuMs: number
  readonly gcMs: number
  readonly wakeUps: number
  /** Undefined where strace cannot be used. */
  readonly calls: Calls | undefined
}

/** Counts the system calls of all threads of a process for a while. */
async function callsOf(pid: number): Promise<Calls> {
  const child = spawn('strace', ['-c', '-f', '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] })
  let report = ''
  child.stderr.on('data', (chunk: Buffer) => (report += chunk.toString()))
  const closed = once(child, 'close') // the table comes last: at 'exit' it may not have been read
  await once(child.stderr, 'data')
  if (!report.includes(' attached')) throw new Error(`strace says: ${report}`)
  await delay(WINDOW_MS)
  child.kill('SIGINT')
  await closed
  return callsIn(report, WINDOW_MS / 1000)
}

/** Reads the table of `strace -c`: the fourth column is the number of calls, the last one their name. */
function callsIn(report: string, seconds: number): Calls {
  const counts = [...report.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+) .*?(\w+)$/gm)]
    .map(([, count, name]) => ({ name: name ?? '', perSecond: Number(count) / seconds }))
    .filter(({ name }) => name !== 'total')
    .toSorted((a, b) => b.perSecond - a.perSecond)
  const names = counts.slice(0, NAMED).map(({ name, perSecond }) => `${name} ${perSecond.toFixed(1)}`)
  return { perSecond: counts.reduce((all, { perSecond }) => all + perSecond, 0), names: names.join(', ') }
}

/** All at the same time: they do next to nothing. First without strace, which costs what it watches. */
async function look(servers: readonly Server[]): Promise<Idle[]> {
  const gcBefore = await Promise.all(servers.map((server) => server.gcMs())) // to be asked is work, too: before they settle
  await delay(SETTLE_MS)
  const before = servers.map(({ pid }) => ({ cpu: cpuMs(pid), wakes: wakeUps(pid) }))
  await delay(WINDOW_MS)
  const rates = servers.map(({ pid }, i) => ({
    cpuMs: ((cpuMs(pid) - (before[i]?.cpu ?? NaN)) / WINDOW_MS) * 1000,
    wakeUps: ((wakeUps(pid) - (before[i]?.wakes ?? NaN)) / WINDOW_MS) * 1000,
  }))
  const gc = await Promise.all(servers.map((server) => server.gcMs()))
  const calls = isUsable(STRACE) ? await Promise.all(servers.map(({ pid }) => callsOf(pid))) : []
  return rates.map((rate, i) => ({
    ...rate,
    gcMs: (((gc[i] ?? NaN) - (gcBefore[i] ?? NaN)) / (SETTLE_MS + WINDOW_MS)) * 1000,
    calls: calls[i],
  }))
}

function print(title: string, idles: readonly Idle[]): void {
  printTable(
    `idle: ${title}, ${WINDOW_MS / 1000} s`,
    ['', 'CPU a second', 'GC a second', 'wake-ups a second', 'system calls a second', 'the most frequent'],
    idles.map(({ cpuMs: cpu, gcMs: gc, wakeUps: wakes, calls }, i) => [
      IDLE_KINDS[i] ?? '',
      `${(cpu * 1000).toFixed(0)} µs`,
      `${(gc * 1000).toFixed(0)} µs`,
      wakes.toFixed(1),
      calls ? calls.perSecond.toFixed(1) : '-',
      calls ? calls.names : '-',
    ]),
  )
}

function figure(title: string, idles: readonly Idle[]): Figure {
  const calls = idles[IDLE_KINDS.indexOf('roomfile file')]?.calls
  return { what: `system calls a second, ${title}: file`, value: calls ? calls.perSecond.toFixed(1) : 'strace cannot be used here' }
}

export async function idle(): Promise<readonly Figure[]> {
  if (!isUsable(STRACE)) console.log('\nidle: no system calls, strace is not installed or may not trace')
  const servers = await startAll(IDLE_KINDS)
  const alone = await look(servers)
  print('nobody there', alone)
  const figures = [figure('nobody there', alone)]
  if (canHold(POLLS)) {
    const fans = servers.map((server) => new Fan(server, POLLS))
    for (const fan of fans) await fan.open()
    for (const fan of fans) await fan.park()
    const parked = await look(servers)
    print(`${POLLS} parked polls`, parked)
    figures.push(figure(`${POLLS} parked polls`, parked))
    for (const fan of fans) fan.close()
  }
  await stopAll(servers)
  return figures
}
