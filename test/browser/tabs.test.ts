/** The client in the tabs of a browser: one poll for all of them, one session for one person, nothing said is lost or doubled. */
import { readFile } from 'node:fs/promises'
import type { ExecutionContext } from 'ava'
import type { BrowserContext, Page } from 'playwright-core'
import type { Heard } from './listener/page.ts'
import { withPages } from '../helpers/browser.ts'
import { messagesIn, poll, post } from '../helpers/chat.ts'
import { withListenerPage } from '../helpers/listener-page.ts'
import { proxy, type Proxy } from '../helpers/proxy.ts'
import { serve, type Served } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const open = withPages()
const listenerPage = withListenerPage()

const serveListener = (t: ExecutionContext) => serve(t, { client: listenerPage() })

async function tab(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  return page
}

const heard = (page: Page): Promise<Heard> => page.evaluate(() => window.heard)

/** Resolves when the page has heard this text. */
const hears = (page: Page, text: string): Promise<unknown> => page.waitForFunction((wanted) => window.heard.texts.includes(wanted), text)

const isConnected = (page: Page): Promise<unknown> => page.waitForFunction(() => window.heard.states.at(-1) === 'connected')

test('nine tabs of our page load and receive, with one poll for all of them, and the policy of the page holds', async (t) => {
  const server = await serve(t)
  const network = await proxy(t, server.url)
  const { context, page, complaints } = await open(t, network.url)
  const pages = [page]
  for (let n = 1; n < 9; n++) pages.push(await tab(context, `${network.url}/?room=room${n % 3}`))
  await Promise.all(pages.map((each) => each.locator('.state.connected').waitFor()))
  for (const room of ['lobby', 'room0', 'room1', 'room2']) await post(server.url, room, { msg: `hello ${room}` })
  for (const [n, each] of pages.entries())
    await each.locator('.message .text', { hasText: `hello ${n === 0 ? 'lobby' : `room${n % 3}`}` }).waitFor()
  t.is(network.polls.latest.split(',').length, 4)
  await until(async () => network.polls.now <= 2) // nine, if each tab had one
  t.deepEqual(complaints, [])
})

test('a tab that is closed is polled for no more', async (t) => {
  const server = await serveListener(t)
  const network = await proxy(t, server.url)
  const { context, page } = await open(t, network.url)
  const closing = await tab(context, `${network.url}/?room=closing`)
  await Promise.all([page, closing].map(isConnected))
  await closing.close()
  // The tab is gone: what the poll asks for next tells.
  const rooms = (): string[] => network.polls.latest.split(',').map((part) => part.split(':')[0] ?? '')
  for (let n = 0; rooms().includes('closing'); n++) {
    await post(server.url, 'lobby', { msg: `closed ${n}` })
    await hears(page, `closed ${n}`)
  }
  t.deepEqual(rooms(), ['lobby'])
})

const look = (page: Page, state: DocumentVisibilityState): Promise<void> => page.evaluate(`look(${JSON.stringify(state)})`)

test('without shared workers only the tab that is looked at polls; another goes on where it was', async (t) => {
  const server = await serveListener(t)
  const network = await proxy(t, server.url)
  const { context, page } = await open(t, 'about:blank')
  await context.addInitScript(() => {
    Reflect.deleteProperty(window, 'SharedWorker')
    let state: DocumentVisibilityState = 'visible'
    Object.defineProperty(document, 'visibilityState', { get: () => state })
    Object.assign(window, {
      look(at: DocumentVisibilityState) {
        state = at
        document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
      },
    })
  })
  await page.goto(`${network.url}/?room=a`)
  const other = await tab(context, `${network.url}/?room=b`)
  await Promise.all([page, other].map(isConnected))
  await look(other, 'hidden')
  await post(server.url, 'b', { msg: 'unseen' })
  await post(server.url, 'a', { msg: 'seen' })
  await hears(page, 'seen')
  t.deepEqual((await heard(other)).texts, [])
  await look(page, 'hidden')
  await look(other, 'visible')
  await hears(other, 'unseen')
  await post(server.url, 'b', { msg: 'more' })
  await hears(other, 'more')
  t.deepEqual((await heard(other)).texts, ['unseen', 'more'])
  t.regex(network.polls.latest, /^b:\d+:\d+$/)
  await until(async () => network.polls.now <= 1)
})

test('two tabs of one person are one session, which a reload and the end of one tab do not end', async (t) => {
  const server = await serveListener(t)
  const { context, page } = await open(t, `${server.url}/?nick=ann`)
  const other = await tab(context, `${server.url}/?nick=ann`)
  for (const each of [page, other]) await each.waitForFunction(() => window.heard.nicks.at(-1) === 'ann')
  await page.reload()
  await page.waitForFunction(() => window.heard.nicks.at(-1) === 'ann')
  await other.close()
  await page.evaluate(() => window.chat.room.post('still here'))
  const { messages } = await poll(server.url, 'lobby')
  t.deepEqual(
    messages.map(({ type, nick }) => [type, nick]),
    [
      ['join', 'ann'],
      ['msg', 'ann'],
    ],
  )
  const stranger = await open(t, `${server.url}/?nick=ann`)
  await stranger.page.waitForFunction(() => window.heard.who.includes('ann'))
  t.deepEqual((await heard(stranger.page)).nicks, [])
})

test('two tabs that open at once in a new browser are one session', async (t) => {
  const server = await serveListener(t)
  const { context, page } = await open(t, 'about:blank')
  const others = await Promise.all([context.newPage(), context.newPage()])
  const pages = [page, ...others]
  await Promise.all(pages.map((each) => each.goto(`${server.url}/?nick=ann`)))
  await Promise.all(pages.map((each) => each.waitForFunction(() => window.heard.nicks.at(-1) === 'ann')))
  t.is(messagesIn(await readFile(server.file('lobby'), 'utf8')).length, 1)
})

test('who leaves in one tab has left in all, at once', async (t) => {
  const server = await serveListener(t)
  const { context, page } = await open(t, `${server.url}/?nick=ann`)
  const other = await tab(context, `${server.url}/?nick=ann`)
  for (const each of [page, other]) await each.waitForFunction(() => window.heard.nicks.at(-1) === 'ann')
  await page.evaluate(() => window.chat.room.leave())
  await other.waitForFunction(() => window.heard.nicks.length === 2)
  t.deepEqual((await heard(other)).nicks, ['ann', undefined])
  await other.waitForFunction(() => window.heard.who.length === 0)
  t.is((await poll(server.url, 'lobby')).messages.at(-1)?.type, 'part')
})

test('all tabs go on across a restart of the server, with their session', async (t) => {
  const first = await serveListener(t)
  const network = await proxy(t, first.url)
  const { context, page } = await open(t, `${network.url}/?nick=ann`)
  const other = await tab(context, `${network.url}/?nick=ann`)
  for (const each of [page, other]) await each.waitForFunction(() => window.heard.nicks.at(-1) === 'ann')
  network.target = undefined
  await first.close()
  for (const each of [page, other]) await each.waitForFunction(() => window.heard.states.includes('waiting'))
  const second = await serve(t, { client: listenerPage() }, first.directory)
  network.target = second.url
  await post(second.url, 'lobby', { msg: 'back' })
  for (const each of [page, other]) await hears(each, 'back')
  for (const each of [page, other]) await each.waitForFunction(() => window.heard.who.includes('ann'))
  t.deepEqual((await heard(other)).texts, ['back'])
})

for (const event of ['online', 'visibilitychange', 'pageshow']) {
  test(`a page that waits for its next try asks at once at ${event}`, async (t) => {
    const server = await serveListener(t)
    const network = await proxy(t, server.url)
    const { page } = await open(t, `${network.url}/?retryDelay=3600000`)
    await isConnected(page)
    network.target = undefined
    await post(server.url, 'lobby', { msg: 'missed' })
    await page.waitForFunction(() => window.heard.states.at(-1) === 'waiting')
    network.target = server.url
    await page.evaluate((name) => {
      const happens = name === 'pageshow' ? new PageTransitionEvent(name, { persisted: true }) : new Event(name, { bubbles: true })
      ;(name === 'visibilitychange' ? document : window).dispatchEvent(happens)
    }, event)
    await hears(page, 'missed')
    t.deepEqual((await heard(page)).texts, ['missed'])
  })
}

test('a page that comes out of the back/forward cache goes on where it was', async (t) => {
  const server = await serveListener(t)
  const { page } = await open(t, server.url)
  await post(server.url, 'lobby', { msg: 'before' })
  await hears(page, 'before')
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })))
  await post(server.url, 'lobby', { msg: 'meanwhile' })
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))
  await hears(page, 'meanwhile')
  t.deepEqual((await heard(page)).texts, ['before', 'meanwhile'])
})

test('a worker that dies is started again, and nothing is missed', async (t) => {
  const server = await serveListener(t)
  const { context, page } = await open(t, `${server.url}/?beat=1000`)
  await post(server.url, 'lobby', { msg: 'before' })
  await hears(page, 'before')
  const cdp = await context.browser()?.newBrowserCDPSession()
  const { targetInfos } = (await cdp?.send('Target.getTargets')) ?? { targetInfos: [] }
  const worker = targetInfos.find(({ type, url }) => type === 'shared_worker' && url.startsWith(server.url))
  t.truthy(worker)
  await cdp?.send('Target.closeTarget', { targetId: worker?.targetId ?? '' })
  await post(server.url, 'lobby', { msg: 'after' })
  await hears(page, 'after')
  t.deepEqual((await heard(page)).texts, ['before', 'after'])
})

/** A server, and a network before it that fails as a test wants it. */
async function serveBehind(t: ExecutionContext): Promise<{ server: Served; between: Proxy }> {
  const server = await serveListener(t)
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
  const { server, between } = await serveBehind(t)
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
  const { server, between } = await serveBehind(t)
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
  const { server, between } = await serveBehind(t)
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
