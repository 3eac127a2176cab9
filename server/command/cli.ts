/**
 * `roomfile follow` and `roomfile post`: a room on the command line.
 * Knows arguments, streams, signals and exit codes. client/api follows a room and posts to it, terminal.ts prints.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { BAD_USAGE, FAILED, DONE, parsed, UsageError } from './usage.ts'
import { connect, type Connection, type MessagesEvent, type RoomEvent } from '../../client/api/client.ts'
import { linesIn, wholeOf, type Text } from './input.ts'
import { FOUND_AGAIN, noteOfLoss, postAll } from './posting.ts'
import { print, say, type Terminal } from './terminal.ts'

type CommandLine = (argv: readonly string[], terminal?: Terminal) => Promise<number>

const PROCESS: Terminal = {
  get input() {
    return process.stdin // opened only by a command that reads it
  },
  output: process.stdout,
  errors: process.stderr,
  onInterrupt(end) {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end)
  },
}

const COMMANDS: ReadonlyMap<string, CommandLine> = new Map([
  ['follow', withExitCode(follow)],
  ['post', withExitCode(post)],
])

/** How long the command waits until it has left the room, in milliseconds. */
const LEAVE_MS = 2000

/**
 * The command with this name, undefined when there is none. It resolves to the exit code: 0 done, 1 failed, 2 invalid usage; the reason of a failure is
 * on standard error. It uses the streams and signals of the process, unless others are passed.
 */
export function commandNamed(name: string): CommandLine | undefined {
  return COMMANDS.get(name)
}

function withExitCode(command: (argv: readonly string[], terminal: Terminal) => Promise<number>): CommandLine {
  return async (argv, terminal = PROCESS) => {
    try {
      return await command(argv, terminal)
    } catch (error) {
      say(terminal, (error as Error).message)
      return error instanceof UsageError ? BAD_USAGE : FAILED
    }
  }
}

async function follow(argv: readonly string[], terminal: Terminal): Promise<number> {
  const command = commandFor('follow')
    .description('Prints the messages of a room, as they come. Ctrl-C ends it.')
    .argument('<url>', 'address of the server')
    .argument('[room]', 'the room; lobby without it')
    .option('-n, --last <number>', 'print so many of the messages that the room keeps', whole, 10)
    .option('--json', 'each message as its line in the file')
  if (!parsed(command, argv)) return DONE
  const [url, room] = command.processedArgs as [string, string | undefined]
  const { nick, token, last, json } = command.opts<{ nick?: string; token?: string; last: number; json?: boolean }>()
  const ends = new AbortController()
  let failure: Error | undefined
  const fail = (error: Error): void => {
    failure ??= ends.signal.aborted ? undefined : error
    ends.abort()
  }
  terminal.onInterrupt(() => ends.abort())
  // `roomfile follow … | head`: `head` has read enough.
  terminal.output.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? ends.abort() : fail(error)))
  const address = addressOf(url)
  const connection = connect(address.url, { room: room ?? address.room ?? 'lobby', token, signal: ends.signal })
  if (nick !== undefined) connection.join(nick).catch(fail)
  await printAll(connection, last, json === true, terminal)
  if (failure) throw failure
  await Promise.race([connection.leave(), new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref())])
  return DONE
}

async function printAll(connection: Connection, last: number, asJson: boolean, terminal: Terminal): Promise<void> {
  let isLost = false
  let newest: number | undefined
  for await (const event of connection) {
    if (event.type === 'messages') {
      const messages = newest === undefined ? newestOf(event, last) : event.messages.filter(({ timestamp }) => timestamp > (newest ?? 0))
      for (const message of messages) print(terminal, message, asJson)
      newest = event.timestamp
    }
    const note = noteOf(event, isLost)
    if (note !== undefined) say(terminal, note)
    if (event.type === 'state' && event.state !== 'connecting') isLost = event.state === 'waiting'
  }
}

function newestOf({ messages }: MessagesEvent, last: number): MessagesEvent['messages'] {
  return messages.slice(Math.max(0, messages.length - last))
}

/** A note for the user about an event; undefined when there is nothing to note. */
function noteOf(event: RoomEvent, isLost: boolean): string | undefined {
  if (event.type === 'session') return event.error && `you are not in the room any more: ${event.error.message}`
  if (event.type === 'messages') return event.gap ? 'some messages are gone' : event.reset ? 'the room was edited' : undefined
  if (event.type !== 'state') return undefined
  if (event.state === 'waiting') return isLost ? undefined : noteOfLoss(event.error)
  return isLost && event.state === 'connected' ? FOUND_AGAIN : undefined
}

async function post(argv: readonly string[], terminal: Terminal): Promise<number> {
  const command = commandFor('post')
    .description('Posts a message to a room: the text, or else standard input.')
    .argument('<url>', 'address of the server')
    .argument('<room>', 'the room')
    .argument('[text...]', 'the message')
    .option('--lines', 'post each line of standard input as a message, as it comes')
    .option('--tries <number>', 'how often to try, with growing pauses; 0 for ever', whole, 0)
  if (!parsed(command, argv)) return DONE
  const [url, room, words] = command.processedArgs as [string, string, string[]]
  const { nick = '', token, lines, tries } = command.opts<{ nick?: string; token?: string; lines?: boolean; tries: number }>()
  if (lines && words.length > 0) throw new UsageError('--lines reads standard input: leave out the text')
  const connection = connect(addressOf(url).url, { room, nick, token })
  const { input } = terminal
  const texts = words.length > 0 ? textOf(words) : lines ? linesIn(input) : wholeOf(input)
  const note = (text: string): void => say(terminal, text)
  return (await postAll(texts, connection, { tries: tries || Infinity, say: note })) ? DONE : FAILED
}

async function* textOf(words: readonly string[]): AsyncGenerator<Text> {
  yield { text: words.join(' ') }
}

/** What both commands have. */
function commandFor(name: string): Command {
  return new Command(`roomfile ${name}`)
    .option('--nick <name>', 'your nick')
    .addOption(new Option('--token <secret>', "the server's token").env('ROOMFILE_TOKEN'))
    .helpOption('-h, --help', 'print this help')
}

/** The address as users type it: with or without `http://`, or that of the page, with its room. */
function addressOf(text: string): { url: string; room: string | undefined } {
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `http://${text}`)
  if (!url) throw new UsageError(`${JSON.stringify(text)} is not an address`)
  const room = url.searchParams.get('room') ?? undefined
  return { url: `${url.origin}${url.pathname}`, room }
}

function whole(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value)
  throw new InvalidArgumentError('It is a whole number.')
}
