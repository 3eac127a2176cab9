/**
 * One small text that outlives the page, in localStorage where the browser lets us.
 * Where it does not (blocked cookies, a sandboxed frame, a full disk) the text lives as long as the page, and nobody need care.
 */
const session = new Map<string, string>()

export function recall(key: string): string {
  return session.get(key) ?? withStorage((storage) => storage.getItem(key)) ?? ''
}

export function remember(key: string, text: string): void {
  session.set(key, text)
  withStorage((storage) => storage.setItem(key, text))
}

/** Merely looking at `localStorage` throws where it is blocked. */
function withStorage<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(localStorage)
  } catch {
    return undefined
  }
}
