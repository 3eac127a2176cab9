/** The environment of a program, for as long as something is run in this process: `commander` reads it there, whatever it is handed. */
export function within<T>(variables: Readonly<Record<string, string | undefined>>, work: (env: NodeJS.ProcessEnv) => T): T {
  const before = process.env
  process.env = { ...variables }
  try {
    return work(process.env)
  } finally {
    process.env = before
  }
}
