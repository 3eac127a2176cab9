/** A real browser for tests: Chromium, one a test file, a context of its own for each person. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ava, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Locator, type Page } from 'playwright-core'
import { roomfile, type Roomfile } from '../../server/index.ts'
import { keepEvidence, keepPicture } from './evidence.ts'
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
let browser: Browser | undefined
let isStarted = false

/** Starts the browser before the tests of a file and stops it after them; opens any page. */
export function withPages(): Open<Opened> {
  return (pages ??= startPages())
}

function startPages(): Open<Opened> {
  startBrowser()
  return async (t, url, options) => {
    const opened = await newPage(t, options)
    t.teardown(() => opened.context.close())
    t.teardown(() => keepPicture(t, opened.page, opened.complaints))
    await opened.page.goto(url)
    return opened
  }
}

function startBrowser(): void {
  const executablePath = pathOf(CHROMIUM)
  if (executablePath === undefined || isStarted) return
  isStarted = true
  ava.before(async (t) => {
    t.timeout(TEST_LIMIT_MS)
    browser = await chromium.launch({ executablePath, args: ARGS, timeout: BROWSER_LIMIT_MS })
  })
  ava.after.always(() => browser?.close())
}

async function newPage(t: ExecutionContext, options?: BrowserContextOptions): Promise<Opened> {
  if (!browser) throw new Error('the browser has not started')
  t.timeout(TEST_LIMIT_MS)
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(BROWSER_LIMIT_MS)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return { page, context, complaints }
}

/** The same for our own page, with what a person does there. */
export function withBrowser(): Open<Person> {
  const open = withPages()
  return async (t, url, options) => {
    const opened = await open(t, url, options)
    await isConnected(opened.page)
    return personAt(opened)
  }
}

/** A room that no other test of the file knows, on a server that all of them share. */
export interface Room {
  readonly name: string
  /** Where the server is, */
  readonly url: string
  /** and the room's page there. */
  readonly page: string
  /** The path of a room's file. */
  readonly file: (room: string) => string
}

/** Starts a server before the tests of a file, and stops it after them; gives each test a room there. */
export function withRooms(): (t: ExecutionContext) => Room {
  let [directory, count] = ['', 0]
  let server: Roomfile | undefined
  const log: string[] = []
  ava.before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'roomfile-test-'))
    const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line.trimEnd()) })
    server = await roomfile({ host: '127.0.0.1', port: 0, dataDir: directory }, logger)
  })
  ava.after.always(async () => {
    await server?.close()
    await rm(directory, { recursive: true, force: true })
  })
  return (t) => {
    if (!server) throw new Error('the server has not started')
    keepEvidence(t, directory, log)
    const [name, { url }] = [`room${++count}`, server]
    return { name, url, page: `${url}/?room=${name}`, file: (room) => join(directory, `${room}.jsonl`) }
  }
}

interface Kept {
  readonly opened: Opened
  readonly origin: string
  readonly options: string
  /** How the page looked when it was loaded. */
  readonly looks: string
}

/**
 * Our own page as `withBrowser` opens it, but one that an earlier test left: a page costs ten times more than a room that is new to it.
 * Nothing is remembered there, and where it does not look as it did when it was loaded, it is loaded again. For tests that stay within
 * the page: what they do to the context, the window and the page's own scripts is not taken back.
 */
export function withSharedPages(): Open<Person> {
  const kept: Kept[] = []
  startBrowser()
  return async (t, url, options) => {
    const { origin } = new URL(url)
    const wanted = JSON.stringify(options ?? {})
    const index = kept.findIndex((one) => one.origin === origin && one.options === wanted)
    const [old] = index < 0 ? [] : kept.splice(index, 1)
    t.timeout(TEST_LIMIT_MS)
    const opened = old?.opened ?? (await newPage(t, options))
    const { page, context, complaints } = opened
    let looks = old?.looks
    t.teardown(async () => {
      await keepPicture(t, page, complaints)
      if (!t.passed || looks === undefined || page.isClosed()) return context.close()
      for (const other of context.pages()) if (other !== page) await other.close()
      await page.unrouteAll({ behavior: 'ignoreErrors' })
      kept.push({ opened, origin, options: wanted, looks })
    })
    complaints.length = 0
    if (looks === undefined || !(await turnTo(page, url, looks))) {
      await page.goto(url)
      await isConnected(page)
    }
    looks ??= await looksOf(page)
    return personAt(opened)
  }
}

const isConnected = (page: Page): Promise<void> => page.locator('.state.connected').waitFor()

/** Has a page forget everything, and go to an address without a load. Resolves to whether it looks as if it had been loaded. */
async function turnTo(page: Page, url: string, looks: string): Promise<boolean> {
  await page.mouse.move(0, 0)
  const isTurned = await page.evaluate(async (address) => {
    const isNamed = localStorage.getItem('roomfile.nick') !== null // the page itself would take the name along
    localStorage.clear()
    sessionStorage.clear()
    if (isNamed) return false
    history.pushState(null, '', address)
    dispatchEvent(new PopStateEvent('popstate'))
    for (const name of ['chat-page', 'chat-room']) {
      await document.querySelector<Element & { updateComplete: Promise<unknown> }>(name)?.updateComplete
    }
    return true
  }, url)
  if (!isTurned) return false
  await isConnected(page)
  return (await looksOf(page)) === looks
}

/** Everything on our page with its attributes, what is written into it and what has the focus; but not what was said in which rooms. */
function looksOf(page: Page): Promise<string> {
  return page.evaluate(() => {
    const looks = (root: ParentNode): string[] =>
      [...root.querySelectorAll('*:not(.log, .log *, nav *)')].flatMap((element) => [
        (element.cloneNode() as Element).outerHTML,
        element.matches(':focus, :popover-open') ? 'on' : '',
        (element as HTMLInputElement).value ?? '',
        ...(element.shadowRoot ? looks(element.shadowRoot) : []),
      ])
    return JSON.stringify([document.hidden, Object.keys(globalThis), ...looks(document)])
  })
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
