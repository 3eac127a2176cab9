/**
 * The options: one table, from which the command line, the environment, the help and the defaults are made.
 * A flag wins over ROOMFILE_<NAME>, that over PORT and HOST, that over the default. Starts nothing.
 */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { Command, InvalidArgumentError, Option } from 'commander'
import proxyAddr from 'proxy-addr'
import { usualBudget } from './memory.ts'
import { parsed, UsageError } from './usage.ts'

/** Everything that can be set, checked. Sizes in bytes of UTF-8. */
export interface Config {
  /** One directory is the whole state. */
  readonly dataDir: string
  /** 0 takes any free port. */
  readonly port: number
  readonly host: string
  /** Messages that a room keeps. */
  readonly backlog: number
  /** The longest message. */
  readonly maxMessage: number
  /** The largest room file. */
  readonly maxFile: number
  /** Bytes for all that is kept for convenience: what can be read or made again. */
  readonly memory: number
  /** Posts a second from one address; 0 lifts all limits. */
  readonly rateLimit: number
  /** Proxies whose word about the client's address is believed. */
  readonly trustProxy: readonly string[]
  /** A shared secret that every request needs; undefined asks for none. */
  readonly token: string | undefined
  /** Other origins whose pages may read and post. */
  readonly cors: readonly string[]
  /** Who may show our pages in a frame: origins, `self`, `none`, or `*` for anyone. */
  readonly frameAncestors: readonly string[]
  /** Seconds that a session lasts without a poll or a post. */
  readonly lease: number
  readonly store: 'file' | 'memory'
  /** A directory with somebody's own page, in place of ours. */
  readonly client: string | undefined
  readonly jsonLogs: boolean
  readonly quiet: boolean
  readonly open: boolean
}

const KIB = 1024
const MIB = 1024 * KIB

export const DEFAULTS: Config = {
  dataDir: './data',
  port: 8080,
  host: 'localhost',
  backlog: 200,
  maxMessage: 16 * KIB,
  maxFile: 8 * MIB,
  memory: usualBudget(),
  rateLimit: 100,
  trustProxy: [],
  token: undefined,
  cors: [],
  frameAncestors: ['self'],
  lease: 60,
  store: 'file',
  client: undefined,
  jsonLogs: false,
  quiet: false,
  open: false,
}

type Row = readonly [flags: string, description: string, parse?: (text: string) => unknown, shownDefault?: string]

const TABLE: readonly Row[] = [
  ['-p, --port <number>', 'port to listen on; 0 takes a free one', whole(0, 65_535)],
  ['-H, --host <address>', 'address to listen on; 0.0.0.0 lets others in', host],
  ['--backlog <number>', 'messages that a room keeps', whole(1, 1_000_000)],
  ['--max-message <size>', 'the longest message', size, '16k'],
  ['--max-file <size>', 'the largest room file', size, '8m'],
  ['--memory <size>', 'what may be kept in memory of rooms that can be read again', size, "an eighth of the machine's, 64m to 1024m"],
  ['--token <secret>', 'a shared secret that every request needs', secret],
  ['--cors <origins>', 'other sites whose pages may read and post: https://example.org,…', origins, 'none'],
  ['--frame-ancestors <origins>', 'sites that may show the page in a frame: self, none, *, https://example.org,…', ancestors, 'self'],
  ['--rate-limit <number>', 'posts a second from one address, or off', rate],
  ['--trust-proxy <networks>', 'proxies whose X-Forwarded-For counts: loopback, 10.0.0.0/8, …', networks, 'off'],
  ['--lease <seconds>', 'how long somebody who fell silent is still here', whole(1, 3600)],
  ['--store <kind>', 'where rooms are kept: file or memory', oneOf('file', 'memory')],
  ['--client <directory>', 'a page of your own, in place of the built-in one'],
  ['--json-logs', 'log lines as JSON'],
  ['--quiet', 'no banner, only warnings'],
  ['--open', 'open the page in a browser'],
]

const EXAMPLES = `
Examples:
  roomfile                          rooms in ./data, page on http://localhost:8080
  roomfile -H 0.0.0.0 /srv/chat     open to the network, rooms in /srv/chat
  curl -d 'backup done' localhost:8080/rooms/lobby
  echo hello >> data/lobby.jsonl

Other commands, each with --help (a directory of that name is ./follow):
  roomfile follow URL [room]        print what is said, as it comes
  roomfile post URL room [text…]    say something, or what standard input says

Every option can also be set as ROOMFILE_<NAME>, such as ROOMFILE_MAX_FILE=16m; a flag wins.
PORT and HOST count where neither is set.`

/**
 * Reads the command line and the environment.
 * @param argv the arguments, without node and script
 * @returns undefined when --help or --version was asked for, and has been printed
 * @throws UsageError one line that names the option and the value
 */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv): Config | undefined {
  const command = new Command('roomfile')
    .description('A chat room that is a file.')
    .argument('[data-dir]', 'directory of the room files', env['ROOMFILE_DATA_DIR'] ?? DEFAULTS.dataDir)
    .version(version(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .addHelpText('after', EXAMPLES)
  for (const row of TABLE) command.addOption(optionOf(row, env))
  if (!parsed(command, argv)) return undefined
  const [dataDir] = command.processedArgs as [string]
  if (dataDir === '') throw new UsageError("argument 'data-dir' value '' is invalid. It names a directory.")
  return { ...command.opts<Omit<Config, 'dataDir'>>(), dataDir }
}

/** What a variable says that turns a flag off. */
const OFF = new Set(['', '0', 'off', 'no', 'false'])

function optionOf([flags, description, parse, shownDefault]: Row, env: NodeJS.ProcessEnv): Option {
  const option = new Option(flags, description)
  const name = option.name().toUpperCase().replaceAll('-', '_')
  const fallback = name === 'PORT' || name === 'HOST' ? env[name] : undefined
  option.default(DEFAULTS[option.attributeName() as keyof Config], shownDefault)
  if (parse) option.argParser(parse)
  const variable = `ROOMFILE_${name}`
  if (option.isBoolean() && OFF.has(env[variable] ?? 'off')) return option // commander takes any value for a yes
  // commander reads one variable an option: PORT and HOST stand in where ours is not set.
  return option.env(env[variable] === undefined && fallback !== undefined ? name : variable)
}

function version(): string {
  const found = [new URL('../package.json', import.meta.url), new URL('../../package.json', import.meta.url)].map((url) => {
    try {
      return JSON.parse(readFileSync(url, 'utf8')) as { version: string }
    } catch {
      return undefined // the compiled server stands one folder deeper than the source
    }
  })
  return found.find((manifest) => manifest !== undefined)?.version ?? 'unknown'
}

function whole(least: number, most: number) {
  return (text: string): number => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    if (!(number >= least && number <= most)) throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`)
    return number
  }
}

function oneOf(...names: readonly string[]) {
  return (text: string): string => {
    if (!names.includes(text)) throw new InvalidArgumentError(`It is ${names.join(' or ')}.`)
    return text
  }
}

function size(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([km]?)$/i.exec(text) ?? []
  const bytes = Number(digits) * { '': 1, k: KIB, m: MIB }[unit.toLowerCase() as '' | 'k' | 'm']
  if (!(bytes >= KIB && bytes <= KIB * MIB)) throw new InvalidArgumentError('It is a size from 1k to 1024m, in bytes, k or m.')
  return bytes
}

function rate(text: string): number {
  return text === 'off' ? 0 : whole(1, 1_000_000)(text)
}

function host(text: string): string {
  if (isIP(text) === 0 && !/^[a-z\d](?:[a-z\d.-]{0,252}[a-z\d])?$/i.test(text))
    throw new InvalidArgumentError('It is an address or a host name.')
  return text
}

function networks(text: string): readonly string[] {
  if (text === 'off') return []
  const list = text.split(',').map((network) => network.trim())
  try {
    proxyAddr.compile(list)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
  return list
}

function secret(text: string): string {
  if (text.trim() !== text || text.length < 8)
    throw new InvalidArgumentError('It is a text of 8 characters or more, without blanks at its ends.')
  return text
}

function origins(text: string): readonly string[] {
  return text === 'none' ? [] : originsIn(text)
}

function originsIn(text: string): readonly string[] {
  const list = text.split(',').map((origin) => origin.trim())
  const bad = list.find((origin) => URL.parse(origin)?.origin !== origin)
  if (bad !== undefined)
    throw new InvalidArgumentError(`${JSON.stringify(bad)} is no origin: those are like https://example.org or http://10.0.0.5:3000.`)
  return list
}

/** `none` and `*` stand alone; whoever names others means them beside our own pages. */
function ancestors(text: string): readonly string[] {
  if (text === 'none' || text === '*') return [text]
  const others = text.split(',').filter((origin) => origin.trim() !== 'self')
  return others.length > 0 ? ['self', ...originsIn(others.join(','))] : ['self']
}

/** Whether only this machine can reach an address. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.')
}
