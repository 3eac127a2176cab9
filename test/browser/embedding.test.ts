/** Rooms on other sites' pages: embedding.html, the example of the README, on an origin of its own; and two rooms on one page. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Locator, Page } from 'playwright-core'
import { textsOf, withBrowser, withPages } from '../helpers/browser.ts'
import { messagesIn, post } from '../helpers/chat.ts'
import { freshDirectory, serve, type Served } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const open = withPages()
const visit = withBrowser()

const EXAMPLE = new URL('embedding.html', import.meta.url)

/** Another site, which serves a page of its own. Its name is not the chat's, so a browser takes the two for strangers. */
async function site(t: ExecutionContext): Promise<{ origin: string; write(html: string): Promise<void> }> {
  const pages = await freshDirectory(t)
  await writeFile(join(pages, 'favicon.ico'), '') // every browser asks for it
  const { url } = await serve(t, { client: pages })
  return { origin: url.replace('127.0.0.1', 'localhost'), write: (html) => writeFile(join(pages, 'index.html'), html) }
}

const example = async (chat: Served): Promise<string> => (await readFile(EXAMPLE, 'utf8')).replaceAll('https://chat.example', chat.url)

const roomOn = (page: Page, name: string): Locator => page.locator(`chat-room[room=${name}]`)
const textsIn = (room: Locator): Locator => room.locator('.message[data-id] .text')

test('the example: one script and a tag a room, on the page of another site', async (t) => {
  const shop = await site(t)
  const chat = await serve(t, { cors: [shop.origin] })
  await shop.write(await example(chat))
  const { page, complaints } = await open(t, shop.origin)
  const [bicycles, repairs] = [roomOn(page, 'bicycles'), roomOn(page, 'repairs')]
  await bicycles.locator('textarea').fill('a **red** one')
  await repairs.locator('textarea').fill('a flat tyre')
  await bicycles.locator('textarea').press('Enter')
  await repairs.locator('.send').click()
  await Promise.all([textsIn(bicycles).waitFor(), textsIn(repairs).waitFor()])
  await post(chat.url, 'repairs', { msg: 'bring it in', nick: 'ann' })
  await textsIn(repairs).nth(1).waitFor()
  t.deepEqual(await textsOf(textsIn(bicycles)), ['a red one'])
  t.deepEqual(await textsOf(textsIn(repairs)), ['a flat tyre', 'bring it in'])
  const stored = messagesIn(await readFile(chat.file('bicycles'), 'utf8')).find(({ type }) => type === 'msg')
  t.deepEqual([stored?.nick, stored?.msg], ['guest', 'a **red** one'])
  t.deepEqual(complaints, [])
})

test('the page around keeps its looks, and can change those of the room', async (t) => {
  const shop = await site(t)
  const chat = await serve(t, { cors: [shop.origin] })
  const before = await site(t)
  await before.write((await example(chat)).replace(/<script.*<\/script>/, ''))
  await shop.write(await example(chat))
  const looks = async (origin: string): Promise<unknown> => {
    const { page } = await open(t, origin)
    if (origin === shop.origin) await roomOn(page, 'repairs').locator('.send').waitFor()
    return page.evaluate(() =>
      ['html', 'body', 'h1'].map((name) => {
        const { font, color, backgroundColor, margin, display } = getComputedStyle(document.querySelector(name) ?? document.body)
        return { font, color, backgroundColor, margin, display }
      }),
    )
  }
  t.deepEqual(await looks(shop.origin), await looks(before.origin))
  const { page } = await open(t, shop.origin)
  const send = roomOn(page, 'repairs').locator('.send')
  await send.waitFor()
  const { color, radius } = await send.evaluate((node) => {
    const { backgroundColor, borderRadius } = getComputedStyle(node)
    return { color: backgroundColor, radius: borderRadius }
  })
  t.deepEqual([color, radius], ['rgb(138, 43, 226)', '0px'])
  t.is((await roomOn(page, 'repairs').boundingBox())?.height, 26 * 16)
})

test('the emoji come from the chat and not from the page that it is on', async (t) => {
  const shop = await site(t)
  const chat = await serve(t, { cors: [shop.origin] })
  await shop.write(await example(chat))
  const { page, complaints } = await open(t, shop.origin)
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  const data = page.waitForResponse((response) => response.url().includes('/assets/data-') && response.request().method() === 'GET')
  await roomOn(page, 'bicycles').locator('[data-tool=emoji]').click()
  t.is((await data).status(), 200)
  await page.locator('emoji-picker').waitFor()
  t.deepEqual(
    asked.filter((url) => !url.startsWith(chat.url)),
    [],
  )
  t.deepEqual(complaints, [])
})

test('rooms of two servers stand on one page, whose script hears what is sent', async (t) => {
  const shop = await site(t)
  const [ours, theirs] = await Promise.all([serve(t, { cors: [shop.origin] }), serve(t, { cors: [shop.origin] })])
  await post(ours.url, 'bicycles', { msg: 'ours' })
  await post(theirs.url, 'repairs', { msg: 'theirs' })
  const second = `<script type="module" src="${theirs.url}/chat-room.js"></script></head>`
  const html = (await example(ours)).replace('</head>', second).replace('room="repairs"', `room="repairs" src="${theirs.url}"`)
  await shop.write(html)
  const { page, complaints } = await open(t, shop.origin)
  await Promise.all([textsIn(roomOn(page, 'bicycles')).waitFor(), textsIn(roomOn(page, 'repairs')).waitFor()])
  t.deepEqual(await textsOf(page.locator('.message .text')), ['ours', 'theirs'])
  const heard = page.evaluate(
    () =>
      new Promise((resolve) => {
        document.querySelector('[room=repairs]')?.addEventListener('send', (event) => resolve((event as CustomEvent).detail))
      }),
  )
  await roomOn(page, 'repairs').locator('textarea').fill('hear hear')
  await roomOn(page, 'repairs').locator('textarea').press('Enter')
  t.deepEqual(await heard, { msg: 'hear hear' })
  t.deepEqual(complaints, [])
})

test('rooms of two servers that have one name keep a draft each', async (t) => {
  const shop = await site(t)
  const [ours, theirs] = await Promise.all([serve(t, { cors: [shop.origin] }), serve(t, { cors: [shop.origin] })])
  await shop.write((await example(ours)).replace('room="repairs"', `room="bicycles" src="${theirs.url}"`))
  const { page } = await open(t, shop.origin)
  const fields = page.locator('chat-room textarea')
  await fields.first().fill('for us')
  await fields.last().fill('for them')
  await page.reload()
  await roomOn(page, 'bicycles').last().locator('.state.connected').waitFor()
  t.deepEqual([await fields.first().inputValue(), await fields.last().inputValue()], ['for us', 'for them'])
})

test('a site that --cors does not name gets no room', async (t) => {
  const shop = await site(t)
  const chat = await serve(t, { cors: ['https://example.org'] })
  await shop.write((await example(chat)).replace('<script', '<script onerror="document.title = `refused`"'))
  const { page } = await open(t, shop.origin)
  await page.waitForFunction(() => document.title === 'refused')
  t.is(await page.evaluate(() => customElements.get('chat-room')), undefined)
})

test('the address that other pages name stays, and is asked for each time', async (t) => {
  const { url } = await serve(t)
  const entry = await fetch(`${url}/chat-room.js`)
  t.is(entry.headers.get('cache-control'), 'no-cache')
  t.regex(entry.headers.get('content-type') ?? '', /^text\/javascript/)
  const [, elements = ''] = /^import '\.\/(assets\/elements-\w+\.js)'\n$/.exec(await entry.text()) ?? []
  const asset = await fetch(`${url}/${elements}`)
  t.is(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable')
})

interface Told {
  type: string
  detail: Record<string, unknown>
}

test('a second room on the page has its own language and theme, and tells what happens in it', async (t) => {
  const server = await serve(t)
  const { page, complaints } = await visit(t, server.url)
  await page.evaluate(() => {
    document.body.insertAdjacentElement('beforeend', document.createElement('chat-room'))
    const room = document.querySelector('body > chat-room') as HTMLElement
    for (const [name, value] of Object.entries({ room: 'dev', lang: 'zh', theme: 'dark', nick: 'zoe' })) room.setAttribute(name, value)
    const told: Told[] = []
    Object.assign(globalThis, { told })
    for (const type of ['message', 'unread', 'state'])
      room.addEventListener(type, (event) => told.push({ type, detail: (event as CustomEvent<Record<string, unknown>>).detail }))
  })
  const dev = page.locator('body > chat-room')
  await dev.getByText('已连接').waitFor()
  await page.locator('main chat-room').getByText('connected', { exact: true }).waitFor()
  t.is(await dev.evaluate((room) => getComputedStyle(room).colorScheme), 'dark')
  t.not(await page.locator('main chat-room').evaluate((room) => getComputedStyle(room).colorScheme), 'dark')
  await dev.getByText('zoe 进来了').waitFor()
  await post(server.url, 'dev', { msg: 'hi @zoe', nick: 'bob' })
  const told = (): Promise<Told[]> => page.evaluate(() => (globalThis as unknown as { told: Told[] }).told)
  await until(async () => (await told()).some(({ type }) => type === 'message'))
  const detail = (await told()).find(({ type }) => type === 'message')?.detail
  t.deepEqual(
    [detail?.['room'], detail?.['isMention'], (detail?.['message'] as { msg: string } | undefined)?.msg],
    ['dev', true, 'hi @zoe'],
  )
  t.true((await told()).some((one) => one.type === 'state' && one.detail['state'] === 'connected'))
  t.is(await page.locator('main chat-room').getByText('hi @zoe').count(), 0)
  t.deepEqual(complaints, [])
})
