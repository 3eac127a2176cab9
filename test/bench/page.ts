/**
 * The page in a real browser, with nothing cached: how soon the first message stands there, how long a task blocks while 2,000 are drawn,
 * and how even the frames are while somebody scrolls through them.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium, type Browser } from 'playwright-core'
import { CHROMIUM, pathOf } from '../helpers/programs.ts'
import { run } from '../helpers/serve.ts'
import { median, ms, printTable, quantile, spreadOfMs, type Figure } from './numbers.ts'

const ROUNDS = 5
const SIZES = [200, 2000]
const TEXTS = [
  'Looks good to me.',
  '**重要！**请看 the build',
  '> quoted\n\n- one\n- two',
  '```\nlet it = 1\n```',
  'see https://example.org/docs for more '.repeat(6),
]

/** What the page measures of itself, in ms since the navigation began, or of each frame and task. */
interface Measured {
  first: number
  all: number
  tasks: number[]
  frames: number[]
}

export async function page(): Promise<readonly Figure[]> {
  const executablePath = pathOf(CHROMIUM)
  if (executablePath === undefined) {
    console.log('\nno page: Chromium is not installed')
    return []
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  const rows: string[][] = []
  const figures: Figure[] = []
  for (const size of SIZES) {
    const { url, stop } = await serveMessages(size)
    const rounds: Measured[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(browser, url, size))
    await stop()
    const of = (pick: (one: Measured) => number): string => `${ms(median(rounds.map(pick)))} (${ms(Math.max(...rounds.map(pick)))})`
    figures.push({ what: `the page, cold, ${size} messages: the first shown`, value: spreadOfMs(rounds.map(({ first }) => first)) })
    rows.push([
      String(size),
      of(({ first }) => first),
      of(({ all }) => all),
      of(({ tasks }) => Math.max(0, ...tasks)),
      of(({ frames }) => median(frames)),
      of(({ frames }) => quantile(frames, 0.99)),
    ])
  }
  await browser.close()
  printTable(
    `the page, cold: median (worst) of ${ROUNDS} rounds`,
    ['messages', 'first shown', 'all drawn', 'longest task', 'frame while scrolling', 'its p99'],
    rows,
  )
  return figures
}

async function serveMessages(size: number): Promise<{ url: string; stop: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'roomfile-bench-'))
  const now = Date.now() - size * 1000
  const lines = Array.from({ length: size }, (_, n) => {
    const timestamp = now + n * 1000
    return JSON.stringify({ id: `${timestamp}-0`, timestamp, type: 'msg', nick: `p${n % 7}`, msg: TEXTS[n % TEXTS.length] })
  })
  await writeFile(join(directory, 'lobby.jsonl'), `${lines.join('\n')}\n`)
  const child = run(['--json-logs', '-p', '0', '-H', '127.0.0.1', '--backlog', '2000', directory])
  const url = await new Promise<string>((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const said = line.startsWith('{') ? (JSON.parse(line) as { url?: string }) : {}
      if (said.url !== undefined) resolve(said.url)
    })
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await once(child, 'exit')
    await rm(directory, { recursive: true, force: true })
  }
  return { url, stop }
}

async function measure(browser: Browser, url: string, size: number): Promise<Measured> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const tab = await context.newPage()
  await tab.addInitScript(watch, size)
  await tab.goto(url)
  const read = (): Promise<Measured> => tab.evaluate(() => (globalThis as unknown as { measured: Measured }).measured)
  await tab.waitForFunction(() => (globalThis as unknown as { measured: Measured }).measured.all > 0)
  const { first, all, tasks } = await read()
  await tab.evaluate(() => ((globalThis as unknown as { measured: Measured }).measured.frames = []))
  const cdp = await context.newCDPSession(tab)
  // Up and down again as a hand on a wheel does it, 3,000 pixels a second.
  for (const yDistance of [9000, -9000]) await cdp.send('Input.synthesizeScrollGesture', { x: 640, y: 400, yDistance, speed: 3000 })
  const { frames } = await read()
  await context.close()
  return { first, all, tasks, frames }
}

/** Runs in the page, before anything of it. */
function watch(size: number): void {
  const measured: Measured = { first: 0, all: 0, tasks: [], frames: [] }
  Object.assign(globalThis, { measured })
  new PerformanceObserver((list) => measured.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' })
  let last = 0
  const frame = (now: number): void => {
    const log = document.querySelector('chat-room')?.shadowRoot?.querySelector('chat-log')?.shadowRoot
    const count = measured.all > 0 ? 0 : (log?.querySelectorAll('.message').length ?? 0)
    if (count > 0) measured.first ||= performance.now()
    if (count >= size) measured.all = performance.now()
    if (last > 0) measured.frames.push(now - last)
    last = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}
