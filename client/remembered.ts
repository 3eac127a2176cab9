/**
 * Small texts that outlive the page, in localStorage where the browser lets us.
 * Where it does not (blocked cookies, a sandboxed frame, a full disk) a text lives as long as the page, and nobody need care.
 */
const session = new Map<string, string>()

export function recall(key: string): string {
  return session.get(key) ?? withStorage((kept) => kept.getItem(key)) ?? ''
}

export function remember(key: string, text: string): void {
  session.set(key, text)
  withStorage((kept) => kept.setItem(key, text))
}

/** Merely looking at `localStorage` throws where it is blocked. */
function withStorage<T>(use: (kept: Storage) => T): T | undefined {
  try {
    return use(localStorage)
  } catch {
    return undefined
  }
}
