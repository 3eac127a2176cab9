/** Small and quick: how much is fetched, and what is shown first. How long it takes `npm run bench` tells. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { withBrowser, withPages } from '../helpers/browser.ts'
import { post } from '../helpers/chat.ts'
import { firstInSight, isInLog, lines, scrollBy, shows, standsAt, topOf, writeRoom } from '../helpers/page.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()
const open = withPages()

const PAGE = fileURLToPath(new URL('../../dist/page/', import.meta.url))

test('what a browser fetches before somebody asks for emoji has at most 120 KB gzipped', async (t) => {
  const server = await serve(t)
  const { page, complaints } = await visit(t, server.url)
  const fetched = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname))
  const html = await readFile(join(PAGE, 'index.html'), 'utf8')
  const named = [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css|svg))"/g)].map(([, path]) => `/${path}`)
  const script = await Promise.all(
    [...new Set([...fetched, ...named])].filter((path) => path.startsWith('/assets/')).map((path) => readFile(join(PAGE, path))),
  )
  const worker = /shared-worker-\w+\.js/.exec(script.join())?.[0] ?? ''
  const all = [Buffer.from(html), ...script, await readFile(join(PAGE, 'assets', worker))]
  const size = all.reduce((sum, file) => sum + gzipSync(file).length, 0)
  t.log(`${(size / 1024).toFixed(1)} KB`)
  t.true(size <= 120 * 1024)
  t.true(size > 50 * 1024, 'it has looked at the scripts')
  t.is(fetched.filter((path) => /emoji|picker|data/.test(path)).length, 0)
  t.deepEqual(complaints, [])
})

/** What the log shows after one of its changes. */
interface Step {
  count: number
  newest: string | undefined
}

/** Notes each change of the log, from the first one on. Runs in the page, before anything of it. */
function noteSteps(): void {
  const steps: Step[] = []
  Object.assign(globalThis, { steps })
  const attach = Reflect.get(Element.prototype, 'attachShadow')
  Element.prototype.attachShadow = function (init) {
    const root = attach.call(this, init)
    const note = (): void => {
      const texts = root.querySelectorAll('.message .text')
      if (texts.length > 0 && texts.length !== steps.at(-1)?.count)
        steps.push({ count: texts.length, newest: [...texts].at(-1)?.textContent?.trim() })
    }
    if (this.localName === 'chat-log') new MutationObserver(note).observe(root, { childList: true, subtree: true })
    return root
  }
}

test('of 2,000 messages the newest are there first, and the rest follows without moving them; what comes does not move a reader', async (t) => {
  const server = await serve(t, { backlog: 2000, maxFile: 8 * 1024 ** 2 })
  await writeRoom(server, 'lobby', lines(2000))
  const { page, complaints } = await open(t, 'about:blank')
  await page.addInitScript(noteSteps)
  await page.goto(server.url)
  await page.locator('.message').nth(1999).waitFor({ state: 'attached' })
  const steps = await page.evaluate(() => (globalThis as unknown as { steps: Step[] }).steps)
  t.true((steps[0]?.count ?? 0) < 1000, `it came in steps: ${JSON.stringify(steps)}`)
  t.deepEqual([...new Set(steps.map(({ newest }) => newest))], ['line 2000'])
  await until(() => isInLog(page.getByText('line 2000', { exact: true })))
  // Whoever scrolls up finds each where it belongs.
  for (let times = 0; times < 5; times++) await scrollBy(page, -2000)
  const row = await firstInSight(page)
  const before = await topOf(row)
  for (let n = 1; n <= 20; n++) {
    const isShown = shows(page.locator('.log'), new RegExp(`more ${n}\\b`))
    await post(server.url, 'lobby', { msg: `more ${n}`, nick: 'bob' })
    await isShown // each is a change of its own
  }
  await page.getByRole('button', { name: '20 new messages' }).waitFor()
  await standsAt(row, before)
  t.deepEqual(complaints, [])
})
