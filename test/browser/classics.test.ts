/**
 * The tutorials' pages in a real browser: each rebuilt in its tutorial's manner (classics/), served by `--client`, and ours beside them from
 * a second server. What is typed in one is seen in all; what is hostile stays text in all.
 */
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { ElementHandle, Locator, Page } from 'playwright-core'
import { sized } from '../helpers/attack.ts'
import { withPages, type Opened } from '../helpers/browser.ts'
import { messagesIn, post, send } from '../helpers/chat.ts'
import { SPEAKERS } from '../helpers/dialects.ts'
import { shows, speakUntil } from '../helpers/page.ts'
import { freshDirectory, serve, type Served, type ServeOptions } from '../helpers/serve.ts'
import { randomOf } from '../helpers/random.ts'
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
  /** Where one writes. */
  readonly field: string
  /** What sends it. */
  readonly button: string
}

interface Guest extends Opened, Pick<Kind, 'name'> {
  readonly display: Locator
  readonly field: Locator
  readonly button: Locator
  /** Dialogs that came up, by their text. */
  readonly dialogs: string[]
  say(text: string): Promise<void>
  /** Resolves when the page shows all of this. */
  sees(...texts: readonly (string | RegExp)[]): Promise<void>
}

const OURS: Kind = { name: 'roomfile', path: '/', display: '.log', field: 'textarea', button: 'button.send' }
const PHP: Kind = { name: 'php', path: '/php.html', display: '.display', field: '.editor', button: '.send' }
const NODE_CHAT: Kind = { name: 'node-chat', path: '/node-chat.html', display: '#log', field: '#entry', button: '#desk button' }
const GEVENT: Kind = { name: 'gevent', path: '/gevent.html', display: '#inbox', field: '#message', button: '#outbox button' }
const [MOCHIWEB_1, MOCHIWEB_3] = ['mochiweb-1', 'mochiweb-3'].map((name): Kind => ({
  name,
  path: `/${name}.html`,
  display: '#history',
  field: '#message',
  button: '#send',
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
  const guest = guestAt(kind, await open(t, (kind === OURS ? ours : classics).url + kind.path))
  if (kind === NODE_CHAT) {
    await joinAs(guest.page, 'ryan')
    await guest.page.locator('#users', { hasText: 'ryan' }).waitFor()
  }
  return guest
}

function guestAt(kind: Kind, opened: Opened): Guest {
  const { page } = opened
  const dialogs: string[] = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  const [display, field, button] = [page.locator(kind.display), page.locator(kind.field), page.locator(kind.button)]
  return {
    ...opened,
    name: kind.name,
    display,
    field,
    button,
    dialogs,
    async say(text) {
      await field.fill(text)
      await button.click()
    },
    sees: (...texts) => shows(display, ...texts),
  }
}

async function joinAs(page: Page, nick: string): Promise<void> {
  await page.locator('#nick').fill(nick)
  await page.locator('#door button').click()
}

/** Pages of these kinds, each in a browser of its own. */
const gather = (t: ExecutionContext, house: House, kinds: readonly Kind[]): Promise<Guest[]> =>
  Promise.all(kinds.map((kind) => visit(t, house, kind)))

const greet = (guests: readonly Guest[], { servers: [{ url }] }: House, greeting: string): Promise<void> =>
  speakUntil(
    url,
    greeting,
    guests.map(({ display }) => display),
  )

const allSee = (guests: readonly Guest[], ...texts: readonly (string | RegExp)[]): Promise<unknown> =>
  Promise.all(guests.map((guest) => guest.sees(...texts)))

/** What stands in «» and begins so, in its order. */
const quotes = (text: string, beginning = ''): string[] =>
  (text.match(/«[^»]*»/g) ?? []).filter((quote) => quote.startsWith(`«${beginning}`))

/** With single spaces, as whoever reads a page sees it. */
const evenly = (text: string): string => text.replaceAll(/\s+/g, ' ')

const textOf = async ({ display }: Guest): Promise<string> => (await display.textContent()) ?? ''

/** What a browser says to an answer that is called a script and is none: the mochiweb pages get it with every answer. */
const NO_SCRIPT = /Unexpected token ':'$/

const complaintsOf = (guests: readonly Guest[]): string[] =>
  guests.flatMap(({ name, complaints }) =>
    complaints.filter((text) => !(name.startsWith('mochiweb') && NO_SCRIPT.test(text))).map((text) => `${name}: ${text}`),
  )

test('all six pages show who comes and goes, and all that is said, formatted or in bursts, once, in one order', async (t) => {
  // A page of mochiweb is told one message an answer: it may fall behind, but not by more than a room keeps.
  const house = await build(t, { backlog: 400, rateLimit: 0 })
  const guests = await gather(t, house, [OURS, PHP, GEVENT, MOCHIWEB_1, MOCHIWEB_3])
  await greet(guests, house, 'welcome')
  guests.push(await comeAndGo(t, house, guests))
  await speakInTurn(t, house, guests)
  await format(t, house, guests)
  t.deepEqual(complaintsOf(guests), [])
  guests.push(await openAnother(guests, MOCHIWEB_3, house))
  await speakInBursts(t, house, guests)
})

/** Who comes and goes in the page of node_chat is told in all, and listed there. Resolves to who has come and stays. */
async function comeAndGo(t: ExecutionContext, house: House, others: readonly Guest[]): Promise<Guest> {
  const ryan = await visit(t, house, NODE_CHAT)
  await allSee(others, /ryan (joined|came in)/)
  const { page, context } = await open(t, house.servers[0].url + NODE_CHAT.path)
  await joinAs(page, 'ryan')
  await page.locator('#refusal', { hasText: 'Nick in use' }).waitFor()
  await joinAs(page, 'bob')
  await allSee(others, /bob (joined|came in)/)
  const users = ryan.page.locator('#users')
  await shows(users, 'bob')
  await page.goto('about:blank')
  await Promise.all([allSee(others, 'bob left'), ryan.sees('bob went out')])
  t.is(await users.textContent(), 'ryan')
  await context.close()
  return ryan
}

/** What is typed in one page is seen in all, in one order. */
async function speakInTurn(t: ExecutionContext, { file }: House, guests: readonly Guest[]): Promise<void> {
  const said: string[] = []
  for (const round of ['once', 'again']) {
    for (const guest of guests) {
      const text = `«${guest.name} ${round}: 你好, "it's" C:\\dir &c»`
      await guest.sees(...said.slice(-1))
      await guest.say(text)
      said.push(text)
    }
  }
  await allSee(guests, ...said)
  t.deepEqual(
    messagesIn(await readFile(file, 'utf8')).flatMap(({ msg }) => quotes(msg)),
    said,
  )
  for (const guest of guests) t.deepEqual(quotes(await textOf(guest)), said, guest.name)
}

/** Bold, italic and underlined in the rich editor is Markdown in the file, and formatted in the pages. */
async function format(t: ExecutionContext, { file }: House, guests: readonly Guest[]): Promise<void> {
  const php = guests.find(({ name }) => name === PHP.name)
  if (!php) throw new Error('there is one')
  const { page } = php
  await php.field.focus()
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
  await php.button.click()
  await php.sees('the end')
  const address = "https://example.org/?q='it'&r=%22"
  await php.say(address)
  await allSee(guests, "https://example.org/?q='it'")
  t.deepEqual(
    messagesIn(await readFile(file, 'utf8'))
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
}

/** One more page in the browser of one of them, which shares its cookie, and hears. */
async function openAnother(guests: readonly Guest[], kind: Kind, house: House): Promise<Guest> {
  const first = guests.find(({ name }) => name === kind.name)
  if (!first) throw new Error('there is one')
  const page = await first.context.newPage()
  await page.goto(house.servers[0].url + kind.path)
  const another = guestAt({ ...kind, name: `another ${kind.name}` }, { ...first, page })
  await greet([another], house, 'welcome to another')
  return another
}

const BURSTS = sized(1, 3)

/** Bursts of 40 posts, senders mixed: every page has all, once, in the order of the file. */
async function speakInBursts(t: ExecutionContext, { servers, file }: House, guests: readonly Guest[]): Promise<void> {
  const speakers = servers.flatMap(({ url }, n) => SPEAKERS.map((Speaker) => new Speaker(url, `speaker-${n}`)))
  t.teardown(() => speakers.forEach((speaker) => speaker.stop()))
  // Of those who only speak, this one needs a session.
  for (const speaker of speakers) if (speaker.name === 'node_chat') await speaker.start()
  for (let burst = 0; burst < BURSTS; burst++) {
    await Promise.all(speakers.flatMap((speaker, who) => [1, 2, 3, 4].map((n) => speaker.say(`«burst ${burst}, ${who}-${n}»`))))
  }
  await post(servers[0].url, 'lobby', { msg: 'that is all' })
  await allSee(guests, 'that is all')
  const inFile = quotes(await readFile(file, 'utf8'), 'burst')
  t.is(new Set(inFile).size, BURSTS * 40)
  for (const guest of guests) t.deepEqual(quotes(await textOf(guest), 'burst'), inFile, guest.name)
}

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

/** Types all that is hostile, and sends each when the one before is seen. Resolves to what was said. */
async function sayHostile({ name, display, field, button }: Guest): Promise<string[]> {
  // node_chat says its messages in the request line, where each of these becomes three bytes.
  const longest = name === NODE_CHAT.name ? ['<'.repeat(16_350)] : []
  const said = [...HOSTILE, ...longest].map((text, n) => ({ text, seal: ` seal ${n} of ${name}` }))
  const [writing, sending] = await Promise.all([field.elementHandle(), button.elementHandle()])
  if (!writing || !sending) throw new Error('there is no form')
  // The page types by itself, by the command that typing is: each key and click from outside costs more than the message.
  await display.evaluate(
    async (shown, all) => {
      for (const { text, seal } of all.said) {
        all.writing.focus()
        document.execCommand('selectAll')
        document.execCommand('insertText', false, text + seal)
        const seen = new Promise<void>((resolve) => {
          const watcher = new MutationObserver(() => {
            if (!shown.textContent.includes(seal)) return
            watcher.disconnect()
            resolve()
          })
          watcher.observe(shown, { childList: true, subtree: true, characterData: true })
        })
        all.sending.click()
        await seen
      }
    },
    { said, writing: writing as ElementHandle<HTMLElement>, sending: sending as ElementHandle<HTMLElement> },
  )
  return said.map(({ text, seal }) => text + seal)
}

test('hostile text is text in all pages, whether it is typed in one or comes as no form would send it, and all go on', async (t) => {
  const house = await build(t, { backlog: 400 })
  const guests = await gather(t, house, [OURS, ...CLASSICS])
  await greet(guests, house, 'welcome')
  const allIsAsBefore = await watch(t, guests)
  await typeHostile(t, guests)
  await allIsAsBefore()
  const ways = await sendHostile(house)
  await allSee(guests, ...ways.map((way) => `that was ${way}`))
  await allIsAsBefore()
  const said: string[] = []
  for (const guest of guests) {
    await guest.sees(...said.slice(-1))
    await guest.say(`${guest.name} means no harm`)
    said.push(`${guest.name} means no harm`)
  }
  await allSee(guests, ...said)
  await allIsAsBefore()
})

/** Each types in its page, and all of it is text in all. */
async function typeHostile(t: ExecutionContext, guests: readonly Guest[]): Promise<void> {
  // The page of gevent empties its field whenever it is told something: there one can write only while nobody else does.
  const others = guests.filter(({ name }) => name !== GEVENT.name)
  const alone = guests.filter(({ name }) => name === GEVENT.name)
  const said = (await Promise.all(others.map(sayHostile))).flat()
  const seals = said.map((text) => text.slice(text.lastIndexOf(' seal ')))
  await allSee(guests, ...seals)
  for (const guest of alone) said.push(...(await sayHostile(guest)))
  await allSee(guests, ` seal ${HOSTILE.length - 1} of ${GEVENT.name}`)
  for (const guest of guests) {
    const seen = evenly(await textOf(guest))
    const unseen = said.filter((text) => !seen.includes(evenly(text)))
    t.deepEqual(unseen, [], guest.name)
  }
}

/** All that is hostile, in each way in which somebody who means harm would send it. Resolves to the names of the ways. */
async function sendHostile({ servers: [{ url }], file }: House): Promise<string[]> {
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
    'a plain line in the file': (text) => appendFile(file, `${text.replaceAll('\n', '\r')}\n`),
    'a line of JSON in the file': (msg) => appendFile(file, `${JSON.stringify({ msg, nick })}\n`),
  }
  for (const [way, say] of Object.entries(ways)) {
    await Promise.all([...HOSTILE, ...DECORATED].map(say))
    await say(`<p>that was ${way}</p>`)
  }
  return Object.keys(ways)
}

/** They ask as those with the tutorial's jQuery do: `_=` is the time of day, and not counted up. */
test('two pages of mochiweb in one browser: of 60 messages 1 to 20 ms apart both show all, once, in order', async (t) => {
  const random = randomOf(t)
  const folder = await freshDirectory(t)
  const html = await readFile(new URL('classics/mochiweb.html', import.meta.url), 'utf8')
  const counted = "url: 'chat', type: 'GET', cache: false"
  t.true(html.includes(counted))
  await writeFile(join(folder, 'index.html'), html.replace(counted, "url: 'chat?_=' + Date.now(), type: 'GET'"))
  await copyFile(fileURLToPath(import.meta.resolve('jquery-1')), join(folder, 'jquery.js'))
  const { url } = await serve(t, { client: folder, rateLimit: 0, times: { mochiwebTab: 60_000 } })
  const { page, context } = await open(t, url)
  // Without its cache: Chromium sends one of two requests for one address only when the other is answered, and a tab is waited for.
  await context.route('**/chat?*', (route) => route.continue())
  await page.reload()
  const other = await context.newPage()
  await other.goto(url)
  const displays = [page, other].map((one) => one.locator('#history'))
  await speakUntil(url, '«welcome»', displays)
  for (let n = 0; n < 60; n++) {
    await post(url, 'lobby', { msg: `«${n}»` })
    await delay(1 + random() * 19)
  }
  await speakUntil(url, '«the end»', displays)
  const all = Array.from({ length: 60 }, (_, n) => `«${n}»`)
  for (const display of displays) t.deepEqual((await display.textContent())?.match(/«\d+»/g), all)
})
