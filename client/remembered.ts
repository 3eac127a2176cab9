/**
 * Small texts that the browser stores: in localStorage, or in sessionStorage for as long as the tab exists.
 * Where storage does not work (blocked cookies, a sandboxed frame, a full disk), texts are kept in memory for as long as the page exists.
 */
export interface TextStorage {
  /** The text of a key; empty if there is none. */
  readonly recall: (key: string) => string
  /** Stores a text. An empty one removes the key. */
  readonly remember: (key: string, text: string) => void
}

function textStorage(storage: () => Storage): TextStorage {
  const unstored = new Map<string, string>()
  return {
    recall: (key) => unstored.get(key) ?? attempt(() => storage().getItem(key)) ?? '',
    remember(key, text) {
      const isStored = attempt(() => {
        if (text === '') storage().removeItem(key)
        else storage().setItem(key, text)
        return true
      })
      if (isStored) unstored.delete(key)
      else unstored.set(key, text)
    },
  }
}

/** Where storage is blocked, even to read the variable `localStorage` throws. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use()
  } catch {
    return undefined
  }
}

export const { recall, remember } = textStorage(() => localStorage)

/** For as long as the tab exists. */
export const tabStorage = textStorage(() => sessionStorage)

/** The storage itself; undefined where it is blocked. */
export const storage: Storage | undefined = attempt(() => localStorage)
