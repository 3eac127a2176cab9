/** What tests do with the page beyond talking: files written before, tabs in the background, places on the screen. */
import { writeFile } from 'node:fs/promises'
import type { Locator, Page } from 'playwright-core'
import type { Message } from '../../server/message.ts'
import type { Served } from './serve.ts'

export const MINUTE = 60_000
export const DAY = 86_400_000

type Said = Partial<Pick<Message, 'type' | 'nick' | 'msg'>> & {
  /** How long ago, in ms. */
  readonly ago: number
}

/** Writes a room's file as if it had all been said at those times. Resolves to the ids. */
export async function writeRoom(server: Served, room: string, said: readonly Said[]): Promise<string[]> {
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

/** Resolves as soon as it is so; throws when it is not after half a minute, as the browser's own waits do. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`it is never so: ${isSo.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Scrolls the log as a reader does, by the wheel. */
export async function scrollBy(page: Page, pixels: number): Promise<void> {
  const log = page.locator('.log')
  await log.hover()
  const before = await log.evaluate((element) => element.scrollTop)
  await page.mouse.wheel(0, pixels)
  await until(() => log.evaluate((element, top) => element.scrollTop !== top, before))
  // The wheel may go on for some frames.
  let last = NaN
  await until(async () => {
    const now = await log.evaluate(
      (element) => new Promise<number>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(element.scrollTop)))),
    )
    const isStill = now === last
    last = now
    return isStill
  })
}
