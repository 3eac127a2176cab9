/**
 * What Linux tells of a process, and which core it may run on. Pinning needs `taskset`; without it everything runs where it likes.
 * Knows no servers and starts none.
 */
import { execFile, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

export const SERVER_CORE = 0
export const LOAD_CORE = 1

/** How long an idle process may work between two looks, and how long they lie apart. */
const IDLE_MS = 0.5
const LOOK_MS = 15
const MOST_LOOKS = 400

/** Taken before anything is pinned: afterwards this process sees one core only. */
const cores = availableParallelism()

/** Where a program is, or undefined when it is not installed. */
export function which(program: string): string | undefined {
  try {
    return execFileSync('which', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined // that is how `which` says no
  }
}

export const canPin = cores > 1 && which('taskset') !== undefined

/** Keeps all threads of a process, and those it starts later, on one core. */
export async function pin(pid: number, core: number): Promise<void> {
  if (canPin) await promisify(execFile)('taskset', ['-a', '-c', '-p', String(core), String(pid)])
}

/** The time that a process has run on a core, all its threads together, in milliseconds. Exact to nanoseconds, unlike /proc/PID/stat. */
export function cpuMs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks.reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e6
}

/** How often the threads of a process have waited for something and gone on: system calls that wait, counted by the kernel. */
export function wakeUps(pid: number): number {
  const ofTask = (task: string): number =>
    Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'))?.[1])
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + ofTask(task), 0)
}

/** The memory that a process has, in KiB. */
export function rssKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** How many files a process may open: one connection is one file. */
export function mostFiles(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
}

/** Resolves when a process has done what there was to do; gives up on one that never rests after some seconds. */
export async function untilIdle(pid: number): Promise<void> {
  let before = cpuMs(pid)
  for (let look = 0, idle = 0; idle < 2 && look < MOST_LOOKS; look++) {
    await delay(LOOK_MS)
    const now = cpuMs(pid)
    idle = now - before < IDLE_MS ? idle + 1 : 0
    before = now
  }
}
