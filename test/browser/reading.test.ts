/** Reading: days, what is new, where the reader is, what is folded, copied, linked to and searched for, and who is called to read. */
import type { Locator, Page } from 'playwright-core'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { textsOf, withBrowser, withRooms, withSharedPages } from '../helpers/browser.ts'
import { post } from '../helpers/chat.ts'
import { DAY, firstInSight, isInLog, lines, MINUTE, scrollBy, setHidden, standsAt, topOf, writeRoom } from '../helpers/page.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()
const share = withSharedPages()
const newRoom = withRooms()

test('messages of one person within five minutes stand together, under one name, each with its time', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, [
    { ago: 20 * MINUTE, nick: 'ann', msg: 'one' },
    { ago: 19 * MINUTE, nick: 'ann', msg: 'two' },
    { ago: 12 * MINUTE, nick: 'ann', msg: 'later' },
    { ago: 11 * MINUTE, nick: 'bob', msg: 'three' },
  ])
  const { page, sees } = await share(t, room.page)
  await sees('three')
  t.deepEqual(await textsOf(page.locator('.log .nick')), ['ann', 'ann', 'bob'])
  t.regex((await page.locator('.message time').first().textContent()) ?? '', /^\d\d:\d\d$/)
  t.regex((await page.locator('.message .time').first().getAttribute('title')) ?? '', /\d{4}.*\d\d:\d\d:\d\d/)
})

test('lines say which day it was, and turn over at midnight', async (t) => {
  const server = await serve(t)
  const { page, sees } = await visit(t, server.url, { timezoneId: 'Asia/Shanghai' })
  await writeRoom(server, 'lobby', [
    { ago: 3 * DAY, nick: 'ann', msg: 'long ago' },
    { ago: DAY, nick: 'ann', msg: 'the day before' },
    { ago: 0, nick: 'ann', msg: 'now' },
  ])
  await sees('now')
  const days = page.locator('.day')
  t.deepEqual((await days.allInnerTexts()).slice(1), ['Yesterday', 'Today'])
  t.regex((await days.allInnerTexts())[0] ?? '', /^\w+day,? \d+ \w+$/)
  const midnight = await page.evaluate(() => new Date().setHours(24, 0, 0, 0))
  await page.clock.install({ time: midnight - 30_000 })
  await page.reload()
  await sees('now')
  t.is((await days.allInnerTexts()).at(-1), 'Today')
  await page.clock.fastForward(31_000)
  await days.filter({ hasText: 'Yesterday' }).last().waitFor()
  t.is((await days.allInnerTexts()).at(-1), 'Yesterday')
})

test('what came while the tab was in the background stands below a line, is counted in the title and on the icon, until it is read', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { msg: 'old', nick: 'bob' })
  const { page, sees } = await share(t, room.page)
  await sees('old')
  await setHidden(page, true)
  const icon = page.locator('link[rel=icon]')
  t.is(await icon.getAttribute('href'), 'favicon.svg')
  await post(room.url, room.name, { msg: 'new one', nick: 'bob' })
  await post(room.url, room.name, { msg: 'new two', nick: 'bob' })
  await until(async () => (await page.title()) === `(2) ${room.name} – roomfile`)
  t.regex((await icon.getAttribute('href')) ?? '', /^data:image\/svg\+xml,.*%3E2%3C/)
  const line = page.getByText('New since you were here')
  await line.waitFor()
  t.true((await topOf(page.getByText('old', { exact: true }))) < (await topOf(line)))
  t.true((await topOf(line)) <= (await topOf(page.getByText('new one'))) + 1)
  await setHidden(page, false)
  await until(async () => (await page.title()) === `${room.name} – roomfile`)
  t.is(await icon.getAttribute('href'), 'favicon.svg')
  const before = await topOf(page.getByText('new one'))
  t.is(await fade(line), 5000)
  await line.waitFor({ state: 'hidden' })
  await standsAt(page.getByText('new one'), before)
})

test('a reader who comes back finds the line where they stopped reading, in sight, and is told how much is below', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, lines(40))
  const { page, sees } = await share(t, room.page)
  await sees('line 40')
  await page.goto('about:blank')
  for (let n = 41; n <= 100; n++) await post(room.url, room.name, { msg: `line ${n}`, nick: 'ann' })
  await page.goto(room.page)
  const line = page.getByText('New since you were here')
  await line.waitFor()
  await until(() => isInLog(line))
  t.true(await isInLog(page.getByText('line 41', { exact: true })))
  const latest = page.getByRole('button', { name: '60 new messages' })
  await latest.click()
  await until(() => isInLog(page.getByText('line 100', { exact: true })))
  await latest.waitFor({ state: 'detached' })
})

test('the log follows the end for those who are near it, and leaves those alone who read further up', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, lines(80))
  const { page, sees } = await share(t, room.page)
  await sees('line 80')
  await post(room.url, room.name, { msg: 'at the end', nick: 'bob' })
  await sees('at the end')
  await until(() => isInLog(page.getByText('at the end')))
  await scrollBy(page, -900)
  const row = await firstInSight(page)
  const before = await topOf(row)
  await page.getByRole('button', { name: 'Jump to the latest' }).waitFor()
  await post(room.url, room.name, { msg: 'further down', nick: 'bob' })
  const latest = page.getByRole('button', { name: '1 new message' })
  await latest.waitFor()
  await standsAt(row, before)
  await latest.click()
  await until(() => isInLog(page.getByText('further down')))
  t.pass()
})

for (const browser of ['where the browser helps', 'and where it does not (Safari)']) {
  test(`an edit of the room redraws it without a jump: what the reader was reading stays where it was, ${browser}`, async (t) => {
    const server = await serve(t)
    await writeRoom(server, 'lobby', lines(120))
    const { page, sees } = await visit(t, server.url)
    await sees('line 120')
    await until(async () => (await page.locator('.message').count()) === 120)
    if (browser.includes('Safari')) await page.locator('.log').evaluate((log: HTMLElement) => (log.style.overflowAnchor = 'none'))
    await scrollBy(page, -1500)
    const row = await firstInSight(page)
    const before = await topOf(row)
    const text = await readFile(server.file('lobby'), 'utf8')
    await writeFile(`${server.file('lobby')}~`, text.replaceAll(/.*"line (?:3|4|5|6|7|8)".*\n/g, ''))
    await rename(`${server.file('lobby')}~`, server.file('lobby'))
    await page.getByText('The room was edited.').waitFor()
    await until(async () => (await page.locator('.message').count()) === 114)
    await standsAt(row, before)
    t.pass()
  })
}

test('code, quotes, lists and links are shown as such; a link opens elsewhere and tells nothing; a picture is a link', async (t) => {
  const room = newRoom(t)
  const asked: string[] = []
  const { page, sees, complaints } = await share(t, room.page)
  page.on('request', (request) => asked.push(new URL(request.url()).hostname))
  await post(room.url, room.name, {
    msg: '> said\n\n- one\n- two\n\n```\ncode\n```\n[site](https://example.org/a) ![cat](https://example.org/cat.png)',
  })
  await sees('site')
  const text = page.locator('.message .text').last()
  for (const part of ['blockquote', 'ul li', 'pre code']) t.true((await text.locator(part).count()) > 0, part)
  for (const name of ['site', 'cat']) {
    const link = text.getByRole('link', { name })
    t.regex((await link.getAttribute('rel')) ?? '', /noopener noreferrer/)
    t.is(await link.getAttribute('target'), '_blank')
  }
  t.is(await text.locator('img').count(), 0)
  t.deepEqual([...new Set(asked)], ['127.0.0.1'].slice(0, asked.length))
  t.deepEqual(complaints, [])
})

test('several who come and go in a row are one small line, which opens', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, [
    { ago: 9000, type: 'join', nick: 'ann' },
    { ago: 8000, type: 'join', nick: 'bob' },
    { ago: 7000, type: 'join', nick: 'dave' },
    { ago: 6000, type: 'part', nick: 'carol' },
    { ago: 5000, type: 'part', nick: 'dave' },
    { ago: 4000, nick: 'ann', msg: 'hello' },
    { ago: 3000, type: 'part', nick: 'ann' },
  ])
  const { page, sees } = await share(t, room.page)
  await sees('hello')
  const folded = page.getByText('ann, bob came in; carol left; dave came and left')
  await folded.waitFor()
  const single = page.locator('.presence p').filter({ hasText: /^\s*carol left/ })
  t.false(await single.isVisible())
  await folded.click()
  await single.waitFor()
  t.true(await page.getByText('ann left').isVisible())
})

test('a long message is folded until somebody wants more of it', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, [
    {
      ago: 1000,
      nick: 'ann',
      msg: lines(60)
        .map(({ msg }) => msg)
        .join('\n'),
    },
  ])
  const { page, sees } = await share(t, room.page)
  await sees('line 60')
  const message = page.locator('.message')
  const height = async (): Promise<number> => (await message.boundingBox())?.height ?? 0
  const folded = await height()
  t.true(folded < 350)
  await page.getByRole('button', { name: 'Show more' }).click()
  await page.getByRole('button', { name: 'Show less' }).waitFor()
  t.true((await height()) > 1000)
  await page.getByRole('button', { name: 'Show less' }).click()
  await page.getByRole('button', { name: 'Show more' }).waitFor()
  t.is(await height(), folded)
})

for (const where of ['a page with a clipboard', 'a page that came over plain http and has none']) {
  test(`on ${where} the source of a message can be copied, and a block of code by itself`, async (t) => {
    const server = await serve(t)
    await post(server.url, 'lobby', { msg: 'so **bold**\n\n```\nlet it = 1\n```', nick: 'ann' })
    const { page, sees, context } = await visit(t, server.url, { permissions: ['clipboard-read', 'clipboard-write'] })
    if (where.includes('plain http')) await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }))
    await sees('so bold')
    const reader = await context.newPage() // which has a clipboard to read
    await reader.goto(server.url)
    const copied = async (): Promise<string> => {
      await reader.bringToFront()
      const text = await reader.evaluate(() => navigator.clipboard.readText())
      await page.bringToFront()
      return text
    }
    await page.locator('.message').hover()
    await page.getByRole('button', { name: 'Copy', exact: true }).click()
    await page.getByText('Copied.').waitFor()
    t.is(await copied(), 'so **bold**\n\n```\nlet it = 1\n```')
    await page.locator('pre').hover()
    await page.getByRole('button', { name: 'Copy code' }).click()
    await until(async () => (await copied()) === 'let it = 1')
  })
}

test('a message can be quoted into the field', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { msg: 'tea?', nick: 'ann' })
  const { page, sees } = await share(t, room.page)
  await sees('tea?')
  await page.locator('.message').hover()
  await page.getByRole('log').getByRole('button', { name: 'Quote' }).click()
  t.regex(await page.getByRole('textbox', { name: 'Message' }).inputValue(), /^> tea\?\n/)
})

test('the time of a message is its address, which shows and marks it; a message that is gone is said to be gone', async (t) => {
  const room = newRoom(t)
  const ids = await writeRoom(room, room.name, lines(150))
  const alice = await share(t, room.page)
  await alice.sees('line 150')
  await alice.page.locator('.message').last().locator('.time').click()
  t.is(new URL(alice.page.url()).search + new URL(alice.page.url()).hash, `?room=${room.name}#${ids.at(-1)}`)
  const bob = await share(t, `${room.page}#${ids[9]}`)
  const marked = bob.page.locator('.message.marked')
  await marked.filter({ hasText: 'line 10' }).waitFor()
  await until(() => isInLog(marked))
  await bob.page.goto(`${room.page}#1-0`)
  await bob.page.getByText('That message is no longer here.').waitFor()
})

test('a search finds what is loaded, goes from one to the next, and Escape ends it', async (t) => {
  const room = newRoom(t)
  await writeRoom(room, room.name, [
    { ago: 200_000, nick: 'ann', msg: 'Needle in the hay' },
    ...lines(100),
    { ago: 0, nick: 'bob', msg: 'a needle' },
  ])
  const { page, sees } = await share(t, room.page)
  await sees('a needle')
  await page.getByRole('log').focus()
  await page.keyboard.press('/')
  const field = page.getByRole('searchbox')
  await field.pressSequentially('needle')
  await page.getByText('2 of 2').waitFor()
  const marked = page.locator('.message.marked')
  t.regex((await marked.textContent()) ?? '', /a needle/)
  await page.keyboard.press('Enter')
  await page.getByText('1 of 2').waitFor()
  await until(() => isInLog(marked.filter({ hasText: 'Needle in the hay' })))
  await page.getByRole('button', { name: 'Previous' }).click()
  await page.getByText('2 of 2').waitFor()
  await field.fill('nothing like it')
  await page.getByText('nothing found').waitFor()
  await page.keyboard.press('Escape')
  await field.waitFor({ state: 'detached' })
  t.is(await marked.count(), 0)
})

/** Lets what fades away be gone at once; resolves to the milliseconds that it would have stayed. */
function fade(locator: Locator): Promise<number | undefined> {
  return locator.evaluate((element) => {
    const [stays] = element.parentElement?.getAnimations() ?? []
    stays?.finish()
    return stays?.effect?.getTiming().delay
  })
}

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
  const room = newRoom(t)
  const { page } = await share(t, room.page)
  const calls = await listen(page)
  await setHidden(page, true)
  await post(room.url, room.name, { msg: 'hello', nick: 'bob' })
  await until(async () => (await page.title()).startsWith('(1)'))
  t.deepEqual(await calls(), { tones: 0, shown: [] })
})

test('a sound and a notification come for what is said while the tab is in the background, and the choice is kept', async (t) => {
  const room = newRoom(t)
  const { page } = await share(t, room.page)
  await listen(page)
  await choose(page, 'Sound', 'Notifications')
  await page.reload()
  await page.locator('.state.connected').waitFor()
  const calls = await listen(page)
  await post(room.url, room.name, { msg: 'seen', nick: 'bob' })
  await page.locator('.message', { hasText: 'seen' }).waitFor()
  t.deepEqual(await calls(), { tones: 0, shown: [] }, 'who looks needs no call')
  await setHidden(page, true)
  await post(room.url, room.name, { msg: 'hello **you**', nick: 'bob' })
  await until(async () => (await calls()).shown.length > 0)
  t.deepEqual((await calls()).shown, [{ title: `bob in ${room.name}`, body: 'hello **you**' }])
  t.true((await calls()).tones > 0)
})

test('a mention makes a sound also for who looks, as a whole word in any script; one’s own words do not', async (t) => {
  const room = newRoom(t)
  const { page, say, sees } = await share(t, room.page)
  const calls = await listen(page)
  await choose(page, 'Sound')
  const tones = (await calls()).tones
  await page.getByRole('textbox', { name: 'Your name' }).fill('李明')
  await page.keyboard.press('Enter')
  await page.getByRole('complementary').getByText('you').waitFor()
  await say('I am @李明')
  for (const msg of ['@李明明', '@李', 'x@李明', 'nothing']) await post(room.url, room.name, { msg, nick: '李明明' })
  await sees('nothing')
  t.is((await calls()).tones, tones + 2, 'a name that nobody here has is taken for the shorter one in a script without blanks')
  await post(room.url, room.name, { msg: '请@李明看', nick: 'bob' })
  await until(async () => (await calls()).tones === tones + 4)
})

test('where the browser forbids notifications the settings say so, and the title counts', async (t) => {
  const room = newRoom(t)
  const { page } = await share(t, room.page)
  const calls = await listen(page, 'denied')
  await choose(page, 'Notifications')
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByText('This browser has notifications turned off').waitFor()
  t.false(await page.getByRole('checkbox', { name: 'Notifications' }).isChecked())
  await setHidden(page, true)
  await post(room.url, room.name, { msg: 'hello', nick: 'bob' })
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
