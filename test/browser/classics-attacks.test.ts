/**
 * Attacks on what each tutorial's client does with what it gets, in a real browser: texts and nicks that would leave the place into which that
 * client puts them. Nothing runs, by itself or under the mouse.
 */
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { withPages } from '../helpers/browser.ts'
import { post, send } from '../helpers/chat.ts'
import { needing } from '../helpers/needing.ts'
import { shows, speakUntil } from '../helpers/page.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { freshDirectory, serve } from '../helpers/serve.ts'

const test = needing(CHROMIUM)
const open = withPages()

/** Each tutorial's page: its file, the jQuery that it names, and where it shows what was said. */
const PAGES: Readonly<Record<string, readonly [file: string, jquery: '1' | '3', display: string]>> = {
  php: ['php.html', '1', '.display'],
  'node_chat, with links': ['node-chat-links.html', '1', '#log'],
  gevent: ['gevent.html', '1', '#inbox'],
  'mochiweb, jQuery 1': ['mochiweb.html', '1', '#history'],
  'mochiweb, jQuery 3': ['mochiweb.html', '3', '#history'],
}

const KINDS = Object.entries(PAGES)

const RUN = 'document.title=1'

/** Ends of an attribute, with what could stand behind them. */
const LEAVING = [
  // It runs as soon as it is seen, without a click.
  `"oncontentvisibilityautostatechange="${RUN}"style="display:block;content-visibility:auto`,
  `"onmouseover="${RUN}`,
  `"autofocus/onfocus="${RUN}"tabindex="1`,
  `"style="animation:a"onanimationstart="${RUN}`,
  `'onmouseover='${RUN}`,
  `\`onmouseover=${RUN}`,
  `&quot;onmouseover=&quot;${RUN}`,
  `&#34;onmouseover=&#34;${RUN}`,
  `%22onmouseover=%22${RUN}`,
  `\\"onmouseover=\\"${RUN}`,
  `\\u0022onmouseover=\\u0022${RUN}`,
  `"><img/src=x/onerror="${RUN}`,
  `?a="onmouseover="${RUN}`,
]

/** What a client may take for the address of a link, up to where it is left. */
const ADDRESSES = ['http://x/', 'https://x/', 'HTTP://y/', 'http://x:80/?', 'http://x/\u00a0', 'http://x/\u3000', 'http://x', 'http://']

const TEXTS = ADDRESSES.flatMap((address) => LEAVING.map((leaving) => `see ${address}${leaving} `))

/** Those of up to 50 characters can join. */
const NICKS = ADDRESSES.flatMap((address) => [
  `${address}"onmouseover="${RUN}`,
  `${address}"onfocus="${RUN}"autofocus="`,
  `${address}'onclick='${RUN}`,
])

/** Attributes of links that no client of these gives to one, and all that could act. Runs in the browser. */
function strangers(): string[] {
  return [...document.querySelectorAll('body *')].flatMap(({ localName, attributes }) =>
    [...attributes]
      .filter(({ name, value }) =>
        localName === 'a'
          ? !/^(href|target|rel|title|id)$/.test(name) || /^\s*(javascript|data):/i.test(value)
          : /^(on|style|autofocus)/.test(name),
      )
      .map(({ name, value }) => `${localName} ${name}=${value}`),
  )
}

/** The mouse goes over all links, and the keyboard into each of them. */
async function touchLinks(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const link of document.querySelectorAll('a')) {
      for (const type of ['mouseover', 'mouseenter', 'mousemove', 'focusin']) link.dispatchEvent(new MouseEvent(type, { bubbles: true }))
      link.focus()
      link.scrollIntoView()
    }
  })
}

const pathOf = (file: string, jquery: '1' | '3'): string => file.replace('.', `-${jquery}.`)

/** The folder that somebody would hand to `--client`, with all of these pages. */
async function clientFolder(t: ExecutionContext): Promise<string> {
  const folder = await freshDirectory(t)
  for (const [file, jquery] of Object.values(PAGES)) {
    const html = await readFile(new URL(`classics/${file}`, import.meta.url), 'utf8')
    await writeFile(join(folder, pathOf(file, jquery)), html.replace('"jquery.js"', `"jquery-${jquery}.js"`))
  }
  for (const [jquery, name] of Object.entries({ '1': 'jquery-1', '3': 'jquery' }))
    await copyFile(fileURLToPath(import.meta.resolve(name)), join(folder, `jquery-${jquery}.js`))
  return folder
}

test('no text and no nick runs in the client of any tutorial', async (t) => {
  const server = await serve(t, { client: await clientFolder(t), rateLimit: 0, backlog: 1000 })
  const { url } = server
  const dialogs: string[] = []
  const visit = async ([name, [file, jquery, display]]: (typeof KINDS)[number]) => {
    const { page } = await open(t, `${url}/${pathOf(file, jquery)}`)
    page.on('dialog', (dialog) => {
      dialogs.push(`${name}: ${dialog.message()}`)
      void dialog.dismiss()
    })
    return { name, page, display: page.locator(display), title: await page.title() }
  }
  const visitors = await Promise.all(KINDS.map(visit))
  await speakUntil(
    url,
    'welcome',
    visitors.map(({ display }) => display),
  )
  const headers = { 'Content-Type': 'application/json' }
  for (const nick of NICKS) {
    const joined = await send(`${url}/rooms/lobby/sessions`, { headers, body: JSON.stringify({ nick }) })
    t.is(joined.status, nick.length <= 50 ? 201 : 400, nick)
  }
  await appendFile(server.file('lobby'), NICKS.map((nick, n) => `${JSON.stringify({ nick: `${nick}${n}`, msg: 'by hand' })}\n`).join(''))
  await Promise.all(TEXTS.map((msg) => post(url, 'lobby', { msg })))
  await post(url, 'lobby', { msg: 'that is all' })
  await Promise.all(visitors.map(({ display }) => shows(display, 'that is all')))
  for (const { name, page, display, title } of visitors) {
    // A page that is opened now asks who is here.
    for (const isNew of [false, true]) {
      if (isNew && name.startsWith('mochiweb')) continue // it is told of nothing that was
      if (isNew) {
        await page.reload()
        await shows(display, 'that is all')
      }
      if (isNew && name.startsWith('node_chat')) await page.locator('.notice').waitFor()
      await touchLinks(page)
      t.deepEqual(await page.evaluate(strangers), [], name)
      t.is(await page.title(), title, name)
      t.deepEqual(dialogs, [], name)
    }
    if (name.startsWith('node_chat')) {
      const hrefs = await page.locator('.text a').evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''))
      t.true(hrefs.some((href) => href.startsWith('http://x/%22onmouseover=')))
    }
  }
})

test('node_chat, with links: an address is a link to where it says, and a nick of any script is the nick', async (t) => {
  const server = await serve(t, { client: await clientFolder(t) })
  const { page } = await open(t, `${server.url}/${pathOf('node-chat-links.html', '1')}`)
  await page.locator('#nick').fill('ryan')
  await page.locator('#door button').click()
  await page.locator('.join .nick', { hasText: 'ryan' }).waitFor()
  await page.locator('#door').waitFor({ state: 'hidden' }) // all hear of a join before its own client has its id
  const address = "https://example.org:8080/a?b='c'&d=100%25#e"
  await page.locator('#entry').fill(`ryan said "see ${address} or" so`)
  await page.locator('#desk button').click()
  const said = page.locator('.personal .text', { hasText: 'see' })
  const link = said.locator('a')
  await link.waitFor()
  t.is(await link.getAttribute('href'), address)
  t.is(await said.textContent(), `ryan said "see ${address} or" so`)
  for (const nick of ['李', 'José-Luis', 'ann lee', '🦊 fox'])
    await send(`${server.url}/rooms/lobby/sessions`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ nick }) })
  await page.locator('.join .nick', { hasText: 'fox' }).waitFor()
  await page.locator('#users-link').click()
  t.is(await page.locator('.notice .text').last().textContent(), 'ryan, 李, José-Luis, ann lee, 🦊 fox')
})
