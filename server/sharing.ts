/** Work that many ask for at once. */

export interface Sharing {
  (): Promise<void>
  /** Whether the work is under way, or asked for. */
  readonly isRunning: boolean
  /** Resolves when all that was asked for until now has run, whatever came of it. */
  readonly whenIdle: () => Promise<void>
}

/**
 * One run after the other of `work`, each serving all calls that came before it began: a call waits for a run that begins after it.
 */
export function sharing(work: () => Promise<void>): Sharing {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const run = async (before: Promise<void> | undefined): Promise<void> => {
    await before?.catch(() => undefined) // it has told those who asked for it
    running = next
    next = undefined
    try {
      await work()
    } finally {
      if (!next) running = undefined
    }
  }
  const call = (): Promise<void> => (next ??= run(running))
  const whenIdle = async (): Promise<void> => (next ?? running)?.catch(() => undefined) // it tells those who asked for it
  return Object.defineProperty(Object.assign(call, { whenIdle }), 'isRunning', {
    get: () => running !== undefined || next !== undefined,
  }) as Sharing
}
