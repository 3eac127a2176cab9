#!/usr/bin/env node
/**
 * The command: arguments in, a server listening, signals out. Exit 0 after a clean stop, 1 when it cannot run, 2 for a bad option.
 * `follow` and `post` talk to a server that runs elsewhere: those are command/cli.ts.
 */
import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { pino, type Logger } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { commandNamed } from './command/cli.ts'
import { isLoopback, readConfig, type Config } from './config.ts'
import { roomfile, type Roomfile } from './index.ts'
import { LogOutput } from './command/log-output.ts'
import { TIMES } from './times.ts'
import { BAD_USAGE, COULD_NOT, UsageError } from './command/usage.ts'

/** The log, on standard output, which may be full, slow or gone: that costs lines of the log, and nothing else. */
function outputAndLog({ jsonLogs, quiet }: Config): { output: LogOutput; log: Logger } {
  const onLost = (lines: number): void => log.warn({ lines }, 'lines are missing here: the log could not be written')
  // Node makes a pipe non-blocking when it is first asked for `process.stdout`.
  const output = new LogOutput({ fd: process.stdout.fd, retryMs: TIMES.logRetry, onLost })
  const prettify = prettyFactory({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' })
  const write = (line: string): void => output.write(jsonLogs ? line : prettify(line))
  const log = pino({ level: quiet ? 'warn' : 'info' }, { write })
  process.on('exit', () => output.writeNow())
  return { output, log }
}

const OPEN_TO_ALL = 'Anybody who can reach this address can read and write: --token asks for a secret.'

function isOpenToAll({ host, token }: Config): boolean {
  return !isLoopback(host) && token === undefined
}

/** What a person needs to know at the start; the last line can be pasted. */
function banner(server: Roomfile, config: Config): string {
  const isOpen = config.host === '0.0.0.0' || config.host === '::'
  const local = isOpen ? `http://localhost:${server.port}` : server.url
  const rows = [
    ['page', local],
    ...(isOpen ? networkAddresses().map((address) => ['network', `http://${address}:${server.port}`]) : []),
    ['rooms', config.store === 'memory' ? 'in memory, gone with the process' : resolve(config.dataDir)],
    ['try', `curl -d 'hello' ${local}/rooms/lobby`],
  ]
  const lines = rows.map(([name = '', value]) => `  ${name.padEnd(9)}${value}`)
  const warning = isOpenToAll(config) ? ['', `  ${OPEN_TO_ALL}`] : []
  return ['', '  roomfile: a chat room that is a file', '', ...lines, ...warning, '', ''].join('\n')
}

function networkAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address)
}

/** Stops on the first signal as it should be done, on the second at once. */
function stopOnSignal(server: Roomfile, log: Logger): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(COULD_NOT)
      stopping = true
      log.info(`${signal}: answering parked polls and stopping`)
      server.close().then(
        () => process.exit(0),
        (error: unknown) => fail(`could not stop cleanly: ${(error as Error).message}`, COULD_NOT),
      )
    })
  }
}

function fail(message: string, code: number): never {
  process.stderr.write(`roomfile: ${message}\n`)
  process.exit(code)
}

/** Why the server cannot run, in one line that names what to change. */
function reasonOf(error: NodeJS.ErrnoException, config: Config): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${config.port} on ${config.host} is taken: choose another with --port`
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return error.syscall === 'listen' ? `may not listen on port ${config.port}` : `may not write to ${resolve(config.dataDir)}`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${resolve(config.dataDir)} is not a directory`
    case 'EADDRNOTAVAIL':
    case 'EAI_AGAIN':
    case 'ENOTFOUND':
      return `${config.host} is not an address of this machine: change --host, ROOMFILE_HOST or HOST, where it comes from`
    default:
      return error.message
  }
}

/** Whether the host is wrong: a bad option, though only the system can tell. */
const BAD_HOST: ReadonlySet<string | undefined> = new Set(['EADDRNOTAVAIL', 'EAI_AGAIN', 'ENOTFOUND'])

function cannotRun(error: NodeJS.ErrnoException, config: Config): never {
  fail(reasonOf(error, config), BAD_HOST.has(error.code) ? BAD_USAGE : COULD_NOT)
}

/** `help` is `--help`, and `help follow` is `follow --help`. */
function withoutHelpCommand(args: readonly string[]): readonly string[] {
  const [name, topic = ''] = args
  if (name !== 'help') return args
  return commandNamed(topic) ? [topic, '--help'] : ['--help']
}

async function main(args: readonly string[]): Promise<void> {
  const [name = '', ...rest] = args
  const command = commandNamed(name)
  // `roomfile --help | head` is no error: whoever reads us has read enough. The server's log goes elsewhere, and a command sees to its own.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !command) fail(`could not write to standard output: ${error.message}`, COULD_NOT)
  })
  // A file above the system's limit is an error of one post. write-file-atomic's clean-up would end the process by the signal, were it alone.
  process.on('SIGXFSZ', () => undefined)
  let config: Config | undefined
  try {
    if (command) process.exit(await command(rest))
    config = readConfig(args)
  } catch (error) {
    if (error instanceof UsageError) fail(error.message, BAD_USAGE)
    throw error
  }
  if (!config) return
  const { output, log } = outputAndLog(config)
  const settings = config
  const server = await roomfile(settings, log).catch((error: NodeJS.ErrnoException) => cannotRun(error, settings))
  stopOnSignal(server, log)
  if (settings.jsonLogs) log.info({ url: server.url, dataDir: resolve(settings.dataDir) }, 'listening')
  else if (!settings.quiet) output.write(banner(server, settings))
  if ((settings.jsonLogs || settings.quiet) && isOpenToAll(settings)) log.warn(OPEN_TO_ALL)
  if (settings.open) await (await import('open')).default(server.url)
}

await main(withoutHelpCommand(process.argv.slice(2)))
