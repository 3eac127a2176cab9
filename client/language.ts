/**
 * Which language the page speaks, and how that language writes times and days.
 * Knows the reader's time zone and calendar; knows no words of the page (texts.ts).
 */

/** The languages that texts.ts has words in. */
export const LANGUAGES = ['en', 'zh'] as const
export type Language = (typeof LANGUAGES)[number]

/** What is said in Chinese is said in the simplified script. */
const DEFAULT_TAGS: Record<Language, string> = { en: 'en', zh: 'zh-CN' }

const DAY = 86_400_000
/** The last moment that a Date can name; a line written by hand may claim a later one. */
const LAST_MOMENT = 8.64e15

/**
 * The first of the reader's languages that the page speaks, English if there is none.
 *
 * @param wanted a language tag that somebody chose (`en`, `zh-TW`), or `''` to leave it to the browser
 */
export function languageFor(wanted: string, preferred: readonly string[] = navigator.languages): Language {
  const tags = wanted ? [wanted, ...preferred] : preferred
  return tags.map(speaks).find((language) => language !== undefined) ?? 'en'
}

function speaks(tag: string): Language | undefined {
  return LANGUAGES.find((language) => new RegExp(`^${language}\\b`, 'i').test(tag))
}

/** How a reader writes dates: the browser's own variant of the language (`en-GB`), where it names one. */
function localeFor(language: Language): string {
  return navigator.languages.find((tag) => speaks(tag) === language) ?? DEFAULT_TAGS[language]
}

export interface Clock {
  /** `14:05` */
  time: (timestamp: number) => string
  /** The day as people say it today: `Today`, `Yesterday`, `Monday, 3 November`. */
  day: (timestamp: number, now: number) => string
  /** Day and time in full. */
  full: (timestamp: number) => string
}

const clocks = new Map<Language, Clock>()

/** The same clock each time, so that what was drawn with it need not be drawn again. */
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
  const near = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  return {
    time: (at) => time.format(moment(at)),
    full: (at) => full.format(moment(at)),
    day: (at, now) => {
      const ago = dayOf(now) - dayOf(at)
      if (ago === 0 || ago === 1) return capitalised(near.format(-ago, 'day'), locale)
      return (moment(at).getFullYear() === moment(now).getFullYear() ? day : dayAndYear).format(moment(at))
    },
  }
}

/** The local calendar day of a moment, as a number that grows by one each day. */
export function dayOf(timestamp: number): number {
  const at = moment(timestamp)
  return Math.round(Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / DAY)
}

/** When the local day ends, in ms from now: days may have 23 or 25 hours. */
export function untilMidnight(now: number): number {
  const at = new Date(now)
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + 1).getTime() - now
}

/** The moment in the form that `<time datetime>` wants. */
export function isoOf(timestamp: number): string {
  return moment(timestamp).toISOString()
}

function moment(timestamp: number): Date {
  return new Date(Math.min(timestamp, LAST_MOMENT))
}

function capitalised(text: string, locale: string): string {
  const [first = ''] = text
  return first.toLocaleUpperCase(locale) + text.slice(first.length)
}
