/** Work that many ask for at once. */

/** Asks for work that is shared; resolves to what the run came to that served the call. */
export type Sharing<T> = () => Promise<T>

/**
 * One run after the other of `work`, each serving all calls that came before it began: a call waits for a run that begins after it.
 */
export function sharing<T>(work: () => Promise<T>): Sharing<T> {
  let running: Promise<T> | undefined
  let next: Promise<T> | undefined
  const run = async (before: Promise<T> | undefined): Promise<T> => {
    await before?.catch(() => undefined) // it has told those who asked for it
    running = next
    next = undefined
    try {
      return await work()
    } finally {
      if (!next) running = undefined
    }
  }
  return () => (next ??= run(running))
}
