/**
 * What is printed: messages, and what we say ourselves. The one place that writes to a terminal or a pipe; whatever comes from outside
 * (texts, nicks, what a server says of itself) is made visible here, so that no terminal obeys it.
 */
import { styleText } from 'node:util'
import { jsonEscape, lineOf, type Message } from '../room/message.ts'

/** As wide as the time and the blank behind it: further lines of a message stand below the first, and cannot pass for a message of their own. */
const INDENT = ' '.repeat('14:05 '.length)

/** What a terminal obeys: controls, the two separators that some take for a newline, and what turns the direction of a text (bidi). */
const COMMANDS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

const NICK_COLOURS = ['cyan', 'green', 'yellow', 'magenta', 'blue', 'red'] as const

type Style = Parameters<typeof styleText>[0]

/** Where a command reads and writes, and what Ctrl-C does. */
export interface Terminal {
  readonly input: AsyncIterable<Buffer>
  readonly output: NodeJS.WritableStream
  readonly errors: NodeJS.WritableStream
  readonly onInterrupt: (end: () => void) => void
}

/** Prints a message: in colour where that is a terminal, and NO_COLOR is not set; or as JSON, in one line. */
export function print({ output }: Terminal, message: Message, asJson: boolean): void {
  output.write(`${asJson ? jsonOf(message) : written(message, output)}\n`)
}

/** Says something about what we do, in one line on standard error. */
export function say({ errors }: Terminal, text: string): void {
  errors.write(`roomfile: ${visible(text)}\n`)
}

/** `14:05 ann: hello` */
function written({ timestamp, type, nick, msg }: Message, stream: NodeJS.WritableStream): string {
  const style = (format: Style, text: string): string => styleText(format, text, { stream })
  const at = style('dim', clock(timestamp))
  const by = visible(nick)
  if (type !== 'msg') return `${at} ${style('dim', `* ${by} ${type === 'join' ? 'came in' : 'left'}`)}`
  const name = by === '' ? style('dim', '-') : style(['bold', colourOf(by)], by)
  return `${at} ${name}: ${visible(msg.replaceAll('\r\n', '\n'), '\n\t').replaceAll('\n', `\n${INDENT}`)}`
}

/** The message as its line in the file; what a terminal obeys is escaped, and means the same. */
function jsonOf(message: Message): string {
  return lineOf(message).replace(COMMANDS, jsonEscape)
}

function clock(timestamp: number): string {
  const date = new Date(timestamp)
  if (Number.isNaN(date.getTime())) return '--:--' // beyond the year 275760
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':')
}

/**
 * A text that no terminal obeys: each control in it as its picture (ESC is \u241b), what turns the direction by its name (`<U+202E>`).
 * @param kept commands that stay
 */
function visible(text: string, kept = ''): string {
  return text.replace(COMMANDS, (char) => (kept.includes(char) ? char : pictureOf(char.charCodeAt(0))))
}

function pictureOf(code: number): string {
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  if (code < 0xa0) return '\ufffd'
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
}

/** Each nick has a colour of its own, as far as they go. */
function colourOf(nick: string): (typeof NICK_COLOURS)[number] {
  const sum = Buffer.from(nick).reduce((total, byte) => (total * 31 + byte) % 65_521, 7)
  return NICK_COLOURS[sum % NICK_COLOURS.length] ?? 'cyan'
}
