/**
 * Our page and its scripts as a browser keeps them: what the page may not do to itself, what other sites' pages may do with it, and rooms on
 * them: embedding.html, the example of the README, on an origin of its own.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import type { Locator, Page, Request } from 'playwright-core'
import { textsOf, withBrowser, withPages } from '../helpers/browser.ts'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
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
    const html = pageOf(req.url ?? '')
    res.end(html.startsWith('<!doctype') ? html : `<!doctype html><title>another site</title>${html}`)
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

const EXAMPLE = new URL('embedding.html', import.meta.url)

/** A site with one page, written when it is known where the chat is. */
async function shopSite(t: ExecutionContext): Promise<{ origin: string; write(html: string): void }> {
  let page = ''
  const origin = await site(t, () => page)
  return { origin, write: (html) => void (page = html) }
}

const example = async (chat: Served): Promise<string> => (await readFile(EXAMPLE, 'utf8')).replaceAll('https://chat.example', chat.url)

const roomOn = (page: Page, name: string): Locator => page.locator(`chat-room[room=${name}]`)
const textsIn = (room: Locator): Locator => room.locator('.message[data-id] .text')

test('the example: one script and a tag a room, on the page of another site', async (t) => {
  const shop = await shopSite(t)
  const chat = await serve(t, { cors: [shop.origin] })
  shop.write(await example(chat))
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
  const shop = await shopSite(t)
  const chat = await serve(t, { cors: [shop.origin] })
  const before = await shopSite(t)
  before.write((await example(chat)).replace(/<script.*<\/script>/, ''))
  shop.write(await example(chat))
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
  const button = roomOn(page, 'repairs').locator('.send')
  await button.waitFor()
  const { color, radius } = await button.evaluate((node) => {
    const { backgroundColor, borderRadius } = getComputedStyle(node)
    return { color: backgroundColor, radius: borderRadius }
  })
  t.deepEqual([color, radius], ['rgb(138, 43, 226)', '0px'])
  t.is((await roomOn(page, 'repairs').boundingBox())?.height, 26 * 16)
})

test('the emoji come from the chat and not from the page that it is on', async (t) => {
  const shop = await shopSite(t)
  const chat = await serve(t, { cors: [shop.origin] })
  shop.write(await example(chat))
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
  const shop = await shopSite(t)
  const [ours, theirs] = await Promise.all([serve(t, { cors: [shop.origin] }), serve(t, { cors: [shop.origin] })])
  await post(ours.url, 'bicycles', { msg: 'ours' })
  await post(theirs.url, 'repairs', { msg: 'theirs' })
  const second = `<script type="module" src="${theirs.url}/chat-room.js"></script></head>`
  const html = (await example(ours)).replace('</head>', second).replace('room="repairs"', `room="repairs" src="${theirs.url}"`)
  shop.write(html)
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
  const shop = await shopSite(t)
  const [ours, theirs] = await Promise.all([serve(t, { cors: [shop.origin] }), serve(t, { cors: [shop.origin] })])
  shop.write((await example(ours)).replace('room="repairs"', `room="bicycles" src="${theirs.url}"`))
  const { page } = await open(t, shop.origin)
  const fields = page.locator('chat-room textarea')
  await fields.first().fill('for us')
  await fields.last().fill('for them')
  await page.reload()
  await roomOn(page, 'bicycles').last().locator('.state.connected').waitFor()
  t.deepEqual([await fields.first().inputValue(), await fields.last().inputValue()], ['for us', 'for them'])
})

test('a site that --cors does not name gets no room', async (t) => {
  const shop = await shopSite(t)
  const chat = await serve(t, { cors: ['https://example.org'] })
  shop.write((await example(chat)).replace('<script', '<script onerror="document.title = `refused`"'))
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
