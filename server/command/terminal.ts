/**
 * Prints messages and notes. Only this file writes to the terminal or pipe. Control characters in all that comes from outside (texts, nicks, error
 * messages of a server) are made visible here, so that a terminal does not execute them.
 */
import { styleText } from 'node:util'
import { jsonEscape, lineOf, type Message } from '../room/message.ts'

/** As wide as the time and a space. Further lines of a message are indented, so that they do not look like another message. */
const INDENT = ' '.repeat('14:05 '.length)

/** Control characters, the two separators that some terminals treat as a newline, and characters that change the text direction (bidi). */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

const NICK_COLOURS = ['cyan', 'green', 'yellow', 'magenta', 'blue', 'red'] as const

type Style = Parameters<typeof styleText>[0]

/** Where a command reads and writes, and what Ctrl-C does. */
export interface Terminal {
  readonly input: AsyncIterable<Buffer>
  readonly output: NodeJS.WritableStream
  readonly errors: NodeJS.WritableStream
  readonly onInterrupt: (end: () => void) => void
}

/** Prints a message: as text, in colour on a terminal without NO_COLOR; or as JSON, in one line. */
export function print({ output }: Terminal, message: Message, asJson: boolean): void {
  output.write(`${asJson ? jsonOf(message) : written(message, output)}\n`)
}

/** Prints a note in one line on standard error. */
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

/** The message as its line in the file, with control characters as JSON escapes. */
function jsonOf(message: Message): string {
  return lineOf(message).replace(CONTROLS, jsonEscape)
}

function clock(timestamp: number): string {
  const date = new Date(timestamp)
  if (Number.isNaN(date.getTime())) return '--:--' // beyond the year 275760
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':')
}

/**
 * A text without control characters: each is replaced by its picture (ESC by \u241b), one that changes the text direction by its code (`<U+202E>`).
 * @param kept control characters that stay
 */
function visible(text: string, kept = ''): string {
  return text.replace(CONTROLS, (char) => (kept.includes(char) ? char : pictureOf(char.charCodeAt(0))))
}

function pictureOf(code: number): string {
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  if (code < 0xa0) return '\ufffd'
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
}

/** A nick always has the same colour. */
function colourOf(nick: string): (typeof NICK_COLOURS)[number] {
  const sum = Buffer.from(nick).reduce((total, byte) => (total * 31 + byte) % 65_521, 7)
  return NICK_COLOURS[sum % NICK_COLOURS.length] ?? 'cyan'
}
