/** A real browser for tests: Chromium, one a test file, a context of its own for each person. */
import ava, { type ExecutionContext } from 'ava'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Locator, type Page } from 'playwright-core'
import { keepPicture } from './evidence.ts'
import { BROWSER_LIMIT_MS, TEST_LIMIT_MS } from './limits.ts'
import { CHROMIUM, pathOf } from './programs.ts'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--in-process-gpu', // one process less, and a tenth of its work
  '--renderer-process-limit=1', // else each page has a second process beside it, ready for another site
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP *.example 127.0.0.1', // other names of this machine: nothing leaves it
]

/** Any page, in a context of its own. */
export interface Opened {
  readonly page: Page
  readonly context: BrowserContext
  /** What the browser complained about: errors of scripts, violations of the content security policy, failed loads. */
  readonly complaints: string[]
}

export interface Person extends Opened {
  /** Writes a message as a person does, and sends it with Enter. */
  readonly say: (text: string) => Promise<void>
  /** Resolves when the page shows this text in a message that is in the room: not in one that is still on its way. */
  readonly sees: (text: string) => Promise<void>
  /** The messages that the page shows, oldest first. */
  readonly shown: () => Promise<string[]>
}

/** Opens a page at an address, in a context that the test's end closes. */
type Open<T> = (t: ExecutionContext, url: string, options?: BrowserContextOptions) => Promise<T>

let pages: Open<Opened> | undefined

/** Starts the browser before the tests of a file and stops it after them; opens any page. */
export function withPages(): Open<Opened> {
  return (pages ??= startPages())
}

function startPages(): Open<Opened> {
  const executablePath = pathOf(CHROMIUM)
  let browser: Browser | undefined
  if (executablePath !== undefined) {
    ava.before(async (t) => {
      t.timeout(TEST_LIMIT_MS)
      browser = await chromium.launch({ executablePath, args: ARGS, timeout: BROWSER_LIMIT_MS })
    })
    ava.after.always(() => browser?.close())
  }
  return async (t, url, options = {}) => {
    if (!browser) throw new Error('the browser has not started')
    t.timeout(TEST_LIMIT_MS)
    const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options })
    context.setDefaultTimeout(BROWSER_LIMIT_MS)
    t.teardown(() => context.close())
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    t.teardown(() => keepPicture(t, page, complaints))
    await page.goto(url)
    return { page, context, complaints }
  }
}

/** The same for our own page, with what a person does there. */
export function withBrowser(): Open<Person> {
  const open = withPages()
  return async (t, url, options) => {
    const opened = await open(t, url, options)
    await opened.page.locator('.state.connected').waitFor()
    return personAt(opened)
  }
}

function personAt(opened: Opened): Person {
  const { page } = opened
  const texts = page.locator('.message .text')
  return {
    ...opened,
    async say(text) {
      await page.locator('textarea').fill(text)
      await page.locator('textarea').press('Enter')
    },
    sees: (text) => page.locator('.message[data-id] .text', { hasText: text }).first().waitFor(),
    shown: () => textsOf(texts),
  }
}

/** What elements say. Not what is rendered of it: of rows that are out of sight nothing is. */
export async function textsOf(elements: Locator): Promise<string[]> {
  return (await elements.allTextContents()).map((text) => text.trim())
}
