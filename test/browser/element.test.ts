/** Point 13, as far as it is the element's: two of them on one page, each with its own language, theme and events. */
import { withBrowser } from '../helpers/browser.ts'
import { post } from '../helpers/chat.ts'
import { until } from '../helpers/page.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()

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
