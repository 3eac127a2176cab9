/** What is said while the server is away, in a real browser: nothing lost, nothing doubled. */
import type { ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { withPages } from '../helpers/browser.ts'
import { poll } from '../helpers/chat.ts'
import { withListenerPage } from '../helpers/listener-page.ts'
import { proxy, type Proxy } from '../helpers/proxy.ts'
import { serve, type Served } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const open = withPages()
const listenerPage = withListenerPage()

async function network(t: ExecutionContext): Promise<{ server: Served; between: Proxy }> {
  const server = await serve(t, { client: listenerPage() })
  return { server, between: await proxy(t, server.url) }
}

const isPost = (method: string | undefined): boolean => method === 'POST'

async function says(page: Page, ...words: string[]): Promise<void> {
  await page.evaluate((all) => {
    for (const text of all) window.chat.out.add(text, 'ann')
  }, words)
}

const unsent = (page: Page): Promise<string[]> => page.evaluate(() => window.heard.unsent.map(({ msg }) => msg))
const hasSentAll = (page: Page): Promise<unknown> => page.waitForFunction(() => window.heard.unsent.length === 0)

async function texts(url: string): Promise<string[]> {
  return (await poll(url, 'lobby')).messages.map(({ msg }) => msg)
}

test('what was said while the server was away is shown at once, and after a reload, and arrives once and in order', async (t) => {
  const { server, between } = await network(t)
  const { page } = await open(t, between.url)
  await page.waitForFunction(() => window.heard.states.at(-1) === 'connected')
  between.loses = ({ method }) => isPost(method)
  await says(page, 'stored, not answered')
  await page.waitForFunction(() => window.heard.texts.length === 1)
  between.stops = ({ url }) => url?.startsWith('/rooms') === true
  await says(page, 'two', '三')
  t.deepEqual((await unsent(page)).slice(-2), ['two', '三'])
  await page.reload()
  await page.waitForFunction(() => window.heard.unsent.length >= 2)
  await says(page, 'four')
  between.loses = () => false
  between.stops = () => false
  await hasSentAll(page)
  t.deepEqual(await texts(server.url), ['stored, not answered', 'two', '三', 'four'])
  await page.waitForFunction(() => window.heard.texts.length === 4)
  t.is(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('outbox')).length), 0)
})

test('what a tab left that is gone is sent by another', async (t) => {
  const { server, between } = await network(t)
  const url = `${between.url}/?beat=200`
  const { context, page } = await open(t, url)
  const leaving = await context.newPage()
  await leaving.goto(url)
  between.stops = ({ method }) => isPost(method)
  await says(leaving, 'from the grave')
  await says(page, 'mine')
  await leaving.goto('about:blank')
  await page.waitForFunction(() => window.heard.unsent.length === 2)
  between.stops = () => false
  await hasSentAll(page)
  t.deepEqual((await texts(server.url)).toSorted(), ['from the grave', 'mine'])
})

test('a tab that was duplicated does not send what the other has', async (t) => {
  const { server, between } = await network(t)
  const { page } = await open(t, between.url)
  between.stops = ({ method }) => isPost(method)
  await says(page, 'once')
  // As a browser duplicates a tab: with its sessionStorage and its opener.
  const [duplicate] = await Promise.all([page.waitForEvent('popup'), page.evaluate(() => void window.open(location.href))])
  await duplicate.waitForFunction(() => window.heard?.states.at(-1) === 'connected')
  t.deepEqual(await unsent(duplicate), [])
  between.stops = () => false
  await hasSentAll(page)
  t.deepEqual(await texts(server.url), ['once'])
})
