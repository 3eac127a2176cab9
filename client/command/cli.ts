/**
 * `roomfile follow` and `roomfile post`: a room on the command line.
 * Knows arguments, streams, signals and exit codes; what happens in a room is the client's affair, how a message looks terminal.ts's.
 */
import { createInterface } from 'node:readline'
import { text as textOf } from 'node:stream/consumers'
import { Command, InvalidArgumentError, Option } from 'commander'
import { lineOf } from '../../server/message.ts'
import { BAD_USAGE, COULD_NOT, DONE, parsed, UsageError } from '../../server/usage.ts'
import { connect, RoomError, type Connection, type MessagesEvent, type RoomEvent } from '../client.ts'
import { written } from './terminal.ts'

type CommandLine = (argv: readonly string[]) => Promise<number>

const COMMANDS: ReadonlyMap<string, CommandLine> = new Map([
  ['follow', (argv) => ending(() => follow(argv))],
  ['post', (argv) => ending(() => post(argv))],
])

/** How long we take to leave a room that does not answer, in ms. */
const LEAVE_MS = 2000

/**
 * The command of a name, undefined when there is none. It resolves to the exit code: 0 done, 1 it could not be done, 2 bad usage;
 * the reason is on standard error by then.
 */
export function commandNamed(name: string): CommandLine | undefined {
  return COMMANDS.get(name)
}

async function ending(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    say((error as Error).message)
    return error instanceof UsageError ? BAD_USAGE : COULD_NOT
  }
}

async function follow(argv: readonly string[]): Promise<number> {
  const command = commandFor('follow')
    .description('Prints what is said in a room, as it comes. Ctrl-C ends it.')
    .argument('<url>', 'where roomfile is')
    .argument('[room]', 'lobby if there is none')
    .option('-n, --last <number>', 'messages to begin with, of those that the room keeps', whole, 10)
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
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ends.abort())
  // `roomfile follow … | head`: whoever reads us has read enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? ends.abort() : fail(error)))
  const address = addressOf(url)
  const connection = connect(address.url, { room: room ?? address.room ?? 'lobby', token, signal: ends.signal })
  if (nick !== undefined) connection.join(nick).catch(fail)
  await print(connection, last, json === true)
  if (failure) throw failure
  await Promise.race([connection.leave(), new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref())])
  return DONE
}

async function print(connection: Connection, last: number, asJson: boolean): Promise<void> {
  const { stdout } = process
  let isLost = false
  let newest: number | undefined
  for await (const event of connection) {
    if (event.type === 'messages') {
      const messages = newest === undefined ? newestOf(event, last) : event.messages.filter(({ timestamp }) => timestamp > (newest ?? 0))
      for (const message of messages) stdout.write(`${asJson ? lineOf(message) : written(message, stdout)}\n`)
      newest = event.timestamp
    }
    const note = noteOf(event, isLost)
    if (note !== undefined) say(note)
    if (event.type === 'state' && event.state !== 'connecting') isLost = event.state === 'waiting'
  }
}

function newestOf({ messages }: MessagesEvent, last: number): MessagesEvent['messages'] {
  return messages.slice(Math.max(0, messages.length - last))
}

/** What whoever follows should know besides the messages. */
function noteOf(event: RoomEvent, isLost: boolean): string | undefined {
  if (event.type === 'session') return event.error && `you are not in the room any more: ${event.error.message}`
  if (event.type === 'messages') return event.gap ? 'some messages are gone' : event.reset ? 'the room was edited' : undefined
  if (event.type !== 'state') return undefined
  if (event.state === 'waiting') return isLost ? undefined : `no connection, trying again: ${reasonOf(event.error)}`
  return isLost && event.state === 'connected' ? 'connected again' : undefined
}

async function post(argv: readonly string[]): Promise<number> {
  const command = commandFor('post')
    .description('Posts a message to a room: the text, or else what standard input says.')
    .argument('<url>', 'where roomfile is')
    .argument('<room>', 'the room')
    .argument('[text...]', 'the message')
    .option('--lines', 'each line of standard input is a message of its own, as it comes')
    .option('--tries <number>', 'how often to try, with growing pauses; 0 for ever', whole, 5)
  if (!parsed(command, argv)) return DONE
  const [url, room, words] = command.processedArgs as [string, string, string[]]
  const { nick = '', token, lines, tries } = command.opts<{ nick?: string; token?: string; lines?: boolean; tries: number }>()
  if (lines && words.length > 0) throw new UsageError('--lines reads standard input: there is nothing to do with a text')
  const connection = connect(addressOf(url).url, { room, nick, token })
  for await (const msg of lines ? linesIn(process.stdin) : wholeOf(words, process.stdin)) {
    await connection.post(msg, { tries: tries || Infinity }).catch((error: Error) => {
      throw new Error(`not posted: ${reasonOf(error)}`, { cause: error })
    })
  }
  return DONE
}

async function* wholeOf(words: readonly string[], input: NodeJS.ReadableStream): AsyncGenerator<string> {
  yield words.length > 0 ? words.join(' ') : (await textOf(input)).replace(/(?<![\r\n])[\r\n]+$/, '')
}

async function* linesIn(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  for await (const line of createInterface(input)) if (line.trim() !== '') yield line
}

/** What both commands have. */
function commandFor(name: string): Command {
  return new Command(`roomfile ${name}`)
    .option('--nick <name>', 'who you are')
    .addOption(new Option('--token <secret>', "the server's token").env('ROOMFILE_TOKEN'))
    .helpOption('--help', 'print this help')
}

/** The address as people have it: with or without `http://`, or the page's, with its room. */
function addressOf(text: string): { url: string; room: string | undefined } {
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `http://${text}`)
  if (!url) throw new UsageError(`${JSON.stringify(text)} is no address`)
  const room = url.searchParams.get('room') ?? undefined
  return { url: `${url.origin}${url.pathname}`, room }
}

function whole(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value)
  throw new InvalidArgumentError('It is a whole number.')
}

/** Why something failed, in words: `fetch` hides the system's reason one level down. */
function reasonOf(error: Error): string {
  const { cause } = error as { cause?: { code?: string; message?: string } }
  return error instanceof RoomError ? error.message : (cause?.code ?? cause?.message ?? error.message)
}

function say(line: string): void {
  process.stderr.write(`roomfile: ${line}\n`)
}
