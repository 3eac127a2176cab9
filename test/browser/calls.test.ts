/** The page calls somebody who looks elsewhere, if they asked for it and the browser allows it. */
import type { Page } from 'playwright-core'
import { withBrowser } from '../helpers/browser.ts'
import { post } from '../helpers/chat.ts'
import { setHidden } from '../helpers/page.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()

interface Calls {
  tones: number
  shown: { title: string; body: string }[]
}

/** Counts tones and notifications: headless browsers have no ears and no desktop. */
async function listen(page: Page, permission: 'granted' | 'denied' = 'granted'): Promise<() => Promise<Calls>> {
  await page.evaluate((allowed) => {
    const calls: Calls = { tones: 0, shown: [] }
    Object.assign(globalThis, { calls })
    class Oscillator extends OscillatorNode {
      override start(when?: number): void {
        calls.tones++
        super.start(when)
      }
    }
    Object.assign(globalThis, { OscillatorNode: Oscillator })
    class Shown extends EventTarget {
      static permission = allowed
      static requestPermission = (): Promise<string> => Promise.resolve(allowed)
      constructor(title: string, { body }: { body: string }) {
        super()
        calls.shown.push({ title, body })
      }
    }
    Object.assign(globalThis, { Notification: Shown })
  }, permission)
  return () => page.evaluate(() => (globalThis as unknown as { calls: Calls }).calls)
}

async function choose(page: Page, ...names: string[]): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click()
  for (const name of names) await page.getByRole('checkbox', { name }).click()
  await page.keyboard.press('Escape')
}

test('nobody is called who has not asked for it: the title counts', async (t) => {
  const server = await serve(t)
  const { page } = await visit(t, server.url)
  const calls = await listen(page)
  await setHidden(page, true)
  await post(server.url, 'lobby', { msg: 'hello', nick: 'bob' })
  await until(async () => (await page.title()).startsWith('(1)'))
  t.deepEqual(await calls(), { tones: 0, shown: [] })
})

test('a sound and a notification come for what is said while the tab is in the background, and the choice is kept', async (t) => {
  const server = await serve(t)
  const { page } = await visit(t, server.url)
  await listen(page)
  await choose(page, 'Sound', 'Notifications')
  await page.reload()
  await page.locator('.state.connected').waitFor()
  const calls = await listen(page)
  await post(server.url, 'lobby', { msg: 'seen', nick: 'bob' })
  await page.locator('.message', { hasText: 'seen' }).waitFor()
  t.deepEqual(await calls(), { tones: 0, shown: [] }, 'who looks needs no call')
  await setHidden(page, true)
  await post(server.url, 'lobby', { msg: 'hello **you**', nick: 'bob' })
  await until(async () => (await calls()).shown.length > 0)
  t.deepEqual((await calls()).shown, [{ title: 'bob in lobby', body: 'hello **you**' }])
  t.true((await calls()).tones > 0)
})

test('a mention makes a sound also for who looks, as a whole word in any script; one’s own words do not', async (t) => {
  const server = await serve(t)
  const { page, say, sees } = await visit(t, server.url)
  const calls = await listen(page)
  await choose(page, 'Sound')
  const tones = (await calls()).tones
  await page.getByRole('textbox', { name: 'Your name' }).fill('李明')
  await page.keyboard.press('Enter')
  await page.getByRole('complementary').getByText('you').waitFor()
  await say('I am @李明')
  for (const msg of ['@李明明', '@李', 'x@李明', 'nothing']) await post(server.url, 'lobby', { msg, nick: '李明明' })
  await sees('nothing')
  t.is((await calls()).tones, tones + 2, 'a name that nobody here has is taken for the shorter one in a script without blanks')
  await post(server.url, 'lobby', { msg: '请@李明看', nick: 'bob' })
  await until(async () => (await calls()).tones === tones + 4)
})

test('where the browser forbids notifications the settings say so, and the title counts', async (t) => {
  const server = await serve(t)
  const { page } = await visit(t, server.url)
  const calls = await listen(page, 'denied')
  await choose(page, 'Notifications')
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByText('This browser has notifications turned off').waitFor()
  t.false(await page.getByRole('checkbox', { name: 'Notifications' }).isChecked())
  await setHidden(page, true)
  await post(server.url, 'lobby', { msg: 'hello', nick: 'bob' })
  await until(async () => (await page.title()).startsWith('(1)'))
  t.deepEqual((await calls()).shown, [])
})

test('a page that came over plain http cannot even ask, and says so', async (t) => {
  const server = await serve(t)
  const { page } = await visit(t, server.url)
  await page.evaluate(() => Object.defineProperty(globalThis, 'isSecureContext', { value: false }))
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByText('Browsers show notifications only for pages that come over https.').waitFor()
  t.true(await page.getByRole('checkbox', { name: 'Notifications' }).isDisabled())
})

test('a room that one was in calls as well, and its notification leads there', async (t) => {
  const server = await serve(t)
  await post(server.url, 'ops', { msg: 'first', nick: 'bob' })
  const { page, sees } = await visit(t, server.url)
  const calls = await listen(page)
  await page.getByRole('link', { name: 'ops' }).click()
  await sees('first')
  await page.getByRole('link', { name: 'lobby' }).click()
  await page.locator('h1', { hasText: 'lobby' }).waitFor()
  await choose(page, 'Notifications')
  await setHidden(page, true)
  await post(server.url, 'ops', { msg: 'fire', nick: 'bob' })
  await until(async () => (await calls()).shown.length > 0)
  t.deepEqual((await calls()).shown, [{ title: 'bob in ops', body: 'fire' }])
  t.regex(await page.title(), /^\(1\) /)
  await setHidden(page, false)
  await post(server.url, 'ops', { msg: 'no call for who is here', nick: 'bob' })
  await page.getByRole('textbox', { name: 'Your name' }).fill('ann')
  await page.keyboard.press('Enter')
  await page.getByRole('complementary').getByText('you').waitFor()
  await post(server.url, 'ops', { msg: 'but for you, @ann', nick: 'bob' })
  await until(async () => (await calls()).shown.length > 1)
  t.is((await calls()).shown[1]?.body, 'but for you, @ann')
})
