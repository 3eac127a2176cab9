/** The environment of a program, for as long as something is run in this process. */
export function within<T>(variables: Readonly<Record<string, string | undefined>>, work: () => T): T {
  const before = process.env
  process.env = { ...variables }
  try {
    return work()
  } finally {
    process.env = before
  }
}
