/** A room full of messages that want to be large, deep or slow: the page shows them all, and one can talk. */
import { RENDER_BUDGET } from '../../client/markdown/render-budget.ts'
import { sized } from '../helpers/attack.ts'
import { BOMBS } from '../helpers/bombs.ts'
import { withBrowser } from '../helpers/browser.ts'
import { needing } from '../helpers/needing.ts'
import { writeRoom } from '../helpers/page.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { serve } from '../helpers/serve.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()

const COUNT = sized(Object.keys(BOMBS).length, 100)

test('a room of messages made to be large: each is shown, with as many elements as the budget allows, and one can talk', async (t) => {
  const server = await serve(t)
  const sources = Object.values(BOMBS)
  const said = Array.from({ length: COUNT }, (_, n) => ({
    ago: (COUNT - n) * 1000,
    nick: 'mallory',
    msg: sources[n % sources.length] ?? '',
  }))
  await writeRoom(server, 'lobby', said)
  const alice = await visit(t, server.url)
  const texts = alice.page.locator('.message[data-id] .text')
  await texts.nth(COUNT - 1).waitFor({ state: 'attached' })
  t.is(await texts.count(), COUNT)
  const elements = await texts.evaluateAll((all) => all.map((text) => text.querySelectorAll('*').length))
  t.true(Math.max(...elements) <= RENDER_BUDGET.tokens, `at most ${Math.max(...elements)}`)
  await alice.say('still here')
  await alice.sees('still here')
})

test('the preview of such a message has the same budget, and what is typed goes on', async (t) => {
  const { url } = await serve(t)
  const { page, say, sees } = await visit(t, url)
  await page.getByRole('button', { name: 'Preview' }).click()
  const preview = page.locator('.preview')
  for (const name of ['a table of 2,700 columns', 'marks in marks', 'thousands of lines']) {
    // Typed by Playwright, thousands of lines take Chromium minutes.
    await page.locator('textarea').evaluate((field: HTMLTextAreaElement, text) => {
      field.value = text
      field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))
    }, BOMBS[name] ?? '')
    await preview.locator('> *').first().waitFor({ state: 'attached' })
    t.true((await preview.locator('*').count()) <= RENDER_BUDGET.tokens, name)
  }
  await say('and on')
  await sees('and on')
})
