/**
 * The server as a command: starts it, says where it listens, logs, and stops it on a signal.
 * Exits with 0 after a clean stop, 1 when it cannot run, 2 when the host is not one of this machine.
 */
import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { pino, type Logger } from 'pino'
import { isLoopback, type Config } from '../config.ts'
import { roomfile, type Roomfile } from '../index.ts'
import { TIMES } from '../times.ts'
import { LogOutput } from './log-output.ts'
import { BAD_USAGE, FAILED, fail } from './usage.ts'

/** Runs the server until a signal stops it. Resolves when it listens. */
export async function serve(config: Config): Promise<void> {
  // A file above the system's limit is an error of one post. Without this, write-file-atomic's clean-up would end the process by the signal.
  process.on('SIGXFSZ', () => undefined)
  const { output, log } = await outputAndLog(config)
  const server = await roomfile(config, log).catch((error: NodeJS.ErrnoException) => cannotRun(error, config))
  stopOnSignal(server, log)
  if (config.jsonLogs) log.info({ url: server.url, dataDir: resolve(config.dataDir) }, 'listening')
  else if (!config.quiet) output.write(banner(server, config))
  if ((config.jsonLogs || config.quiet) && isOpenToAll(config)) log.warn(OPEN_TO_ALL)
  if (config.open) await (await import('open')).default(server.url)
}

const PRETTY = { ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }

/** The log, on standard output. If that is full, slow or closed, lines of the log are lost, and nothing else happens. */
async function outputAndLog({ jsonLogs, quiet }: Config): Promise<{ output: LogOutput; log: Logger }> {
  const onLost = (lines: number): void => log.warn({ lines }, 'lines are missing here: the log could not be written')
  // Node makes a pipe non-blocking when it is first asked for `process.stdout`.
  const output = new LogOutput({ fd: process.stdout.fd, retryMs: TIMES.logRetry, onLost })
  const format = jsonLogs ? (line: string): string => line : (await import('pino-pretty')).prettyFactory(PRETTY)
  const write = (line: string): void => output.write(format(line))
  const log = pino({ level: quiet ? 'warn' : 'info' }, { write })
  process.on('exit', () => output.writeNow())
  return { output, log }
}

const OPEN_TO_ALL = 'Anybody who can reach this address can read and write: --token asks for a secret.'

function isOpenToAll({ host, token }: Config): boolean {
  return !isLoopback(host) && token === undefined
}

/** What is printed at the start: the addresses, the directory, and a command to paste. */
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

/** Stops cleanly on the first signal, at once on the second. */
function stopOnSignal(server: Roomfile, log: Logger): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(FAILED)
      stopping = true
      log.info(`${signal}: answering parked polls and stopping`)
      server.close().then(
        () => process.exit(0),
        (error: unknown) => fail(`could not stop cleanly: ${(error as Error).message}`, FAILED),
      )
    })
  }
}

/** Why the server cannot run, in one line that names what to change. */
function reasonOf(error: NodeJS.ErrnoException, config: Config): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${config.port} on ${config.host} is in use: choose another with --port`
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return error.syscall === 'listen'
        ? `no permission to listen on port ${config.port}`
        : `no permission to write to ${resolve(config.dataDir)}`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${resolve(config.dataDir)} is not a directory`
    case 'EADDRNOTAVAIL':
    case 'EAI_AGAIN':
    case 'ENOTFOUND':
      return `${config.host} is not an address of this machine: change --host, ROOMFILE_HOST or HOST`
    default:
      return error.message
  }
}

/** Errors that mean that the host is an invalid option, which only the system can tell. */
const BAD_HOST: ReadonlySet<string | undefined> = new Set(['EADDRNOTAVAIL', 'EAI_AGAIN', 'ENOTFOUND'])

function cannotRun(error: NodeJS.ErrnoException, config: Config): never {
  fail(reasonOf(error, config), BAD_HOST.has(error.code) ? BAD_USAGE : FAILED)
}
