#!/usr/bin/env node
/**
 * The command: reads its arguments, and loads what they ask for. That is the server (command/serve.ts), or `follow` and `post`, which talk to
 * a server that runs elsewhere (command/cli.ts). A bad command line exits with 2.
 */
import { commandNamed } from './command/cli.ts'
import { BAD_USAGE, FAILED, fail, UsageError } from './command/usage.ts'
import { readConfig } from './config.ts'

/** `help` is `--help`, and `help follow` is `follow --help`. */
function withoutHelpCommand(args: readonly string[]): readonly string[] {
  const [name, topic = ''] = args
  if (name !== 'help') return args
  return commandNamed(topic) ? [topic, '--help'] : ['--help']
}

async function main(args: readonly string[]): Promise<void> {
  const [name = '', ...rest] = args
  const command = commandNamed(name)
  // `roomfile --help | head` is not an error: `head` has read enough. The log has its own output, and commands handle their errors themselves.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !command) fail(`could not write to standard output: ${error.message}`, FAILED)
  })
  try {
    if (command) process.exit(await command(rest))
    const config = readConfig(args)
    if (config) await (await import('./command/serve.ts')).serve(config)
  } catch (error) {
    if (error instanceof UsageError) fail(error.message, BAD_USAGE)
    throw error
  }
}

await main(withoutHelpCommand(process.argv.slice(2)))
