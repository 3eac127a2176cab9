/** The page says how things are: the connection, what is missing, what was edited, who is let in. */
import type { ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { objections } from '../helpers/axe.ts'
import { withBrowser, withPages } from '../helpers/browser.ts'
import { post } from '../helpers/chat.ts'
import { setHidden } from '../helpers/page.ts'
import { proxy } from '../helpers/proxy.ts'
import { serve, type Served, type ServeOptions } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()
const open = withPages()

/** Starts a server again on its port and its directory. */
const again = (t: ExecutionContext, first: Served, options: ServeOptions = {}): Promise<Served> =>
  serve(t, { port: Number(new URL(first.url).port), ...options }, first.directory)

/** On a busy machine the page may be back by itself before the button is hit. */
async function retry(page: Page): Promise<void> {
  const button = page.getByRole('button', { name: 'Retry now' })
  await Promise.race([button.click(), button.waitFor({ state: 'detached' })])
}

test('all is well in a quiet word; a server that is gone is told with a countdown, and a button that tries at once', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  const { page, sees } = await visit(t, network.url)
  t.is(await page.getByText('No connection.').count(), 0)
  await page.getByText('connected', { exact: true }).waitFor()
  network.retryAfter = 3600 // so that the button is what brings it back
  network.target = undefined
  await post(server.url, 'lobby', { msg: 'the last for now' }) // answers the poll that is parked
  await sees('the last for now')
  await page.getByText('No connection.').waitFor()
  await page.getByText(/Trying again in \d+ min/).waitFor()
  await page.getByText('not connected').waitFor()
  network.target = server.url
  await post(server.url, 'lobby', { msg: 'back' })
  await page.getByRole('button', { name: 'Retry now' }).click()
  await sees('back')
  await page.getByText('No connection.').waitFor({ state: 'detached' })
  await page.getByText('connected', { exact: true }).waitFor()
  t.pass()
})

test('what was written meanwhile waits on the page and goes when the server is back, once and in order', async (t) => {
  const first = await serve(t)
  const alice = await visit(t, first.url)
  await first.close()
  await alice.page.getByText('No connection.').waitFor()
  await alice.say('one')
  await alice.say('two')
  t.is(await alice.page.locator('.message.pending').count(), 2)
  await alice.page.getByText('Sending…').first().waitFor()
  const second = await again(t, first)
  await retry(alice.page)
  await alice.page.locator('.message[data-id]', { hasText: 'two' }).waitFor()
  await alice.page.locator('.message.pending').first().waitFor({ state: 'detached' })
  t.deepEqual(await alice.shown(), ['one', 'two'])
  const bob = await visit(t, second.url)
  await bob.sees('two')
  t.deepEqual(await bob.shown(), ['one', 'two'])
})

test('who was away for too long is told where messages are missing', async (t) => {
  const first = await serve(t, { backlog: 5 })
  await post(first.url, 'lobby', { msg: 'before' })
  const { page, sees, shown } = await visit(t, first.url)
  await sees('before')
  await first.close()
  const elsewhere = await serve(t, { backlog: 5 }, first.directory)
  for (let n = 1; n <= 10; n++) await post(elsewhere.url, 'lobby', { msg: `meanwhile ${n}` })
  await elsewhere.close()
  await again(t, first, { backlog: 5 })
  await page.getByText('You were away: some messages are gone').waitFor()
  await sees('meanwhile 10')
  t.deepEqual(await shown(), ['before', ...[6, 7, 8, 9, 10].map((n) => `meanwhile ${n}`)])
})

test('who is signed out is told so with a way to sign in, and goes on where they were after it', async (t) => {
  const first = await serve(t, { token: 'the old token' })
  const { page, context } = await open(t, first.url)
  await page.locator('input[name=token]').fill('the old token')
  await page.keyboard.press('Enter')
  await page.locator('.state.connected').waitFor()
  await page.getByRole('textbox', { name: 'Message' }).fill('half a thought')
  await first.close()
  await again(t, first, { token: 'the new token' })
  await page.getByText('You are signed out.').waitFor()
  await setHidden(page, true)
  const [signIn] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Sign in' }).click()])
  await signIn.locator('input[name=token]').fill('the new token')
  await signIn.keyboard.press('Enter')
  await signIn.locator('.state.connected').waitFor()
  await setHidden(page, false)
  await page.getByText('You are signed out.').waitFor({ state: 'detached' })
  await page.locator('.state.connected').waitFor()
  t.is(await page.getByRole('textbox', { name: 'Message' }).inputValue(), 'half a thought')
  await page.getByRole('textbox', { name: 'Message' }).press('Enter')
  await page.locator('.message[data-id]', { hasText: 'half a thought' }).waitFor()
})

test('a refusal of the server is told in the language of the page; one that the page has no words for in the server’s', async (t) => {
  const server = await serve(t, { maxMessage: 1024 })
  const li = await visit(t, server.url, { locale: 'zh-CN' })
  await li.say('长'.repeat(1000))
  await li.page.getByRole('alert').filter({ hasText: '没有发出。 消息太长了。' }).waitFor()
  await li.page.getByRole('button', { name: '丢弃' }).click()
  await li.page.locator('.message.pending').waitFor({ state: 'detached' })
  await li.page.route('**/rooms/lobby', (route) =>
    route.fulfill({ status: 418, contentType: 'application/json', body: '{"error":{"code":"teapot","message":"short and stout"}}' }),
  )
  await li.say('茶')
  await li.page.getByRole('alert').filter({ hasText: '没有发出。 short and stout' }).waitFor()
  t.pass()
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`whoever has no token is asked for it, is told that it is wrong, and comes in with the right one; axe does not object: ${colorScheme}`, async (t) => {
    const server = await serve(t, { token: 'open sesame' })
    const { page, complaints } = await open(t, server.url, { colorScheme })
    t.deepEqual(await objections(page), [])
    await page.keyboard.type('open says me') // the field has the focus
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'That is not the token.' }).waitFor()
    t.deepEqual(await objections(page), [])
    await page.getByLabel('Token').fill('open sesame')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('.state.connected').waitFor()
    t.is(page.url(), `${server.url}/`)
    t.deepEqual(
      complaints.filter((complaint) => !/status of 40[13]/.test(complaint)),
      [],
    )
  })
}

test('whoever was wrong too often is told to wait, on the same page', async (t) => {
  const server = await serve(t, { token: 'open sesame' })
  const { page } = await open(t, server.url)
  for (let n = 1; n <= 11; n++) {
    await page.getByLabel('Token').fill(`wrong ${n}`)
    const answer = page.waitForResponse(`${server.url}/sign-in`)
    await page.getByRole('button', { name: 'Sign in' }).click()
    t.is((await answer).status(), n <= 10 ? 403 : 429)
  }
  await page.getByRole('alert').filter({ hasText: 'Wait a minute' }).waitFor()
  await page.goto(`${server.url}/sign-in`)
  await page.getByLabel('Token').waitFor()
})
