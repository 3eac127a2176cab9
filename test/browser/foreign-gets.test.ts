/** Another site's page over plain http, in a real browser: whatever it points at /join, nobody joins. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import type { Request } from 'playwright-core'
import { withPages } from '../helpers/browser.ts'
import { poll } from '../helpers/chat.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/page.ts'
import { serve } from '../helpers/serve.ts'

const test = needing(CHROMIUM)
const open = withPages()

/** A page of a name that is no localhost: to a browser that is not secure, and it says nothing of where a request comes from. */
async function elsewhere(t: ExecutionContext): Promise<string> {
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    res.end('<!doctype html><title>another site</title><body></body>')
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise((listening) => server.once('listening', listening))
  return `http://evil.example:${(server.address() as AddressInfo).port}`
}

for (const token of [undefined, 'open-sesame']) {
  test(`a page of another site joins by no image, script, frame, form or window${token === undefined ? '' : ', with the token’s cookie'}`, async (t) => {
    const server = await serve(t, { token, trustProxy: ['loopback'] })
    const url = server.url.replace('127.0.0.1', 'chat.example')
    const { page, context } = await open(t, token === undefined ? await elsewhere(t) : url)
    if (token !== undefined) {
      await page.locator('input[name=token]').fill(token)
      await page.locator('button').click()
      await page.locator('textarea').waitFor()
      await page.goto(await elsewhere(t))
    }
    const answered = new Set<string>()
    const isOver = (request: Request): void => {
      const { pathname, searchParams } = new URL(request.url())
      if (pathname === '/join') answered.add(searchParams.get('nick') ?? '')
    }
    context.on('requestfinished', isOver).on('requestfailed', isOver) // refused, or not shown to the page
    await page.evaluate(async (address) => {
      const join = (nick: string): string => `${address}/join?nick=${nick}`
      const [image, script, frame, style] = [
        document.createElement('img'),
        document.createElement('script'),
        document.createElement('iframe'),
        document.createElement('link'),
      ]
      image.src = join('image')
      script.src = join('script')
      frame.src = join('frame')
      style.rel = 'stylesheet'
      style.href = join('style')
      const [form, field] = [document.createElement('form'), document.createElement('input')]
      const target = document.createElement('iframe')
      target.name = 'target'
      ;[form.action, form.method, form.target, field.name, field.value] = [`${address}/join`, 'get', 'target', 'nick', 'form']
      form.append(field)
      document.body.append(image, script, frame, style, target, form)
      form.submit()
      await fetch(join('fetch'), { mode: 'no-cors' }).catch(() => undefined)
    }, url)
    const opened = context.waitForEvent('page')
    await page.evaluate((address) => void window.open(address), `${url}/join?nick=window`)
    await (await opened).waitForLoadState()
    await until(() => Promise.resolve(answered.size === 7))
    t.deepEqual([...answered].toSorted(), ['fetch', 'form', 'frame', 'image', 'script', 'style', 'window'])
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    t.deepEqual((await poll(server.url, 'lobby', {}, { headers })).messages, [])
  })
}
