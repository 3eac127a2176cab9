/** Warnings to the operator of the server, about what no client can be told. */

/** Where warnings go: a pino logger, for example. Declared here so that our types need no others. */
export interface Log {
  warn(details: object, message: string): void
}

/** @param details what it concerns, and the `error` if there was one */
export type Warn = (message: string, details: { readonly room?: string; readonly error?: unknown; readonly [key: string]: unknown }) => void

/** How many warnings are remembered, so that they are not repeated. */
const MAX_REMEMBERED = 1000

/** @param silence milliseconds for which the same warning is not repeated */
export function warnTo(log: Log, silence: number): Warn {
  const told = new Map<string, number>()
  return (message, { error, ...details }) => {
    const key = `${message} ${details.room ?? ''} ${(error as Error | undefined)?.message ?? ''}`
    const now = performance.now()
    if (now - (told.get(key) ?? -Infinity) < silence) return
    if (told.size >= MAX_REMEMBERED) told.clear()
    told.set(key, now)
    log.warn(error === undefined ? details : { ...details, err: error }, message)
  }
}
