/** Two pages of mochiweb in one browser, which ask as those with the tutorial's jQuery do: `_=` is the time of day, and not counted up. */
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { withPages } from '../helpers/browser.ts'
import { post } from '../helpers/chat.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { randomOf } from '../helpers/random.ts'
import { freshDirectory, serve } from '../helpers/serve.ts'

const test = needing(CHROMIUM)
const open = withPages()

test('of 60 messages 1 to 20 ms apart both pages show all, once, in order', async (t) => {
  const random = randomOf(t)
  const folder = await freshDirectory(t)
  const html = await readFile(new URL('classics/mochiweb.html', import.meta.url), 'utf8')
  const counted = "url: 'chat', type: 'GET', cache: false"
  t.true(html.includes(counted))
  await writeFile(join(folder, 'index.html'), html.replace(counted, "url: 'chat?_=' + Date.now(), type: 'GET'"))
  await copyFile(fileURLToPath(import.meta.resolve('jquery-1')), join(folder, 'jquery.js'))
  const { url } = await serve(t, { client: folder, rateLimit: 0, times: { mochiwebTab: 60_000 } })
  const { page, context } = await open(t, url)
  // Without its cache: Chromium sends one of two requests for one address only when the other is answered, and a tab is waited for.
  await context.route('**/chat?*', (route) => route.continue())
  await page.reload()
  const other = await context.newPage()
  await other.goto(url)
  const pages = [page, other]
  const textsOf = (): Promise<string[]> => Promise.all(pages.map((one) => one.locator('#history').textContent().then(String)))
  const say = async (text: string): Promise<void> => {
    while (!(await textsOf()).every((shown) => shown.includes(text))) {
      await post(url, 'lobby', { msg: text })
      await delay(50)
    }
  }
  await say('«welcome»')
  for (let n = 0; n < 60; n++) {
    await post(url, 'lobby', { msg: `«${n}»` })
    await delay(1 + random() * 19)
  }
  await say('«the end»')
  const all = Array.from({ length: 60 }, (_, n) => `«${n}»`)
  for (const shown of await textsOf()) t.deepEqual(shown.match(/«\d+»/g), all)
})
