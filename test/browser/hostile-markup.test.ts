/**
 * A few hundred hostile markups, each posted as it is and as the HTML of the tutorial's editor, and each shown in our page and inserted as HTML
 * in pages that nothing else protects. Nothing may run, load, navigate or take a name, and every element must be one of a chat.
 */
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { withPages, type Opened } from '../helpers/browser.ts'
import { messagesIn, post, send } from '../helpers/chat.ts'
import { freshDirectory, serve, type Served } from '../helpers/serve.ts'
import { HOSTILE } from './hostile-markup.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const open = withPages()

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const form = (fields: Record<string, string>) => ({ body: new URLSearchParams(fields).toString(), headers: FORM })

/** Somebody's page of 2010, without any policy: it inserts whatever the server says. */
const OWN_PAGE = `<!doctype html><meta charset="utf-8"><title>old</title>
<main id="shown"></main>
<script>window.pwned = []; window.pwn = (x) => { pwned.push(x ?? 'ran') }</script>`

async function ownPage(t: ExecutionContext): Promise<string> {
  const folder = await freshDirectory(t)
  await writeFile(join(folder, 'favicon.ico'), '') // every browser asks for it
  for (const [name, module] of Object.entries({ '1': 'jquery-1', '3': 'jquery' })) {
    await copyFile(fileURLToPath(import.meta.resolve(module)), join(folder, `jquery-${name}.js`))
    await writeFile(join(folder, `with-${name}.html`), `${OWN_PAGE}<script src="jquery-${name}.js"></script>`)
  }
  return folder
}

/** A room in which every markup was posted in both ways; those of the page, and the server that serves somebody's own. */
async function hostileRoom(t: ExecutionContext): Promise<{ ours: Served; own: Served; messages: number }> {
  const options = { rateLimit: 0, backlog: 5000, maxMessage: 64 * 1024 }
  const own = await serve(t, { client: await ownPage(t), ...options })
  await Promise.all(HOSTILE.map((msg) => post(own.url, 'lobby', { msg })))
  const kept = messagesIn(await readFile(own.file('lobby'), 'utf8')).map(({ msg }) => msg)
  t.deepEqual(kept.toSorted(), HOSTILE.toSorted(), 'what is posted as text is kept as it is')
  for (const answer of await Promise.all(HOSTILE.map((msg) => send(`${own.url}/comet.php`, form({ msg }))))) t.is(answer.status, 200)
  const nicks = HOSTILE.filter((text) => /^(?!\s)[^\p{Cc}\p{Bidi_Control}\u2028\u2029]{1,50}(?<!\s)$/u.test(text))
  await Promise.all(nicks.map((nick) => post(own.url, 'lobby', { msg: 'by a hostile nick', nick })))
  await post(own.url, 'lobby', { msg: 'the last one' })
  const messages = messagesIn(await readFile(own.file('lobby'), 'utf8')).length
  return { own, ours: await serve(t, options, own.directory), messages }
}

interface Watched extends Opened {
  /** Everything that no message may do: what ran, what was asked for elsewhere, where the page went, what popped up. */
  readonly deeds: () => Promise<string[]>
}

async function watched(t: ExecutionContext, url: string): Promise<Watched> {
  const opened = await open(t, 'about:blank')
  const { page, context } = opened
  const deeds: string[] = []
  await context.addInitScript('window.pwned = []; window.pwn = (x) => { pwned.push(x ?? "ran") }')
  context.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin)) deeds.push(`asked for ${request.url()}`)
  })
  await page.goto(url)
  context.on('page', (popup) => deeds.push(`opened ${popup.url()}`))
  page.on('dialog', (dialog) => {
    deeds.push(`said ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('framenavigated', (frame) => deeds.push(`went to ${frame.url()}`))
  return {
    ...opened,
    async deeds() {
      // Two frames and an answer of the server: what was inserted has had its chance.
      await page.evaluate(async () => {
        for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame)
        await fetch('/healthz')
      })
      const ran = await page.evaluate(() => (window as unknown as { pwned: unknown[] }).pwned.map(String))
      return [...deeds, ...ran.map((what) => `script: ${what}`)]
    },
  }
}

/** What a message may consist of: elements with their attributes. */
const ALLOWED: Record<string, string> = {
  ...Object.fromEntries(
    'p br strong em u s ul li blockquote pre hr h1 h2 h3 h4 h5 h6 table thead tbody tr div b bdi'.split(' ').map((name) => [name, '']),
  ),
  a: 'href rel target title',
  ol: 'start',
  th: 'align',
  td: 'align',
  code: 'class',
}

/** What our page puts around a block of code, and makes reachable by keys, by itself: no message can. */
const OURS: Record<string, string> = { div: 'class', button: 'class type', pre: 'tabindex', table: 'tabindex' }

/** Everything below some elements, through the page or its shadow, that is not in the list above. */
function offences(page: Page, selector: string, more: Record<string, string> = {}): Promise<string[]> {
  return page.evaluate(
    ([within, allowed]) => {
      const below = (root: Document | ShadowRoot): (Document | ShadowRoot)[] => [
        root,
        ...[...root.querySelectorAll('*')].flatMap(({ shadowRoot }) => (shadowRoot ? below(shadowRoot) : [])),
      ]
      const roots = below(document)
      const elements = roots.flatMap((root) => [...root.querySelectorAll(`${within} *`)])
      const found = elements.flatMap((element) => {
        const name = element.localName
        const attributes = allowed[name]?.split(' ')
        if (!attributes || element.namespaceURI !== 'http://www.w3.org/1999/xhtml') return [`<${name}> ${element.outerHTML.slice(0, 80)}`]
        const odd = [...element.attributes]
          .filter((attribute) => !attributes.includes(attribute.name))
          .map((attribute) => `<${name} ${attribute.name}>`)
        const astray =
          element instanceof HTMLAnchorElement && !/^(?:https?|mailto):$/.test(element.protocol) ? [`link to ${element.href}`] : []
        const classes =
          name === 'code' && element.className !== '' && !element.className.startsWith('language-') ? [`class ${element.className}`] : []
        return [...odd, ...astray, ...classes]
      })
      const comments = roots.flatMap((root) => {
        const walker = document.createNodeIterator(root, NodeFilter.SHOW_CDATA_SECTION | NodeFilter.SHOW_PROCESSING_INSTRUCTION)
        return walker.nextNode() ? ['a node that is no text'] : []
      })
      return elements.length === 0 ? ['nothing is shown'] : [...found, ...comments]
    },
    [selector, { ...ALLOWED, ...more }] as const,
  )
}

/** The answers to a page of mochiweb from the first message on. Asked for without a browser, in which a thousand requests are dear. */
async function chatAnswers(url: string): Promise<string[]> {
  const agent = new Agent({ keepAlive: true })
  const cookies = new Map([['roomfile-chat-0123456789abcdef', '1-0']])
  const answers: string[] = []
  while (!answers.at(-1)?.includes('the last one')) {
    const Cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const { text, headers } = await send(`${url}/chat`, { headers: { Cookie }, agent })
    answers.push(text)
    for (const cookie of headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (cookie.includes('Max-Age=0')) cookies.delete(name)
      else cookies.set(name, value)
    }
  }
  agent.destroy()
  return answers
}

/** How the tutorials' clients get their answers into the page, and with which jQuery. Each returns how many messages it inserted at least. */
const WAYS: Readonly<Record<string, readonly [insert: (page: Page, url: string) => Promise<number>, ...jqueries: (1 | 3)[]]>> = {
  // [php] Ext.decode, then body.update(msg)
  'PHP, by innerHTML': [
    (page) =>
      page.evaluate(async () => {
        const response = await fetch('/comet.php', { method: 'POST', body: new URLSearchParams({ timestamp: '0' }) })
        const { msg } = (await response.json()) as { msg: string }
        ;(document.querySelector('#shown') as Element).innerHTML = msg
        return msg.split('</div>').length - 1
      }),
    3,
  ],
  // [gevent] eval, then $(html).appendTo
  'gevent, by jQuery': [
    (page) =>
      page.evaluate(async () => {
        const response = await fetch('/update', { method: 'POST', body: new URLSearchParams({ cursor: '' }) })
        // oxlint-disable-next-line no-eval
        const { html } = eval(`(${await response.text()})`) as { html: string }
        const { $ } = window as unknown as { $: (what: string) => { appendTo(where: string): void } }
        $(html).appendTo('#shown')
        return html.split('</div>').length - 1
      }),
    1,
    3,
  ],
  // [mochiweb] the answer itself, one by one
  'mochiweb, by jQuery': [
    async (page, url) => {
      const answers = await chatAnswers(url)
      await page.evaluate((texts) => {
        const { $ } = window as unknown as { $: (what: string) => { append(what: string): void } }
        const shown = document.querySelector('#shown') as HTMLElement
        shown.hidden = true // so that all of it is laid out once
        for (const text of texts) {
          $('#shown').append(`<p>${text}</p>`)
          $('#shown').append((JSON.parse(text) as { ok: string }).ok)
        }
        shown.hidden = false
      }, answers)
      return answers.length
    },
    1,
  ],
}

test('nothing of it runs, loads, or is anything but a message: not in our page, nor in pages without any policy', async (t) => {
  const { ours, own, messages } = await hostileRoom(t)
  const inOurs = async (): Promise<void> => {
    const { page, deeds, complaints } = await watched(t, ours.url)
    await page
      .locator('.message')
      .nth(messages - 1)
      .waitFor({ state: 'attached' })
    t.deepEqual(await offences(page, '.message .text', OURS), [])
    t.is(await page.locator('.log :is(script, img, svg, math, iframe, object, embed, form, input, style, link, meta, base)').count(), 0)
    t.deepEqual(await deeds(), [])
    t.deepEqual(complaints, [])
  }
  const inOwn = async (way: string, insert: (page: Page, url: string) => Promise<number>, jquery: 1 | 3): Promise<void> => {
    const { page, deeds, complaints } = await watched(t, `${own.url}/with-${jquery}.html`)
    t.true((await insert(page, own.url)) >= messages, way)
    t.deepEqual(await offences(page, '#shown'), [], way)
    t.deepEqual(await deeds(), [], way)
    t.deepEqual(complaints, [], way)
  }
  const ways = Object.entries(WAYS).flatMap(([way, [insert, ...jqueries]]) => jqueries.map((jquery) => inOwn(way, insert, jquery)))
  await Promise.all([inOurs(), ...ways])
  t.log(`${HOSTILE.length} markups, ${messages} messages, ${ways.length + 1} pages`)
})

test('these tests would notice: markup inserted as it came runs, loads, leads astray and is seen', async (t) => {
  const server = await serve(t, { client: await ownPage(t) })
  const canaries: readonly [markup: string, deed: RegExp][] = [
    ['<img src=x onerror=pwn()>', /script: ran/],
    ['<script>pwn("jquery")</script>', /script: jquery/],
    ['<img src=https://evil.example/a>', /asked for https:\/\/evil\.example\/a/],
    ['<iframe src=https://evil.example/>', /asked for https:\/\/evil\.example\/$/],
    ['<b style="background:url(https://evil.example/b)">x</b>', /asked for https:\/\/evil\.example\/b/],
    ['<svg><animate onbegin=pwn("svg") attributeName=x dur=1s>', /script: svg/],
    ['<img src=x onerror="location.hash=1">', /went to .*#1/],
  ]
  const { page, deeds } = await watched(t, `${server.url}/with-3.html`)
  for (const [markup, deed] of canaries) {
    t.false(
      (await deeds()).some((what) => deed.test(what)),
      markup,
    )
    await page.evaluate(
      (html) => (window as unknown as { $: (what: string) => { html(what: string): void } }).$('#shown').html(html),
      markup,
    )
    let done: string[] = []
    while (!done.some((what) => deed.test(what))) done = await deeds() // ends by the timeout if it never comes
    t.not((await offences(page, '#shown')).length, 0, markup)
  }
  for (const markup of ['<a href="javascript:pwn()">x</a>', '<a href="/x" id=body>', '<p name=x>', '<math>', '<code class="message">']) {
    await page.evaluate((html) => ((document.querySelector('#shown') as Element).innerHTML = html), markup)
    t.not((await offences(page, '#shown')).length, 0, markup)
  }
})
