import { setTimeout as delay } from 'node:timers/promises'
import { BROWSER_LIMIT_MS } from './limits.ts'

/** Resolves as soon as it is so; throws when it never is, as the browser's own waits do. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + BROWSER_LIMIT_MS
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`it is never so: ${isSo.toString()}`)
    await delay(20)
  }
}
