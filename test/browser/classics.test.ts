/**
 * The tutorials' pages in a real browser: each rebuilt in its tutorial's manner (classics/), served by `--client`, and ours beside them from
 * a second server. What is typed in one is seen in all; what is hostile stays text in all.
 */
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Locator, Page } from 'playwright-core'
import { withPages, type Opened } from '../helpers/browser.ts'
import { messagesIn, post, send } from '../helpers/chat.ts'
import { SPEAKERS } from '../helpers/dialects.ts'
import { freshDirectory, serve, type Served, type ServeOptions } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const open = withPages()

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** A page as somebody uses it. */
interface Kind {
  readonly name: string
  readonly path: string
  /** Where it shows what was said. */
  readonly display: string
  say(page: Page, text: string): Promise<void>
}

interface Guest extends Opened {
  readonly name: string
  readonly display: Locator
  /** Dialogs that came up, by their text. */
  readonly dialogs: string[]
  say(text: string): Promise<void>
  /** Resolves when the page shows this text. */
  sees(text: string | RegExp): Promise<void>
}

/** Writes into a field, and presses a button. */
function saying(field: string, button: string): Kind['say'] {
  return async (page, text) => {
    await page.locator(field).fill(text)
    await page.locator(button).click()
  }
}

const OURS: Kind = { name: 'roomfile', path: '/', display: '.log', say: saying('textarea', 'button.send') }
const PHP: Kind = { name: 'php', path: '/php.html', display: '.display', say: saying('.editor', '.send') }
const NODE_CHAT: Kind = { name: 'node-chat', path: '/node-chat.html', display: '#log', say: saying('#entry', '#desk button') }
const GEVENT: Kind = { name: 'gevent', path: '/gevent.html', display: '#inbox', say: saying('#message', '#outbox button') }
const [MOCHIWEB_1, MOCHIWEB_3] = ['mochiweb-1', 'mochiweb-3'].map((name): Kind => ({
  name,
  path: `/${name}.html`,
  display: '#history',
  say: saying('#message', '#send'),
})) as [Kind, Kind]

const CLASSICS = [PHP, NODE_CHAT, GEVENT, MOCHIWEB_1, MOCHIWEB_3]

/** The folder that somebody would hand to `--client`. */
async function clientFolder(t: ExecutionContext): Promise<string> {
  const folder = await freshDirectory(t)
  await copyFile(fileURLToPath(import.meta.resolve('jquery-1')), join(folder, 'jquery-1.js'))
  await copyFile(fileURLToPath(import.meta.resolve('jquery')), join(folder, 'jquery-3.js'))
  for (const { path } of CLASSICS) {
    const [, page = '', jquery = ''] = /^\/(mochiweb|[\w-]+)(?:-([13]))?\.html$/.exec(path) ?? []
    const html = await readFile(new URL(`classics/${page}.html`, import.meta.url), 'utf8')
    await writeFile(join(folder, path), html.replace('"jquery.js"', `"jquery-${jquery}.js"`))
  }
  return folder
}

interface House {
  /** Two servers on one directory: the first serves the classics, the second our own page. */
  readonly servers: readonly [Served, Served]
  readonly file: string
}

async function build(t: ExecutionContext, options: ServeOptions = {}): Promise<House> {
  const first = await serve(t, { client: await clientFolder(t), ...options })
  return { servers: [first, await serve(t, options, first.directory)], file: first.file('lobby') }
}

async function visit(t: ExecutionContext, { servers: [classics, ours] }: House, kind: Kind): Promise<Guest> {
  const opened = await open(t, (kind === OURS ? ours : classics).url + kind.path)
  const { page } = opened
  const dialogs: string[] = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  const display = page.locator(kind.display)
  const guest: Guest = {
    ...opened,
    name: kind.name,
    display,
    dialogs,
    say: (text) => kind.say(page, text),
    sees: (text) => display.filter({ hasText: text }).waitFor(),
  }
  if (kind === NODE_CHAT) {
    await joinAs(page, 'ryan')
    await page.locator('#users', { hasText: 'ryan' }).waitFor()
  }
  return guest
}

async function joinAs(page: Page, nick: string): Promise<void> {
  await page.locator('#nick').fill(nick)
  await page.locator('#door button').click()
}

/** All kinds of pages, each in a browser of its own, and all of them hear. */
async function gather(t: ExecutionContext, house: House, kinds: readonly Kind[] = [OURS, ...CLASSICS]): Promise<Guest[]> {
  const guests = await Promise.all(kinds.map((kind) => visit(t, house, kind)))
  await Promise.all(guests.map((guest) => hears(guest, house)))
  return guests
}

/** A page of mochiweb begins with what comes next, so somebody speaks until it hears. */
async function hears({ display, name }: Guest, { servers: [{ url }] }: House): Promise<void> {
  const greeting = display.filter({ hasText: `welcome, ${name}` })
  while ((await greeting.count()) === 0) {
    await post(url, 'lobby', { msg: `welcome, ${name}` })
    await Promise.race([greeting.waitFor(), delay(500)])
  }
}

const allSee = (guests: readonly Guest[], text: string | RegExp): Promise<unknown> => Promise.all(guests.map((guest) => guest.sees(text)))

/** What stands in «», in its order. */
const quotes = (text: string): string[] => text.match(/«[^»]*»/g) ?? []

/** With single spaces, as whoever reads a page sees it. */
const evenly = (text: string): string => text.replaceAll(/\s+/g, ' ')

const quotesSeenBy = async ({ display }: Guest): Promise<string[]> => quotes((await display.textContent()) ?? '')

/** What a browser says to an answer that is called a script and is none: the mochiweb pages get it with every answer. */
const NO_SCRIPT = /Unexpected token ':'$/

const complaintsOf = (guests: readonly Guest[]): string[] =>
  guests.flatMap(({ name, complaints }) =>
    complaints.filter((text) => !(name.startsWith('mochiweb') && NO_SCRIPT.test(text))).map((text) => `${name}: ${text}`),
  )

test('what is typed in one page is seen in all six, in one order', async (t) => {
  const house = await build(t)
  const guests = await gather(t, house)
  const said: string[] = []
  for (const round of ['once', 'again']) {
    for (const guest of guests) {
      const text = `«${guest.name} ${round}: 你好, "it's" C:\\dir &c»`
      await guest.say(text)
      await allSee(guests, text)
      said.push(text)
    }
  }
  t.deepEqual(
    messagesIn(await readFile(house.file, 'utf8')).flatMap(({ msg }) => quotes(msg)),
    said,
  )
  for (const guest of guests) t.deepEqual(await quotesSeenBy(guest), said, guest.name)
  t.deepEqual(complaintsOf(guests), [])
})

test('who comes and goes in the page of node_chat is told in all, and listed there', async (t) => {
  const house = await build(t)
  const guests = await gather(t, house, [OURS, PHP, GEVENT, MOCHIWEB_3])
  const ann = await visit(t, house, NODE_CHAT)
  await allSee(guests, /ryan (joined|came in)/)
  const bob = await open(t, house.servers[0].url + NODE_CHAT.path)
  await joinAs(bob.page, 'ryan')
  await bob.page.locator('#refusal', { hasText: 'Nick in use' }).waitFor()
  await joinAs(bob.page, 'bob')
  await allSee(guests, /bob (joined|came in)/)
  await ann.page.locator('#users', { hasText: 'bob' }).waitFor()
  await bob.page.goto('about:blank')
  await allSee(guests, 'bob left')
  t.is(await ann.page.locator('#users').textContent(), 'ryan')
})

test('3 bursts of 40 posts, senders mixed: every page has all 120, once, in the order of the file', async (t) => {
  // A page of mochiweb is told one message an answer: it may fall behind, but not by more than a room keeps.
  const house = await build(t, { backlog: 400, rateLimit: 0 })
  const guests = await gather(t, house)
  const speakers = house.servers.flatMap(({ url }, n) => SPEAKERS.map((Speaker) => new Speaker(url, `speaker-${n}`)))
  t.teardown(() => speakers.forEach((speaker) => speaker.stop()))
  // Of those who only speak, this one needs a session.
  for (const speaker of speakers) if (speaker.name === 'node_chat') await speaker.start()
  for (let burst = 0; burst < 3; burst++) {
    await Promise.all(speakers.flatMap((speaker, who) => [1, 2, 3, 4].map((n) => speaker.say(`«burst ${burst}, ${who}-${n}»`))))
  }
  await post(house.servers[0].url, 'lobby', { msg: 'that is all' })
  await allSee(guests, 'that is all')
  const inFile = quotes(await readFile(house.file, 'utf8'))
  t.is(new Set(inFile).size, 120)
  for (const guest of guests) t.deepEqual(await quotesSeenBy(guest), inFile, guest.name)
})

test('two pages of mochiweb in one browser, which share its cookie: both have all of a burst', async (t) => {
  const house = await build(t, { rateLimit: 0 })
  const guests = await gather(t, house, [MOCHIWEB_3])
  const [one] = guests
  if (!one) throw new Error('there is one')
  const page = await one.context.newPage()
  await page.goto(house.servers[0].url + MOCHIWEB_3.path)
  const two: Guest = { ...one, name: 'two', display: page.locator('#history'), page }
  await hears(two, house)
  await Promise.all(Array.from({ length: 40 }, (_, n) => post(house.servers[0].url, 'lobby', { msg: `«${n}»` })))
  await post(house.servers[0].url, 'lobby', { msg: 'that is all' })
  await allSee([one, two], 'that is all')
  const inFile = quotes(await readFile(house.file, 'utf8'))
  t.is(inFile.length, 40)
  for (const guest of [one, two]) t.deepEqual(await quotesSeenBy(guest), inFile)
})

/** The parts of a page that could do something: elements and attributes. Runs in the browser, and looks into shadow roots. */
function activeParts(): string[] {
  const tags = 'script img svg math iframe object embed video audio base meta link style form input textarea'.split(' ')
  const within = (root: ParentNode): Element[] =>
    [...root.querySelectorAll('*')].flatMap((element) => [element, ...(element.shadowRoot ? within(element.shadowRoot) : [])])
  return within(document).flatMap(({ localName, attributes }) => [
    ...(tags.includes(localName) ? [localName] : []),
    ...[...attributes]
      .filter(({ name, value }) => /^(on|srcdoc$)/.test(name) || /^\s*(javascript|data|vbscript):/i.test(value))
      .map(({ name, value }) => `${localName} ${name}=${value}`),
  ])
}

const OWN = "document.title='owned'"

const inTags = (text: string): string => `<b>${text}</b><p title='${text}'>${text}</p><a href="https://example.org/${text}">${text}</a>`

/** Each stays readable as it is written, whoever says it, in whichever form. */
const HOSTILE = [
  `<script>${OWN}</script>`,
  `<img src=x onerror="${OWN};alert(1)">`,
  `"onmouseover="${OWN}" x="`,
  `</textarea><svg onload=${OWN}>`,
  `</script><script>${OWN}//`,
  `\u2028${OWN}\u2029${OWN}//`,
  `'};${OWN};//`,
  `"});${OWN};({"`,
  `<iframe srcdoc="<script>parent.${OWN}</script>">`,
  '[click](javascript:document.title="owned")',
  `<a href="javascript:${OWN}" onclick=${OWN}>x</a>`,
  '<form><button formaction="javascript:alert(1)">x<style>body{display:none}</style>',
]

/** Markdown that becomes HTML with such text in its attributes (jQuery before 3.5 rewrites `<…/>` wherever it stands). */
const DECORATED = [
  '&lt;script&gt;&#60;img src=x onerror=alert(1)&#62;',
  `\\"});${OWN};//`,
  `[link](https://example.org/ "<x") [link](https://example.org/ "/><img src=x onerror=${OWN}>")`,
  `[link](https://example.org/?"onmouseover="${OWN})`,
  `![pixel](https://example.org/x.png"onerror="${OWN})`,
  `<https://example.org/'><img/src=x/onerror=${OWN}>>`,
  `\`\`\`x"onmouseover="${OWN}\n<script>${OWN}</script>\n\`\`\``,
]

/** A question for later: is all that could do harm as it was before? */
async function watch(t: ExecutionContext, guests: readonly Guest[]): Promise<() => Promise<void>> {
  const look = (): Promise<unknown[]> =>
    Promise.all(
      guests.map(async ({ name, page, dialogs }) => ({
        name,
        dialogs: [...dialogs],
        url: page.url(),
        title: await page.title(),
        active: await page.evaluate(activeParts),
      })),
    )
  const before = await look()
  return async () => {
    t.deepEqual(await look(), before)
    t.deepEqual(complaintsOf(guests), [])
  }
}

/** Types all that is hostile, each when the one before is seen. Resolves to what was said. */
async function sayHostile(guest: Guest): Promise<string[]> {
  // node_chat says its messages in the request line, where each of these becomes three bytes.
  const longest = guest.name === NODE_CHAT.name ? ['<'.repeat(16_350)] : []
  const said = [...HOSTILE, ...longest].map((text, n) => `${text} seal ${n} of ${guest.name}`)
  for (const text of said) {
    await guest.say(text)
    await guest.sees(text)
  }
  return said
}

test('hostile text that is typed in any page is text in all, and all go on', async (t) => {
  const house = await build(t)
  const guests = await gather(t, house)
  const allIsAsBefore = await watch(t, guests)
  // The page of gevent empties its field whenever it is told something: there one can write only while nobody else does.
  const others = guests.filter(({ name }) => name !== GEVENT.name)
  const alone = guests.filter(({ name }) => name === GEVENT.name)
  const said = (await Promise.all(others.map(sayHostile))).flat()
  for (const guest of alone) said.push(...(await sayHostile(guest)))
  for (const guest of guests) {
    await guest.say(`${guest.name} means no harm`)
    await allSee(guests, `${guest.name} means no harm`)
  }
  for (const { name, display } of guests) {
    const seen = evenly((await display.textContent()) ?? '')
    const unseen = said.filter((text) => !seen.includes(evenly(text)))
    t.deepEqual(unseen, [], name)
  }
  await allIsAsBefore()
})

test('hostile text that no form would send is inert in all pages, and all go on', async (t) => {
  const house = await build(t)
  const guests = await gather(t, house)
  const allIsAsBefore = await watch(t, guests)
  const [{ url }] = house.servers
  const ask = async (path: string, body?: string): Promise<string> => {
    const { status, text } = await send(url + path, body === undefined ? {} : { headers: FORM, body })
    if (status !== 200) throw new Error(`${path} answered ${status}: ${text}`)
    return text
  }
  const form = (path: string, fields: Record<string, string>): Promise<unknown> => ask(path, new URLSearchParams(fields).toString())
  const nick = `<img src=x onerror="${OWN}">`
  const { id } = JSON.parse(await ask(`/join?nick=${encodeURIComponent(nick)}`)) as { id: string }
  const ways: Record<string, (text: string) => Promise<unknown>> = {
    // What the rich editor of somebody who means harm would send.
    php: (msg) => form('/comet.php', { msg }),
    'php, in tags': (text) => form('/comet.php', { msg: inTags(text) }),
    'a hostile nick': (text) => ask(`/send?${new URLSearchParams({ id, text })}`),
    native: (msg) => post(url, 'lobby', { msg, nick: `"onmouseover="${OWN}` }),
    mochiweb: (text) => ask('/chat', `message=${text}`), // encodes nothing
    gevent: (msg) => form('/new', { msg }),
    'a plain line in the file': (text) => appendFile(house.file, `${text.replaceAll('\n', '\r')}\n`),
    'a line of JSON in the file': (msg) => appendFile(house.file, `${JSON.stringify({ msg, nick })}\n`),
  }
  for (const [way, say] of Object.entries(ways)) {
    await Promise.all([...HOSTILE, ...DECORATED].map(say))
    await say(`<p>that was ${way}</p>`)
  }
  for (const way of Object.keys(ways)) await allSee(guests, `that was ${way}`)
  await allIsAsBefore()
  for (const guest of guests) {
    await guest.say(`${guest.name} means no harm`)
    await allSee(guests, `${guest.name} means no harm`)
  }
  await allIsAsBefore()
})

test('bold, italic and underlined in the rich editor is Markdown in the file, and formatted in the pages', async (t) => {
  const house = await build(t)
  const guests = await gather(t, house, [PHP, OURS, NODE_CHAT, GEVENT, MOCHIWEB_1, MOCHIWEB_3])
  const [php] = guests
  if (!php) throw new Error('there is one')
  const { page } = php
  await page.locator('.editor').focus()
  const inMarks: [button: string | undefined, text: string][] = [
    [undefined, 'see '],
    ['bold', '重要！'],
    [undefined, '请看 '],
    ['italic', 'today'],
    [undefined, ' or '],
    ['underline', 'now'],
  ]
  for (const [button, text] of inMarks) {
    const toggle = page.locator(`[data-command=${button}]`)
    if (button !== undefined) await toggle.click()
    await page.keyboard.type(text)
    if (button !== undefined) await toggle.click()
  }
  await page.keyboard.press('Enter')
  await page.keyboard.type('the end')
  await page.locator('.send').click()
  await allSee(guests, 'the end')
  const address = "https://example.org/?q='it'&r=%22"
  await php.say(address)
  await allSee(guests, "https://example.org/?q='it'")
  t.deepEqual(
    messagesIn(await readFile(house.file, 'utf8'))
      .slice(-2)
      .map(({ msg }) => msg),
    ['see **重要！**请看 *today* or ++now++\nthe end', address],
  )
  for (const { name, display } of guests) {
    if (name === NODE_CHAT.name) continue // shows what is in the file
    const marked = await display.locator('strong, em, u').evaluateAll((all) => all.map((one) => `${one.localName}: ${one.textContent}`))
    t.deepEqual(marked, ['strong: 重要！', 'em: today', 'u: now'], name)
    t.deepEqual(await display.locator('a:not(.time)').evaluateAll((all) => all.map((one) => one.getAttribute('href'))), [address], name)
  }
  t.deepEqual(complaintsOf(guests), [])
})
