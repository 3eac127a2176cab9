/** Kinds of options: which values each takes, and how a text says one. Knows values; knows no option by name. */
import { isIP } from 'node:net'
import { inspect } from 'node:util'
import { InvalidArgumentError } from 'commander'
import proxyAddr from 'proxy-addr'

export const KIB = 1024
export const MIB = 1024 * KIB

export interface Kind {
  /** The value that a text says. @throws InvalidArgumentError */
  readonly read: (text: string) => unknown
  /** Why it does not take a value, in a sentence; undefined when it does. */
  readonly refusal: (value: unknown) => string | undefined
  /** Whether its value is never shown. */
  readonly isSecret?: true
}

/** A value on one line of bounded length. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 1, maxArrayLength: 10, maxStringLength: 80, breakLength: Infinity, compact: true })
}

/** @param valueOf what a text says; if that is not a valid value, the text is refused as it would be */
function kind(refusal: Kind['refusal'], valueOf: (text: string) => unknown = (text) => text): Kind {
  return {
    refusal,
    read(text) {
      const value = valueOf(text)
      const reason = refusal(value)
      if (reason !== undefined) throw new InvalidArgumentError(reason)
      return value
    },
  }
}

/** Refuses, with one reason, whatever is not so. */
const unless =
  (isSo: (value: unknown) => boolean, reason: string): Kind['refusal'] =>
  (value) =>
    isSo(value) ? undefined : reason

const isWhole = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most

const digits = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : NaN)

export function whole(least: number, most: number): Kind {
  return kind(
    unless((value) => isWhole(value, least, most), `It is a whole number from ${least} to ${most}.`),
    digits,
  )
}

/** A number a second; 0, which is written `off`, is no limit. */
export const rate = kind(
  unless((value) => isWhole(value, 0, 1_000_000), 'It is a whole number from 1 to 1000000, or off (in code: 0).'),
  (text) => (text === 'off' ? 0 : digits(text) || NaN),
)

const UNITS: Readonly<Record<string, number>> = { '': 1, k: KIB, m: MIB }

export const size = kind(
  unless((value) => isWhole(value, KIB, KIB * MIB), 'It is a size from 1k to 1024m, in bytes, k or m (in code: in bytes).'),
  (text) => {
    const [, number, unit = ''] = /^(\d{1,9})([km]?)$/i.exec(text) ?? []
    return Number(number) * (UNITS[unit.toLowerCase()] ?? NaN)
  },
)

const MINUTE = 60_000

const TIME_UNITS: Readonly<Record<string, number>> = { m: MINUTE, h: 60 * MINUTE, d: 1440 * MINUTE }

const LONGEST_DAYS = 36_500

const isDuration = (value: unknown): boolean => value === Infinity || isWhole(value, 0, LONGEST_DAYS * 1440 * MINUTE)

/** Milliseconds; Infinity, which is written `forever`, has no end, and 0, which is written `off`, is not at all. */
export const duration = kind(
  unless(
    isDuration,
    `It is a time such as 30d, 12h or 90m, at most ${LONGEST_DAYS}d, or forever, or off (in code: milliseconds, Infinity, 0).`,
  ),
  (text) => {
    if (text === 'forever') return Infinity
    if (text === 'off') return 0
    const [, number, unit = ''] = /^(\d{1,9})([mhd])$/i.exec(text) ?? []
    return Number(number) * (TIME_UNITS[unit.toLowerCase()] ?? NaN) || NaN
  },
)

export function oneOf(...names: readonly string[]): Kind {
  return kind(unless((value) => names.some((name) => name === value), `It is ${names.join(' or ')}.`))
}

export const flag = kind(unless((value) => typeof value === 'boolean', 'It is true or false.'))

const isText = (value: unknown): value is string => typeof value === 'string'

const HOST = /^[a-z\d](?:[a-z\d.-]{0,252}[a-z\d])?$/i

export const host = kind(unless((value) => isText(value) && (isIP(value) !== 0 || HOST.test(value)), 'It is an address or a host name.'))

export const directory = kind(unless((value) => isText(value) && value !== '' && !value.includes('\0'), 'It names a directory.'))

const isSecret = (value: unknown): boolean => isText(value) && value.trim() === value && value.length >= 8

export const secret: Kind = {
  ...kind(unless(isSecret, 'It is a text of 8 characters or more, without blanks at its ends.')),
  isSecret: true,
}

const isList = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText)

/** A list of texts, of which `refusal` says why not. */
function list(refusal: (texts: readonly string[]) => string | undefined, valueOf: (text: string) => readonly string[]): Kind {
  return kind((value) => (isList(value) ? refusal(value) : 'It is a list of texts.'), valueOf)
}

const split = (text: string): string[] => text.split(',').map((part) => part.trim())

export const networks = list(
  (texts) => {
    try {
      proxyAddr.compile([...texts])
      return undefined
    } catch (error) {
      return `${(error as Error).message}.`
    }
  },
  (text) => (text === 'off' ? [] : split(text)),
)

function refusalOfOrigins(texts: readonly string[]): string | undefined {
  const bad = texts.find((origin) => URL.parse(origin)?.origin !== origin)
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is no origin: those are like https://example.org or http://10.0.0.5:3000.`
}

export const origins = list(refusalOfOrigins, (text) => (text === 'none' ? [] : split(text)))

/** `none` and `*` stand alone. */
const isAlone = (texts: readonly string[]): boolean => texts.length === 1 && (texts[0] === 'none' || texts[0] === '*')

export const ancestors = list(
  (texts) => (isAlone(texts) ? undefined : refusalOfOrigins(texts.filter((who) => who !== 'self'))),
  (text) => {
    const texts = split(text)
    // whoever names others on the command line means them beside our own pages
    return isAlone(texts) ? texts : ['self', ...texts.filter((who) => who !== 'self')]
  },
)
