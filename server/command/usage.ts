/** Invalid command lines, reported in one line, and exit codes. Knows commander; does not know any option. */
import type { Command } from 'commander'

/** Exit codes. */
export const DONE = 0
export const FAILED = 1
export const BAD_USAGE = 2

export class UsageError extends Error {}

/** Ends the process, with the reason on standard error. */
export function fail(message: string, code: number): never {
  process.stderr.write(`roomfile: ${message}\n`)
  process.exit(code)
}

/**
 * Reads a command line.
 * @param argv the arguments, without node, script and name of the command
 * @returns false when --help or --version was asked for, and has been printed
 * @throws UsageError one line that names the option and the value
 */
export function parsed(command: Command, argv: readonly string[]): boolean {
  try {
    command
      .configureOutput({ writeErr: () => undefined })
      .exitOverride()
      .parse(argv, { from: 'user' })
    return true
  } catch (error) {
    if (error instanceof UsageError) throw error
    const { code, message } = error as { code?: string; message: string }
    if (code === 'commander.helpDisplayed' || code === 'commander.version') return false
    const reason = code === 'commander.unknownOption' ? withoutValue(message) : message
    throw new UsageError(reason.replace(/^error: /, '').replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' '))
  }
}

/** `unknown option '--tokem=x'` without the value: it may be the secret of a misspelled option. */
function withoutValue(message: string): string {
  const at = message.indexOf("'") + 1
  return `${message.slice(0, at)}${/^(?:--[\w-]*|-.)/.exec(message.slice(at))?.[0] ?? ''}'`
}
