/**
 * The language of the page, and times and days in that language and in the reader's time zone.
 * The texts of the page are in texts.ts.
 */

/** The languages that texts.ts has. */
export const LANGUAGES = ['en', 'zh'] as const
export type Language = (typeof LANGUAGES)[number]

/** The Chinese texts are in simplified characters. */
const DEFAULT_TAGS: Record<Language, string> = { en: 'en', zh: 'zh-CN' }

const DAY = 86_400_000
/** The greatest time of a Date. A line that somebody wrote into the file may have a greater one. */
const MAX_TIME = 8.64e15

/**
 * The first of the reader's languages that the page has, or English.
 *
 * @param wanted a language tag that somebody chose (`en`, `zh-TW`), or `''` for the browser's languages
 */
export function languageFor(wanted: string, preferred: readonly string[] = navigator.languages): Language {
  const tags = wanted ? [wanted, ...preferred] : preferred
  return tags.map(languageOf).find((language) => language !== undefined) ?? 'en'
}

function languageOf(tag: string): Language | undefined {
  return LANGUAGES.find((language) => new RegExp(`^${language}\\b`, 'i').test(tag))
}

/** The locale for dates: the browser's variant of the language (`en-GB`), if it has one. */
function localeFor(language: Language): string {
  return navigator.languages.find((tag) => languageOf(tag) === language) ?? DEFAULT_TAGS[language]
}

export interface Clock {
  /** `14:05` */
  time: (timestamp: number) => string
  /** `Today`, `Yesterday`, `Monday, 3 November` */
  day: (timestamp: number, now: number) => string
  /** Day and time in full. */
  full: (timestamp: number) => string
}

const clocks = new Map<Language, Clock>()

/** Always the same object for a language, so that what was rendered with it is not rendered again. */
export function clockFor(language: Language): Clock {
  const clock = clocks.get(language) ?? newClock(language)
  clocks.set(language, clock)
  return clock
}

function newClock(language: Language): Clock {
  const locale = localeFor(language)
  const time = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const day = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' })
  const dayAndYear = new Intl.DateTimeFormat(locale, { dateStyle: 'full' })
  const full = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium', hourCycle: 'h23' })
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  return {
    time: (at) => time.format(dateOf(at)),
    full: (at) => full.format(dateOf(at)),
    day: (at, now) => {
      const ago = dayOf(now) - dayOf(at)
      if (ago === 0 || ago === 1) return capitalised(relative.format(-ago, 'day'), locale)
      return (dateOf(at).getFullYear() === dateOf(now).getFullYear() ? day : dayAndYear).format(dateOf(at))
    },
  }
}

/** The number of the local calendar day. */
export function dayOf(timestamp: number): number {
  const at = dateOf(timestamp)
  return Math.round(Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / DAY)
}

/** Milliseconds until the local day ends, which may have 23 or 25 hours. */
export function untilMidnight(now: number): number {
  const at = new Date(now)
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + 1).getTime() - now
}

/** For the attribute `datetime` of `<time>`. */
export function isoOf(timestamp: number): string {
  return dateOf(timestamp).toISOString()
}

function dateOf(timestamp: number): Date {
  return new Date(Math.min(timestamp, MAX_TIME))
}

function capitalised(text: string, locale: string): string {
  const [first = ''] = text
  return first.toLocaleUpperCase(locale) + text.slice(first.length)
}
