/** What tests do with the page beyond talking: files written before, tabs in the background, places on the screen. */
import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Locator, Page } from 'playwright-core'
import type { Message } from '../../server/room/message.ts'
import { post } from './chat.ts'
import type { Served } from './serve.ts'
import { BROWSER_LIMIT_MS } from './limits.ts'
import { until } from './until.ts'

export const MINUTE = 60_000
export const DAY = 86_400_000

type Said = Partial<Pick<Message, 'type' | 'nick' | 'msg'>> & {
  /** How long ago, in ms. */
  readonly ago: number
}

/** Writes a room's file as if it had all been said at those times. Resolves to the ids. */
export async function writeRoom(server: Pick<Served, 'file'>, room: string, said: readonly Said[]): Promise<string[]> {
  const now = Date.now()
  const messages = said.map(({ ago, type = 'msg', nick = '', msg = '' }, index) => {
    const timestamp = now - ago + index
    return { id: `${timestamp}-0`, timestamp, type, nick, msg }
  })
  await writeFile(server.file(room), messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
  return messages.map(({ id }) => id)
}

/** So many messages, a second apart, the newest `msg` being `line <count>`. */
export function lines(count: number, nick = 'ann'): Said[] {
  return Array.from({ length: count }, (_, index) => ({ ago: (count - index) * 1000, nick, msg: `line ${index + 1}` }))
}

/** Headless browsers have no tabs in the background: the page is told so, as a browser would tell it. */
export function setHidden(page: Page, isHidden: boolean): Promise<void> {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (hidden ? 'hidden' : 'visible') })
    document.dispatchEvent(new Event('visibilitychange'))
  }, isHidden)
}

/** Where something is, in pixels below the upper edge of the window. */
export async function topOf(locator: Locator): Promise<number> {
  const box = await locator.boundingBox()
  if (!box) throw new Error('it is not on the page')
  return box.y
}

/** Whether all of it can be seen in the log. */
export function isInLog(locator: Locator): Promise<boolean> {
  return locator.evaluate((element) => {
    const log = element.closest('.log')?.getBoundingClientRect()
    const box = element.getBoundingClientRect()
    return log !== undefined && box.top >= log.top - 1 && box.bottom <= log.bottom + 1
  })
}

/** The first message that begins in sight: by it a reader knows where they are. */
export async function firstInSight(page: Page): Promise<Locator> {
  const id = await page.locator('.log').evaluate((log) => {
    const { top } = log.getBoundingClientRect()
    return [...log.querySelectorAll<HTMLElement>('.message')].find((row) => row.getBoundingClientRect().top >= top)?.dataset['id']
  })
  return page.locator(`.message[data-id="${id}"]`)
}

/** Resolves when, after two frames, it stands where it stood: less than half a line away, so that no rounding counts. */
export async function standsAt(locator: Locator, top: number): Promise<void> {
  await twoFrames(locator.page())
  await until(async () => Math.abs((await topOf(locator)) - top) < 8)
}

const twoFrames = (page: Page): Promise<unknown> =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))

/** Scrolls the log, and resolves when what has come into sight has its real height and stands still. */
export async function scrollBy(page: Page, pixels: number): Promise<void> {
  await page.locator('.log').evaluate(async (log, top) => {
    const scrolled = new Promise((resolve) => log.addEventListener('scroll', resolve, { once: true }))
    log.scrollBy({ top, behavior: 'instant' })
    await scrolled
    for (let before = NaN; before !== log.scrollTop;) {
      before = log.scrollTop
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    }
  }, pixels)
}

/**
 * Resolves as soon as an element says all of this. Asked once, the page looks after each change by itself: asked again and again, a page with
 * much text spends more on the answers than on what is awaited.
 */
export function shows(element: Locator, ...wanted: readonly (string | RegExp)[]): Promise<void> {
  return element.evaluate(
    (shown, [texts, limit]) =>
      new Promise<void>((resolve, reject) => {
        const look = (): void => {
          const text = shown.textContent
          if (!texts.every((one) => (typeof one === 'string' ? text.includes(one) : one.test(text)))) return
          watcher.disconnect()
          resolve()
        }
        const watcher = new MutationObserver(look)
        watcher.observe(shown, { childList: true, subtree: true, characterData: true })
        setTimeout(() => reject(new Error(`it never shows ${texts.join()}`)), limit)
        look()
      }),
    [wanted, BROWSER_LIMIT_MS] as const,
  )
}

/** Speaks until all of these show it: a page of mochiweb begins with what comes next. */
export async function speakUntil(url: string, msg: string, displays: readonly Locator[]): Promise<void> {
  const heard = Promise.all(displays.map((display) => shows(display, msg))).then(() => true)
  do await post(url, 'lobby', { msg })
  while (!(await Promise.race([heard, delay(500, false)])))
}
