/**
 * Small texts that outlive the page, in localStorage where the browser lets us, or as long as the tab, in sessionStorage.
 * Where it does not (blocked cookies, a sandboxed frame, a full disk) a text lives as long as the page, and nobody need care.
 */
export interface Memory {
  /** The text under a key, empty if there is none. */
  readonly recall: (key: string) => string
  /** Keeps a text; an empty one is forgotten. */
  readonly remember: (key: string, text: string) => void
}

function memory(storage: () => Storage): Memory {
  const refused = new Map<string, string>()
  return {
    recall: (key) => refused.get(key) ?? attempt(() => storage().getItem(key)) ?? '',
    remember(key, text) {
      const isKept = attempt(() => {
        if (text === '') storage().removeItem(key)
        else storage().setItem(key, text)
        return true
      })
      if (isKept) refused.delete(key)
      else refused.set(key, text)
    },
  }
}

/** Merely looking at `localStorage` throws where it is blocked. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use()
  } catch {
    return undefined
  }
}

export const { recall, remember } = memory(() => localStorage)

/** What goes when the tab does. */
export const tabMemory = memory(() => sessionStorage)

/** The storage itself, for what keeps more than a text; undefined where the browser does not let us. */
export const storage: Storage | undefined = attempt(() => localStorage)
