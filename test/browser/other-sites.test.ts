/** Our page and its scripts as a browser keeps them: what the page may not do to itself, and what other sites' pages may do with it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import type { Request } from 'playwright-core'
import { withBrowser, withPages } from '../helpers/browser.ts'
import { poll, post, send } from '../helpers/chat.ts'
import { serve, type Served } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()
const open = withPages()

test('the page makes HTML of no text but a cleaned message, and runs no script but its own', async (t) => {
  const { url } = await serve(t)
  await post(url, 'lobby', { msg: 'this is **bold**' })
  const { page, complaints } = await visit(t, url)
  t.is(await page.locator('.message strong').textContent(), 'bold')
  t.deepEqual(complaints, [])
  const tried = await page.evaluate(() => {
    const attempts: Record<string, () => unknown> = {
      innerHTML: () => (document.body.innerHTML += '<b>x</b>'),
      outerHTML: () => ((document.querySelector('header') as Element).outerHTML = '<b>x</b>'),
      insertAdjacentHTML: () => document.body.insertAdjacentHTML('beforeend', '<b>x</b>'),
      'shadow innerHTML': () => ((document.querySelector('chat-room') as Element & { shadowRoot: ShadowRoot }).shadowRoot.innerHTML = 'x'),
      'document.write': () => document.write('<b>x</b>'),
      DOMParser: () => new DOMParser().parseFromString('<b>x</b>', 'text/html'),
      srcdoc: () => (document.createElement('iframe').srcdoc = '<b>x</b>'),
      'script text': () => (document.createElement('script').text = '1'),
      'script src': () => (document.createElement('script').src = '/assets/x.js'),
      'a timer with a text': () => Reflect.apply(setTimeout, window, ['1', 0]),
      'a policy of one’s own': () =>
        (window as unknown as { trustedTypes: { createPolicy(name: string, rules: object): void } }).trustedTypes.createPolicy('mine', {}),
      'a second policy of a known name': () =>
        (window as unknown as { trustedTypes: { createPolicy(name: string, rules: object): void } }).trustedTypes.createPolicy(
          'dompurify',
          {},
        ),
    }
    return Object.entries(attempts).flatMap(([name, attempt]) => {
      try {
        attempt()
        return [name]
      } catch {
        return []
      }
    })
  })
  t.deepEqual(tried, [], 'these were let through')
  // What a hole elsewhere could put into the page still does nothing: built by hand, so that Trusted Types have no say.
  const ran = await page.evaluate(async () => {
    const global = window as unknown as { ran?: string }
    const script = document.createElement('script')
    script.append('window.ran = "inline script"')
    const remote = document.createElement('link')
    remote.rel = 'stylesheet'
    remote.href = 'https://evil.example/x.css'
    const refused = new Promise((done) => remote.addEventListener('error', done))
    document.body.append(script, remote)
    await refused
    const style = document.createElement('p')
    style.setAttribute('style', 'position: fixed')
    document.body.append(style)
    return [global.ran, getComputedStyle(style).position]
  })
  t.deepEqual(ran, [undefined, 'static'])
})

/** Another site: pages by their path, on an origin of their own. `localhost` and `127.0.0.1` are two. */
async function site(t: ExecutionContext, pageOf: (path: string) => string): Promise<string> {
  const server = createServer((req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    res.end(`<!doctype html><title>another site</title>${pageOf(req.url ?? '')}`)
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise((listening) => server.once('listening', listening))
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

/** The script that other sites' pages name. */
const scriptOf = ({ url }: Served): string => `${url}/chat-room.js`

test('a page of a site that --cors names loads our script and talks in our room', async (t) => {
  const address: { script?: string; url?: string } = {}
  const theirs = await site(
    t,
    () => `<main></main><script type="module" src="${address.script}"></script><chat-room src="${address.url}" room="dev"></chat-room>`,
  )
  const server = await serve(t, { cors: [theirs] })
  Object.assign(address, { script: scriptOf(server), url: server.url })
  const { page } = await open(t, theirs)
  const embedded = page.locator('chat-room[room=dev]')
  await embedded.locator('textarea').fill('hello from **elsewhere**')
  await embedded.locator('textarea').press('Enter')
  await embedded.locator('.message[data-id] strong', { hasText: 'elsewhere' }).waitFor()
  t.is((await poll(server.url, 'dev')).msg, 'hello from **elsewhere**')
  await post(server.url, 'dev', { msg: 'and back' })
  await embedded.locator('.message', { hasText: 'and back' }).waitFor()
})

test('a page of any other site can neither load our script, nor read, nor write', async (t) => {
  const address: { script?: string } = {}
  const theirs = await site(t, () => `<script type="module" src="${address.script}" onerror="document.title = 'refused'"></script>`)
  const server = await serve(t, { cors: ['https://friend.example'] })
  address.script = scriptOf(server)
  await post(server.url, 'lobby', { msg: 'secret' })
  const { page } = await open(t, theirs)
  await page.waitForFunction(() => document.title === 'refused')
  const got = await page.evaluate(async (url) => {
    const text = { body: 'msg=foreign', headers: { 'Content-Type': 'text/plain' } }
    const asks: [string, RequestInit?][] = [
      ['/rooms/lobby?wait=0'],
      ['/rooms/lobby/file'],
      ['/recv?since=1'],
      ['/chat', { method: 'POST', mode: 'no-cors', ...text }],
      ['/rooms/lobby', { method: 'POST', mode: 'no-cors', ...text }],
      ['/rooms/lobby', { method: 'POST', ...text }],
      ['/comet.php', { method: 'POST', mode: 'no-cors', ...text }],
      ['/new', { method: 'POST', mode: 'no-cors', ...text }],
      ['/join?nick=foreign', { mode: 'no-cors' }],
      ['/JOIN/?nick=foreign', { mode: 'no-cors' }],
    ]
    const answers = await Promise.all(
      asks.map(([path, request]) =>
        fetch(url + path, request).then(
          (response) => response.text(),
          () => '',
        ),
      ),
    )
    for (const path of ['/rooms/lobby', '/rooms/lobby/file', '/recv?since=1', '/rooms']) {
      await new Promise((done) => {
        const script = document.createElement('script')
        script.src = url + path
        script.addEventListener('load', () => done(answers.push(`loaded ${path}`)))
        script.addEventListener('error', done)
        document.head.append(script)
      })
    }
    return answers.filter((answer) => answer !== '')
  }, server.url)
  t.deepEqual(got, [])
  t.deepEqual(
    (await poll(server.url, 'lobby')).messages.map(({ msg }) => msg),
    ['secret'],
  )
  t.deepEqual(JSON.parse((await send(`${server.url}/rooms/lobby/who`)).text).who, [])
})

test('a site that --frame-ancestors names shows the page in a frame, and one writes there; any other shows nothing', async (t) => {
  const address: { url?: string } = {}
  const theirs = await site(t, () => `<iframe src="${address.url}"></iframe>`)
  const open1 = await serve(t, { frameAncestors: [theirs] })
  address.url = open1.url
  const { page, complaints } = await open(t, theirs)
  const frame = page.frameLocator('iframe')
  await frame.locator('textarea').fill('from a frame')
  await frame.locator('textarea').press('Enter')
  await frame.locator('.message[data-id]', { hasText: 'from a frame' }).waitFor()
  t.is((await poll(open1.url, 'lobby')).msg, 'from a frame')
  t.deepEqual(complaints, [])

  const closed = await serve(t)
  address.url = closed.url
  const refused = page.waitForEvent('console', (message) => message.text().includes('frame-ancestors'))
  await page.reload()
  await refused
  t.is(await frame.locator('textarea').count(), 0)
})

test('one signs in where the page is not secure to a browser, too', async (t) => {
  // A name that is no localhost: there browsers send no Sec-Fetch-Site, and the form has to pass by its Origin.
  const { url } = await serve(t, { token: 'open-sesame', trustProxy: ['loopback'] })
  const named = url.replace('127.0.0.1', 'chat.example')
  const { page, complaints } = await open(t, named)
  await page.locator('input[name=token]').fill('open-sesam')
  await page.locator('button').click()
  await page.locator('[role=alert]').waitFor()
  await page.locator('input[name=token]').fill('open-sesame')
  await page.locator('button').click()
  await page.locator('textarea').fill('signed in')
  await page.locator('textarea').press('Enter')
  await page.locator('.message', { hasText: 'signed in' }).waitFor()
  t.is(new URL(page.url()).pathname, '/')
  t.deepEqual(
    complaints.filter((complaint) => !/40[13]|not an? .*trustworthy|untrustworthy/.test(complaint)),
    [],
  )
})

/** A page of a name that is no localhost: to a browser that is not secure, and it says nothing of where a request comes from. */
const elsewhere = async (t: ExecutionContext): Promise<string> =>
  (await site(t, () => '<body></body>')).replace('localhost', 'evil.example')

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
