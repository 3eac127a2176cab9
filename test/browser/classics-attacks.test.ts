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

async function clientFolder(t: ExecutionContext, file: string, jquery: '1' | '3'): Promise<string> {
  const folder = await freshDirectory(t)
  const html = await readFile(new URL(`classics/${file}`, import.meta.url), 'utf8')
  await writeFile(join(folder, 'index.html'), html.replace('"jquery.js"', `"jquery-${jquery}.js"`))
  await copyFile(fileURLToPath(import.meta.resolve(jquery === '1' ? 'jquery-1' : 'jquery')), join(folder, `jquery-${jquery}.js`))
  return folder
}

for (const [name, [file, jquery, display]] of Object.entries(PAGES)) {
  test(`${name}: no text and no nick runs in its client`, async (t) => {
    const server = await serve(t, { client: await clientFolder(t, file, jquery), rateLimit: 0, backlog: 1000 })
    const { url } = server
    const { page } = await open(t, url)
    const dialogs: string[] = []
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message())
      void dialog.dismiss()
    })
    const title = await page.title()
    const shown = page.locator(display)
    const sees = (text: string): Promise<void> => shown.filter({ hasText: text }).waitFor()
    // Mochiweb's client begins with what comes next: whoever speaks, speaks until it hears.
    for (let tries = 0; tries < 200 && !(await shown.filter({ hasText: 'welcome' }).isVisible()); tries++) {
      await post(url, 'lobby', { msg: 'welcome' })
    }
    await sees('welcome')
    for (const [n, nick] of NICKS.entries()) {
      const headers = { 'Content-Type': 'application/json' }
      const joined = await send(`${url}/rooms/lobby/sessions`, { headers, body: JSON.stringify({ nick }) })
      t.is(joined.status, nick.length <= 50 ? 201 : 400, nick)
      await appendFile(server.file('lobby'), `${JSON.stringify({ nick: `${nick}${n}`, msg: 'by hand' })}\n`)
    }
    for (const msg of TEXTS) await post(url, 'lobby', { msg })
    await post(url, 'lobby', { msg: 'that is all' })
    await sees('that is all')
    // A page that is opened now asks who is here.
    for (const isNew of [false, true]) {
      if (isNew && name.startsWith('mochiweb')) continue // it is told of nothing that was
      if (isNew) {
        await page.reload()
        await sees('that is all')
      }
      if (isNew && name.startsWith('node_chat')) await page.locator('.notice').waitFor()
      await touchLinks(page)
      t.deepEqual(await page.evaluate(strangers), [])
      t.is(await page.title(), title)
      t.deepEqual(dialogs, [])
    }
    if (name.startsWith('node_chat')) {
      const [, link] = await page.locator('.text a').all()
      t.regex((await link?.getAttribute('href')) ?? '', /^http:\/\/x\/%22onmouseover=/)
    }
  })
}

test('node_chat, with links: an address is a link to where it says, and a nick of any script is the nick', async (t) => {
  const server = await serve(t, { client: await clientFolder(t, 'node-chat-links.html', '1') })
  const { page } = await open(t, server.url)
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
