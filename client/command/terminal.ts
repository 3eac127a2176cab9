/** How a message looks in a terminal or in a pipe. Knows text and colours; trusts no message with either. */
import { styleText } from 'node:util'
import type { Message } from '../../server/message.ts'

/** As wide as the time and the blank behind it: further lines of a message stand below the first, and cannot pass for a message of their own. */
const INDENT = ' '.repeat('14:05 '.length)

/** Control characters, but for newline and tab: among them are those that a terminal obeys. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

const NICK_COLOURS = ['cyan', 'green', 'yellow', 'magenta', 'blue', 'red'] as const

type Style = Parameters<typeof styleText>[0]

/**
 * `14:05 ann: hello`, without the newline at its end; in colour where `stream` is a terminal, and NO_COLOR is not set.
 * @param stream where it will be written
 */
export function written({ timestamp, type, nick, msg }: Message, stream: NodeJS.WritableStream): string {
  const style = (format: Style, text: string): string => styleText(format, text, { stream })
  const at = style('dim', clock(timestamp))
  const by = tame(nick).replaceAll('\n', '\u2424')
  if (type !== 'msg') return `${at} ${style('dim', `* ${by} ${type === 'join' ? 'came in' : 'left'}`)}`
  const name = by === '' ? style('dim', '-') : style(['bold', colourOf(by)], by)
  return `${at} ${name}: ${tame(msg).replaceAll('\n', `\n${INDENT}`)}`
}

function clock(timestamp: number): string {
  const date = new Date(timestamp)
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** A text that no terminal obeys: each control character as its picture (ESC is \u241b). */
function tame(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(CONTROLS, (char) => {
    const code = char.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd'
  })
}

/** Each nick has a colour of its own, as far as they go. */
function colourOf(nick: string): (typeof NICK_COLOURS)[number] {
  const sum = Buffer.from(nick).reduce((total, byte) => (total * 31 + byte) % 65_521, 7)
  return NICK_COLOURS[sum % NICK_COLOURS.length] ?? 'cyan'
}
