/**
 * Loaded into a measured server before its own code: adds up how long its main thread stood still for garbage collection, and prints it when asked.
 * It is time by the clock: on a busy machine it is longer than the CPU that the collection takes.
 */
import { PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  let gcMs = 0
  const add = (entries: readonly PerformanceEntry[]): void => {
    for (const { duration } of entries) gcMs += duration
  }
  const observer = new PerformanceObserver((list) => add(list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  process.on('SIGUSR2', () => {
    add(observer.takeRecords())
    console.log(JSON.stringify({ gcMs }))
  })
}
