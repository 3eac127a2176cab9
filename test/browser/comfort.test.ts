/** Languages, themes, screens, keys, and that nobody is shut out. */
import type { Page } from 'playwright-core'
import { objections } from '../helpers/axe.ts'
import { withBrowser, withRooms, withSharedPages } from '../helpers/browser.ts'
import { post } from '../helpers/chat.ts'
import { DAY, lines, MINUTE, setHidden, writeRoom } from '../helpers/page.ts'
import { serve, type Served } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()
const share = withSharedPages()
const newRoom = withRooms()

/** One of each kind. */
async function fill(server: Served): Promise<void> {
  await writeRoom(server, 'lobby', [
    { ago: 2 * DAY, nick: 'ann', msg: '**old**, and a [link](https://example.org/) ~~gone~~ <u>x</u> ++y++' },
    {
      ago: DAY,
      nick: 'bob',
      msg: '> quoted\n\n- one\n- two\n\n`code`\n\n```\na block of code that is so long that it has to scroll sideways, as far as anybody can see, and further\n```',
    },
    { ago: 9 * MINUTE, type: 'join', nick: 'carol' },
    { ago: 8 * MINUTE, type: 'part', nick: 'dave' },
    { ago: 7 * MINUTE, nick: '', msg: '| a | b |\n|---|---|\n| 1 | 2 |\n\n# Title\n\n![picture](https://example.org/cat.png)' },
    {
      ago: 6 * MINUTE,
      nick: '王芳',
      msg: lines(30)
        .map(({ msg }) => msg)
        .join('\n'),
    },
    ...['ann', 'bob', 'carol', 'dave', 'erin', 'alice', '李明', 'make', 'frank', 'li', 'cron', 'ops'].map((nick) => ({
      ago: 5 * MINUTE,
      nick,
      msg: `I am ${nick}`,
    })),
  ])
  await post(server.url, 'ops', { msg: 'hi' })
}

const words = {
  en: {
    name: 'Your name',
    search: 'Search',
    settings: 'Settings',
    rooms: 'Rooms',
    more: 'Show more',
    message: 'Message',
    lost: 'No connection.',
  },
  zh: { name: '你的名字', search: '搜索', settings: '设置', rooms: '房间', more: '展开', message: '消息', lost: '连接已断开。' },
}
const screens = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } }

/** Every two of these meet in one of the runs: what axe finds comes from one of them or from two. */
const runs = [
  { screen: 'wide', colorScheme: 'light', language: 'en' },
  { screen: 'wide', colorScheme: 'dark', language: 'zh' },
  { screen: 'narrow', colorScheme: 'light', language: 'zh' },
  { screen: 'narrow', colorScheme: 'dark', language: 'en' },
] as const

for (const { screen, colorScheme, language } of runs) {
  test(`axe finds nothing to object to: ${screen}, ${colorScheme}, ${language}, whatever is open`, async (t) => {
    const server = await serve(t)
    await fill(server)
    const { page, sees, say } = await visit(t, server.url, {
      locale: { en: 'en-GB', zh: 'zh-CN' }[language],
      colorScheme,
      viewport: screens[screen],
      reducedMotion: 'reduce',
    })
    const its = words[language]
    await sees('I am ops')
    t.deepEqual(await objections(page), [], 'at rest')
    await open(page, its, screen)
    await page.getByRole('textbox', { name: its.name }).fill('zoe')
    await page.keyboard.press('Enter')
    await say('and I am zoe')
    await page.locator('.message[data-id]', { hasText: 'and I am zoe' }).hover()
    await setHidden(page, true)
    await post(server.url, 'lobby', { msg: 'unread', nick: 'ann' })
    await page.locator('.unread-line').waitFor()
    t.deepEqual(await objections(page), [], 'with something unread, and the buttons of a message')
    await setHidden(page, false)
    await page.getByRole('button', { name: its.search }).click()
    await page.keyboard.type('am')
    await page.locator('.message.marked').waitFor()
    t.deepEqual(await objections(page), [], 'with a search')
    await page.keyboard.press('Escape')
    if (screen === 'narrow') await page.locator('.unfold').click()
    await page.locator('[data-tool=preview]').click()
    await page.getByRole('textbox', { name: its.message }).pressSequentially('**a** [b](https://c.d/) @an')
    await page.locator('chat-composer .people').waitFor()
    t.deepEqual(await objections(page), [], 'while somebody writes')
    await server.close()
    await page.getByText(its.lost).waitFor()
    await say('not sent')
    t.deepEqual(await objections(page), [], 'without a connection')
  })
}

/** Opens one thing after the other, and has axe look at each. */
async function open(page: Page, its: (typeof words)['en'], screen: string): Promise<void> {
  const check = async (what: string): Promise<void> => {
    const found = await objections(page)
    if (found.length > 0) throw new Error(`${what}: ${JSON.stringify(found)}`)
    await page.keyboard.press('Escape')
  }
  await page.getByRole('button', { name: its.more }).first().click()
  await page.locator('.presence summary').first().click()
  await check('unfolded')
  await page.getByRole('button', { name: its.settings }).click()
  await page.locator('.settings').waitFor()
  await check('settings')
  if (screen === 'wide') return
  await page.getByRole('button', { name: its.rooms }).click()
  await page.getByRole('dialog', { name: its.rooms }).getByRole('link', { name: 'ops' }).waitFor()
  await check('rooms')
  await page.locator('.people-button').click()
  await page.locator('#people:popover-open').waitFor()
  await check('people')
}

test('the language can be chosen on the page, dates follow, and the choice is kept', async (t) => {
  const server = await serve(t)
  await writeRoom(server, 'lobby', [{ ago: 0, nick: 'ann', msg: 'hi' }])
  const { page, sees } = await visit(t, server.url, { locale: 'de-DE' })
  await sees('hi')
  await page.getByText('Today', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByRole('radio', { name: '中文' }).check()
  await page.getByText('今天', { exact: true }).waitFor()
  t.is(await page.locator('html').getAttribute('lang'), 'zh-CN')
  t.is(await page.title(), 'lobby – 聊天室')
  await page.reload()
  await page.getByRole('button', { name: '发送' }).waitFor()
  await page.getByRole('button', { name: '设置' }).click()
  await page.getByRole('radio', { name: '自动' }).first().check()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
})

test('the theme follows the system until one is chosen, which is kept', async (t) => {
  const server = await serve(t)
  const { page } = await visit(t, server.url, { colorScheme: 'dark' })
  const paper = (): Promise<number> =>
    page.locator('chat-room').evaluate((room) => Number(/\d+/.exec(getComputedStyle(room).backgroundColor)?.[0]))
  t.true((await paper()) < 60)
  await page.emulateMedia({ colorScheme: 'light' })
  await until(async () => (await paper()) > 200)
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByRole('radio', { name: 'Dark' }).check()
  await until(async () => (await paper()) < 60)
  t.is(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark')
  await page.reload()
  await page.locator('.state.connected').waitFor()
  t.true((await paper()) < 60)
})

test('nothing sticks out sideways, from a small phone to a wide screen', async (t) => {
  const server = await serve(t)
  await fill(server)
  await writeRoom(server, 'x'.repeat(64), [{ ago: 0, nick: 'n'.repeat(50), msg: `${'w'.repeat(500)} \`${'c'.repeat(300)}\`` }])
  const { page, sees } = await visit(t, `${server.url}/?room=${'x'.repeat(64)}`)
  await sees('www')
  for (const width of [320, 390, 768, 1280, 2560]) {
    await page.setViewportSize({ width, height: 700 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth)
    t.is(wide, width)
    const log = await page.locator('.log').evaluate((element) => element.scrollWidth - element.clientWidth)
    t.is(log, 0, `the log at ${width}`)
    const field = await page.getByRole('textbox', { name: 'Message' }).boundingBox()
    t.true(field !== null && field.y + field.height < 700 && field.width > 200)
  }
})

test('all of it goes by keys: to the field, through the messages, to their buttons, and back', async (t) => {
  const server = await serve(t)
  await writeRoom(server, 'lobby', lines(5))
  const { page, sees } = await visit(t, server.url, { viewport: screens.narrow, hasTouch: true })
  await sees('line 5')
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press('Tab')
  t.is(await focused(page), 'Skip to writing')
  await page.keyboard.press('Enter')
  t.is(await focused(page), 'Message')
  await page.getByRole('log').focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowUp')
  t.regex((await page.locator('.message:focus').textContent()) ?? '', /line 4/)
  await page.keyboard.press('Tab')
  t.is(await focused(page), 'Copy')
  t.true(await page.locator('.actions button').first().isVisible())
  await page.keyboard.press('Tab')
  t.is(await focused(page), 'Quote')
  await page.keyboard.press('Enter')
  t.is(await focused(page), 'Message')
  t.regex(await page.getByRole('textbox', { name: 'Message' }).inputValue(), /^> line 4/)
  await page.getByRole('log').focus()
  await page.keyboard.press('Escape')
  t.is(await focused(page), 'Message')
})

function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    let at = document.activeElement
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
    return at?.getAttribute('aria-label') ?? at?.textContent?.trim() ?? ''
  })
}

test('new messages are announced, and those that were there before are not', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, lines(150))
  const { page, sees } = await share(t, room.page)
  await sees('line 150')
  const log = page.getByRole('log', { name: 'Messages' })
  t.is(await log.getAttribute('aria-live'), 'polite')
  await until(async () => (await log.getAttribute('aria-busy')) === 'false')
  t.is(await page.locator('.message').count(), 150)
})

test('who wants less motion gets none', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, lines(3))
  const { page, sees } = await share(t, room.page) // all pages of tests want less
  await sees('line 3')
  const moving = await page.evaluate(() => document.getAnimations().length)
  t.is(moving, 0)
  const longest = await page
    .locator('chat-composer')
    .evaluate((element) =>
      Math.max(
        ...[...(element.shadowRoot?.querySelectorAll('*') ?? [])].map((one) => parseFloat(getComputedStyle(one).transitionDuration)),
      ),
    )
  t.is(longest, 0)
})
