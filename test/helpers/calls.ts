/** How often a function of the server was called, counted by V8 itself: for tests that say what is not done. Knows no function. */
import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'

/** @returns how often a function of a file was called since the last question */
export type CallsOf = (file: string, name: string) => Promise<number>

/** Begins to count, until the test ends. A file is named by its path in the repository. */
export async function countCalls(t: ExecutionContext): Promise<CallsOf> {
  const session = new Session()
  session.connect()
  t.teardown(() => session.disconnect())
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  return async (file, name) => {
    const path = fileURLToPath(new URL(`../../${file}`, import.meta.url))
    const { result } = await session.post('Profiler.takePreciseCoverage')
    const scripts = result.filter(({ url }) => url.endsWith(path))
    const functions = scripts.flatMap((script) => script.functions).filter(({ functionName }) => functionName === name)
    return functions.reduce((sum, { ranges }) => sum + (ranges[0]?.count ?? 0), 0)
  }
}
