/**
 * The options: one table for the command line, the environment, the library and the help.
 * A flag wins over ROOMFILE_<NAME>, that over PORT and HOST, that over the default. Only reads and checks values.
 */
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import {
  ancestors,
  directory,
  duration,
  flag,
  host,
  KIB,
  MIB,
  networks,
  oneOf,
  origins,
  rate,
  secret,
  shown,
  size,
  whole,
  type Kind,
} from './option-kinds.ts'
import { usualBudget } from './room/memory.ts'
import { KEEP_REMOVED_MS } from './stores/file/aside.ts'
import { parsed, UsageError } from './command/usage.ts'

/** All options, checked. Sizes are in bytes of UTF-8. */
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
  /** The most rooms: beyond that, a post cannot make another one. */
  readonly maxRooms: number
  /** The most people in one room. */
  readonly maxPeople: number
  /** Bytes of memory for what can be read or made again. */
  readonly memory: number
  /** Posts a second from one address; 0 lifts all limits of an address. */
  readonly rateLimit: number
  /** Proxies whose X-Forwarded-For is trusted. */
  readonly trustProxy: readonly string[]
  /** A shared secret that every request needs; undefined means that none is needed. */
  readonly token: string | undefined
  /** Other origins whose pages may read and post. */
  readonly cors: readonly string[]
  /** Which sites may show the page in a frame: origins, `self`, `none`, or `*` for all. */
  readonly frameAncestors: readonly string[]
  /** Seconds that a session lasts without a poll or a post. */
  readonly lease: number
  readonly store: 'file' | 'memory'
  /** Milliseconds for which lines that an edit removed are kept aside: Infinity is for ever, 0 is not at all. */
  readonly aside: number
  /** A directory with another page, in place of the built-in one. */
  readonly client: string | undefined
  readonly jsonLogs: boolean
  readonly quiet: boolean
  readonly open: boolean
}

const DEFAULTS: Config = {
  dataDir: './data',
  port: 8080,
  host: 'localhost',
  backlog: 200,
  maxMessage: 16 * KIB,
  maxFile: 8 * MIB,
  maxRooms: 10_000,
  maxPeople: 500,
  memory: usualBudget(),
  rateLimit: 100,
  trustProxy: [],
  token: undefined,
  cors: [],
  frameAncestors: ['self'],
  lease: 60,
  store: 'file',
  aside: KEEP_REMOVED_MS,
  client: undefined,
  jsonLogs: false,
  quiet: false,
  open: false,
}

type Row = readonly [flags: string, description: string, kind: Kind, shownDefault?: string]

const TABLE: readonly Row[] = [
  ['-p, --port <number>', 'port to listen on; 0 takes a free one', whole(0, 65_535)],
  ['-H, --host <address>', 'address to listen on; 0.0.0.0 lets others in', host],
  ['--backlog <number>', 'messages that a room keeps; joins and parts are counted separately', whole(1, 1_000_000)],
  ['--max-message <size>', 'the longest message', size, '16k'],
  ['--max-file <size>', 'the largest room file', size, '8m'],
  ['--max-rooms <number>', 'the most rooms; at this number, a post cannot make another', whole(1, 1_000_000)],
  ['--max-people <number>', 'the most people in one room', whole(1, 100_000)],
  ['--memory <size>', 'memory for rooms that can be read again', size, "an eighth of the machine's, 64m to 1024m"],
  ['--token <secret>', 'a shared secret that every request needs', secret],
  ['--cors <origins>', 'other sites whose pages may read and post: https://example.org,…', origins, 'none'],
  ['--frame-ancestors <origins>', 'sites that may show the page in a frame: self, none, *, https://example.org,…', ancestors, 'self'],
  ['--rate-limit <number>', 'posts a second from one address, or off, which lifts all limits of an address', rate],
  ['--trust-proxy <networks>', 'proxies whose X-Forwarded-For counts: loopback, 10.0.0.0/8, …', networks, 'off'],
  ['--lease <seconds>', 'seconds without a request after which a person has left', whole(1, 3600)],
  ['--store <kind>', 'where rooms are kept: file or memory', oneOf('file', 'memory')],
  ['--aside <duration>', 'how long lines that an edit removed are kept aside: 12h, 30d, forever or off', duration, '30d'],
  ['--client <directory>', 'your own page, in place of the built-in one', directory],
  ['--json-logs', 'log lines as JSON', flag],
  ['--quiet', 'no banner, only warnings', flag],
  ['--open', 'open the page in a browser', flag],
]

const EXAMPLES = `
Examples:
  roomfile                          rooms in ./data, page on http://localhost:8080
  roomfile -H 0.0.0.0 /srv/chat     open to the network, rooms in /srv/chat
  curl -d 'backup done' localhost:8080/rooms/lobby
  echo hello >> data/lobby.jsonl

Other commands, each with --help (a directory of that name is ./follow):
  roomfile follow URL [room]        print messages as they come
  roomfile post URL room [text…]    post a message, or standard input
  roomfile help [command]           print this help, or that of a command

Every option can also be set as ROOMFILE_<NAME>, such as ROOMFILE_MAX_FILE=16m; a flag wins.
PORT and HOST count where neither is set. An empty PORT or HOST counts as not set.`

/**
 * Reads the command line and the environment of this process.
 * @param argv the arguments, without node and script
 * @returns undefined when --help or --version was asked for, and has been printed
 * @throws UsageError one line that names the option and the value
 */
export function readConfig(argv: readonly string[]): Config | undefined {
  const { env } = process
  const command = new Command('roomfile')
    .description('A chat room that is a file.')
    .argument('[data-dir]', 'directory of the room files', env['ROOMFILE_DATA_DIR'] ?? DEFAULTS.dataDir)
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXAMPLES)
  for (const row of TABLE) command.addOption(optionOf(row))
  if (!parsed(command, argv)) return undefined
  const [dataDir] = command.processedArgs as [string]
  const refusal = directory.refusal(dataDir)
  if (refusal !== undefined) throw new UsageError(`argument 'data-dir' value ${shown(dataDir)} is invalid. ${refusal}`)
  return { ...command.opts<Omit<Config, 'dataDir'>>(), dataDir }
}

/**
 * Checks the options of the library, and adds the defaults.
 * @throws TypeError that names the option and, unless it is a secret, the value
 */
export function checkedConfig(options: unknown): Config {
  if (typeof options !== 'object' || options === null) throw new TypeError(`the options are an object, not ${shown(options)}`)
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    const kind = KINDS.get(name)
    if (!kind) throw new TypeError(`there is no option ${shown(name)}`)
    const refusal = kind.refusal(value)
    if (refusal === undefined) continue
    throw new TypeError(`option ${shown(name)} ${kind.isSecret ? '' : `value ${shown(value)} `}is invalid. ${refusal}`)
  }
  return { ...DEFAULTS, ...(Object.fromEntries(given) as Partial<Config>) }
}

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['dataDir', directory],
  ...TABLE.map(([flags, , kind]): [string, Kind] => [new Option(flags).attributeName(), kind]),
])

/** Values of a variable that turn a flag off. */
const OFF = new Set(['', '0', 'off', 'no', 'false'])

function optionOf([flags, description, kind, shownDefault]: Row): Option {
  const { env } = process
  const option = new Option(flags, description)
  const name = option.name().toUpperCase().replaceAll('-', '_')
  option.default(DEFAULTS[option.attributeName() as keyof Config], shownDefault)
  if (!option.isBoolean()) option.argParser((text: string) => readBy(kind, text, flags))
  const variable = variableOf(name)
  if (variable === undefined) return option
  if (option.isBoolean() && OFF.has(env[variable] ?? 'off')) return option // commander takes any value as true
  return option.env(variable)
}

/** Kubernetes sets ROOMFILE_PORT like this, for clients of a service that is named roomfile. */
const SERVICE_ADDRESS = /^(?:tcp|udp|sctp):\/\//i

/** The variable that sets an option, if any. PORT and HOST, which other programs read as well, count where ROOMFILE_PORT or ROOMFILE_HOST is not set. */
function variableOf(name: string): string | undefined {
  const { env } = process
  const own = `ROOMFILE_${name}`
  if (name !== 'PORT' && name !== 'HOST') return own
  const isServiceAddress = name === 'PORT' && SERVICE_ADDRESS.test(env[own] ?? '')
  if (env[own] !== undefined && !isServiceAddress) return own
  if (env[name]) return name // an empty one counts as not set
  return isServiceAddress ? undefined : own
}

function version(): string {
  const found = [new URL('../package.json', import.meta.url), new URL('../../package.json', import.meta.url)].map((url) => {
    try {
      return JSON.parse(readFileSync(url, 'utf8')) as { version: string }
    } catch {
      return undefined // the compiled server is one folder deeper than the source
    }
  })
  return found.find((manifest) => manifest !== undefined)?.version ?? 'unknown'
}

function readBy(kind: Kind, text: string, flags: string): unknown {
  try {
    return kind.read(text)
  } catch (error) {
    if (!kind.isSecret || !(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(`option '${flags}' is invalid. ${error.message}`) // commander would print the value
  }
}

/** Whether only this machine can reach an address. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.')
}
