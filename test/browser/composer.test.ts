/** Writing: what the toolbar, the keys, the clipboard and an input method do to the text, and what is sent of it. */
import type { Locator, Page } from 'playwright-core'
import type { ChatComposer } from '../../client/composer/composer.ts'
import { withBrowser, withPages, withRooms, withSharedPages, type Opened } from '../helpers/browser.ts'
import { poll, post } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const open = withPages()
const visit = withBrowser()
const share = withSharedPages()
const newRoom = withRooms()

const fieldOf = (page: Page): Locator => page.locator('textarea')
const toolOf = (page: Page, name: string): Locator => page.locator(`[data-tool=${name}]`)
const composerOf = (page: Page): Locator => page.locator('chat-composer')

/** Writes a text and selects a part of it; a caret at the end if there is none. */
async function write({ page }: Opened, text: string, selected?: string): Promise<void> {
  await fieldOf(page).fill(text)
  const from = selected === undefined ? text.length : text.indexOf(selected)
  await select(page, from, from + (selected?.length ?? 0))
}

async function select(page: Page, from: number, to: number): Promise<void> {
  await fieldOf(page).evaluate((field: HTMLTextAreaElement, [start, end]) => field.setSelectionRange(start, end), [from, to] as const)
}

/** The text, with ⟦ ⟧ around what is selected, or | where the caret is. */
async function shown(page: Page): Promise<string> {
  const [text, start, end] = await fieldOf(page).evaluate(
    (field: HTMLTextAreaElement) => [field.value, field.selectionStart, field.selectionEnd] as const,
  )
  const [before, selected, after] = [text.slice(0, start), text.slice(start, end), text.slice(end)]
  return start === end ? `${before}|${after}` : `${before}⟦${selected}⟧${after}`
}

const sent = async (url: string, room = 'lobby'): Promise<string[]> => (await poll(url, room)).messages.map(({ msg }) => msg)

const EDITS: Record<string, { keys: string; made: string }> = {
  bold: { keys: 'Control+b', made: 'one **⟦two⟧** three' },
  italic: { keys: 'Control+i', made: 'one *⟦two⟧* three' },
  underline: { keys: 'Control+u', made: 'one ++⟦two⟧++ three' },
  strike: { keys: 'Control+Shift+x', made: 'one ~~⟦two⟧~~ three' },
  code: { keys: 'Control+e', made: 'one `⟦two⟧` three' },
  codeBlock: { keys: 'Control+Shift+e', made: '```\n⟦one two three⟧\n```' },
  list: { keys: 'Control+Shift+8', made: '⟦- one two three⟧' },
  quote: { keys: 'Control+Shift+9', made: '⟦> one two three⟧' },
}

test('each tool changes what is selected, shows that it did, and takes it back', async (t) => {
  const alice = await share(t, newRoom(t).page)
  for (const [name, { made }] of Object.entries(EDITS)) {
    await write(alice, 'one two three', 'two')
    await toolOf(alice.page, name).click()
    t.is(await shown(alice.page), made)
    await alice.page.locator(`[data-tool=${name}][aria-pressed=true]`).waitFor()
    await toolOf(alice.page, name).click()
    t.is(await fieldOf(alice.page).inputValue(), 'one two three', name)
    await alice.page.locator(`[data-tool=${name}][aria-pressed=false]`).waitFor()
  }
  await write(alice, 'one two three', 'two')
  await toolOf(alice.page, 'link').click()
  await alice.page.keyboard.type('https://a.b/')
  t.is(await shown(alice.page), 'one [two](https://a.b/|) three')
  t.deepEqual(alice.complaints, [])
})

test('each shortcut does what its tool does, undo takes back that and nothing else, and redo brings it again', async (t) => {
  const alice = await share(t, newRoom(t).page)
  for (const [name, { keys, made }] of Object.entries(EDITS)) {
    await fieldOf(alice.page).fill('')
    await alice.page.keyboard.insertText('one two thre')
    await alice.page.keyboard.press('e')
    await select(alice.page, 4, 7)
    await alice.page.keyboard.press(keys)
    t.is(await shown(alice.page), made, name)
    await alice.page.keyboard.press('Control+z')
    t.is(await fieldOf(alice.page).inputValue(), 'one two three', name)
    await alice.page.keyboard.press('Control+Shift+z')
    t.is(await fieldOf(alice.page).inputValue(), made.replaceAll(/[⟦⟧]/g, ''), name)
  }
  await write(alice, 'one two', 'two')
  await alice.page.keyboard.press('Control+k')
  t.is(await shown(alice.page), 'one [two](|)')
  t.is(await toolOf(alice.page, 'strike').getAttribute('aria-keyshortcuts'), 'Control+Shift+X')
})

test('a shortcut begins bold text and ends it, and a shortcut of the browser stays its own', async (t) => {
  const alice = await share(t, newRoom(t).page)
  await fieldOf(alice.page).focus()
  await alice.page.keyboard.press('Control+b')
  await alice.page.keyboard.type('now')
  await alice.page.keyboard.press('Control+b')
  await alice.page.keyboard.type(' or later')
  t.is(await shown(alice.page), '**now** or later|')
  await alice.page.keyboard.press('Control+a')
  t.is(await shown(alice.page), '⟦**now** or later⟧')
})

test('an edit beside a character that begins alike, and its undo, leave whole characters', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { msg: 'hi', nick: '😁' })
  const alice = await share(t, room.page)
  const { page } = alice
  await alice.sees('hi')
  await fieldOf(page).focus()
  await page.keyboard.insertText('@😀')
  await select(page, 1, 1)
  await page.keyboard.press('Tab')
  t.is(await shown(page), '@😁 |😀')
  await page.keyboard.press('Control+z')
  t.is(await fieldOf(page).inputValue(), '@😀')
})

test('the preview follows what is typed and shows it as the message will look, and nothing hostile comes to life in it', async (t) => {
  const room = newRoom(t)
  const alice = await share(t, room.page)
  const preview = alice.page.locator('.preview')
  t.is(await preview.count(), 0)
  await toolOf(alice.page, 'preview').click()
  await fieldOf(alice.page).fill('**重要！**请看\n\n- `code`\n- ++u++ <b>x</b>')
  await preview.locator('strong', { hasText: '重要！' }).waitFor()
  const html = await preview.locator('> *').evaluateAll((nodes) => nodes.map((node) => node.outerHTML))
  await fieldOf(alice.page).press('Enter')
  await alice.sees('请看')
  t.deepEqual(await alice.page.locator('.message .text > *').evaluateAll((nodes) => nodes.map((node) => node.outerHTML)), html)
  await fieldOf(alice.page).fill(
    '<img src=x onerror="document.title=`owned`"> [a](javascript:document.title=1) ![b](https://example.org/x.png)',
  )
  await preview.filter({ hasText: 'onerror' }).waitFor()
  t.is(await preview.locator(':is(img, script, a[href^=javascript])').count(), 0)
  t.is(await alice.page.title(), `${room.name} – roomfile`)
  await toolOf(alice.page, 'preview').click()
  await preview.waitFor({ state: 'detached' })
  t.deepEqual(alice.complaints, [])
})

test('a text of nothing but spaces is not sent; Enter and the button send, Shift+Enter breaks the line; what is sent leaves the field', async (t) => {
  const room = newRoom(t)
  const alice = await share(t, room.page)
  await fieldOf(alice.page).fill('  \n ')
  await fieldOf(alice.page).press('Enter')
  await alice.page.locator('.send').click()
  t.is(await fieldOf(alice.page).inputValue(), '  \n ')
  await fieldOf(alice.page).fill('hello')
  await alice.page.locator('.send').click()
  await alice.sees('hello')
  t.is(await fieldOf(alice.page).inputValue(), '')
  await fieldOf(alice.page).pressSequentially('one')
  await fieldOf(alice.page).press('Shift+Enter')
  await fieldOf(alice.page).pressSequentially('two')
  await fieldOf(alice.page).press('Enter')
  await alice.sees('two')
  t.deepEqual(await sent(room.url, room.name), ['hello', 'one\ntwo'])
})

test('no key of an input method sends, completes, marks or walks', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { msg: 'hi', nick: 'anna' })
  await post(room.url, room.name, { msg: 'hi', nick: 'anne' })
  const li = await share(t, room.page, { locale: 'zh-CN' })
  await li.sees('hi')
  await fieldOf(li.page).pressSequentially('@an')
  await li.page.locator('.people').waitFor()
  const cdp = await li.context.newCDPSession(li.page)
  await cdp.send('Input.imeSetComposition', { text: 'n', selectionStart: 1, selectionEnd: 1 })
  for (const key of ['Enter', 'Tab', 'ArrowDown', 'ArrowUp', 'Escape']) {
    await cdp.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key, code: key, windowsVirtualKeyCode: 229 })
  }
  t.is(await fieldOf(li.page).inputValue(), '@ann')
  t.is(await li.page.locator('.people [aria-selected=true]').innerText(), 'anna')
  await cdp.send('Input.insertText', { text: '你好' })
  // Safari: the composition has ended before the keydown of its Enter, which only the key code tells.
  await fieldOf(li.page).evaluate((field) =>
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, composed: true, cancelable: true })),
  )
  // Others: the keydown comes while composing.
  await fieldOf(li.page).evaluate((field) =>
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, composed: true, cancelable: true })),
  )
  t.is(await fieldOf(li.page).inputValue(), '@an你好')
  t.deepEqual(await sent(room.url, room.name), ['hi', 'hi'])
  await fieldOf(li.page).press('Enter')
  await li.sees('@an你好')
})

test('Shift+Enter goes on with a list, numbers it, and leaves it after an empty item', async (t) => {
  const alice = await share(t, newRoom(t).page)
  await fieldOf(alice.page).focus()
  for (const line of ['1. one', 'two', '']) {
    await alice.page.keyboard.type(line)
    await alice.page.keyboard.press('Shift+Enter')
  }
  await alice.page.keyboard.type('done')
  t.is(await shown(alice.page), '1. one\n2. two\n\ndone|')
  await alice.page.keyboard.press('Enter')
  await alice.sees('done')
  t.is(await alice.page.locator('.message ol li').count(), 2)
})

test('a name is completed by Tab, which goes round, by arrows and Enter, and by a click', async (t) => {
  const room = newRoom(t)
  for (const nick of ['Anna', 'anton', 'bob']) await post(room.url, room.name, { msg: 'hi', nick })
  const alice = await share(t, room.page)
  await alice.sees('hi')
  const { page } = alice
  const people = page.locator('[role=listbox] [role=option]')
  await fieldOf(page).pressSequentially('hello @AN')
  await people.nth(1).waitFor()
  t.deepEqual(await people.allInnerTexts(), ['Anna', 'anton'])
  const active = await fieldOf(page).getAttribute('aria-activedescendant')
  t.is(await page.locator(`[id=${active}]`).innerText(), 'Anna')
  await page.keyboard.press('Tab')
  t.is(await shown(page), 'hello @Anna |')
  await page.keyboard.press('Tab')
  t.is(await shown(page), 'hello @anton |')
  await page.keyboard.press('Tab')
  t.is(await shown(page), 'hello @Anna |')
  await page.keyboard.type('and @a')
  await people.nth(1).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  t.is(await shown(page), 'hello @Anna and @anton |')
  await page.keyboard.type('你好@b')
  await people.filter({ hasText: 'bob' }).click()
  t.is(await shown(page), 'hello @Anna and @anton 你好@bob |')
  t.deepEqual(await sent(room.url, room.name), ['hi', 'hi', 'hi'])
  await page.keyboard.press('Enter')
  await alice.sees('你好@bob')
})

test('Escape closes the list of names, a mail address opens none, and Tab alone moves on', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { msg: 'hi', nick: 'anna' })
  const alice = await share(t, room.page)
  await alice.sees('hi')
  const { page } = alice
  await fieldOf(page).pressSequentially('@an')
  await page.locator('.people').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('.people').waitFor({ state: 'detached' })
  await fieldOf(page).fill('')
  await fieldOf(page).pressSequentially('me@an')
  await page.keyboard.press('Tab')
  t.is(await fieldOf(page).inputValue(), 'me@an')
  t.true(await toolOf(page, 'bold').evaluate((tool) => tool.matches(':focus')))
  await page.keyboard.press('Tab')
  t.true(await page.locator('.send').evaluate((send) => send.matches(':focus')))
})

test('one name completed, Tab goes on to the tools', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { msg: 'hi', nick: 'anna' })
  const alice = await share(t, room.page)
  await alice.sees('hi')
  await fieldOf(alice.page).pressSequentially('@')
  await alice.page.keyboard.press('Tab')
  t.is(await shown(alice.page), '@anna |')
  await alice.page.keyboard.press('Tab')
  t.true(await toolOf(alice.page, 'bold').evaluate((tool) => tool.matches(':focus')))
})

test('Up in an empty field brings back what was sent here, and Down goes forward again', async (t) => {
  const room = newRoom(t)
  const alice = await share(t, room.page)
  for (const text of ['first', 'second\nline', 'third']) {
    await alice.say(text)
    await alice.sees(text.split('\n')[0] ?? '')
  }
  await alice.page.reload()
  await alice.sees('third')
  const { page } = alice
  await fieldOf(page).focus()
  const walk: string[] = []
  for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowDown', 'ArrowDown', 'ArrowDown']) {
    await page.keyboard.press(key)
    walk.push(await shown(page))
  }
  t.deepEqual(walk, ['third|', 'second\nline|', 'first|', 'first|', 'second\nline|', 'third|', '|'])
  await page.keyboard.type('mine')
  await page.keyboard.press('ArrowUp')
  t.is(await shown(page), '|mine')
  await page.goto(`${room.page}-other`)
  await page.locator('.state.connected').waitFor()
  await fieldOf(page).press('ArrowUp')
  t.is(await shown(page), '|')
})

test('what was begun is there after a reload, in its room, until it is sent', async (t) => {
  const room = newRoom(t)
  const alice = await share(t, room.page)
  const { page } = alice
  await fieldOf(page).pressSequentially('half a sen')
  await toolOf(page, 'list').click()
  await page.goto(`${room.page}-other`)
  await page.locator('.state.connected').waitFor()
  t.is(await fieldOf(page).inputValue(), '')
  await fieldOf(page).fill('in other')
  await page.goto(room.page)
  await page.locator('.state.connected').waitFor()
  t.is(await fieldOf(page).inputValue(), '- half a sen')
  await page.locator('chat-room').evaluate((element: HTMLElement & { room: string }, name) => (element.room = name), `${room.name}-other`)
  await page.waitForFunction(() => document.querySelector('chat-room')?.shadowRoot?.querySelector('chat-composer')?.room.endsWith('-other'))
  t.is(await fieldOf(page).inputValue(), 'in other')
  await fieldOf(page).press('Enter')
  await alice.sees('in other')
  await page.goto(`${room.page}-other`)
  await alice.sees('in other')
  t.is(await fieldOf(page).inputValue(), '')
})

test('a text that was refused is there again, above what was written since', async (t) => {
  const { page } = await share(t, newRoom(t).page)
  await fieldOf(page).fill('since')
  await composerOf(page).evaluate((composer: ChatComposer) => composer.restore('refused'))
  t.is(await fieldOf(page).inputValue(), 'refused\n\nsince')
})

test('a quoted message stands above the reply, and undo takes it away', async (t) => {
  const alice = await share(t, newRoom(t).page)
  const { page } = alice
  await composerOf(page).evaluate((composer: ChatComposer) => composer.quote('one\n\ntwo'))
  t.is(await shown(page), '> one\n>\n> two\n\n|')
  await page.keyboard.press('Control+z')
  t.is(await fieldOf(page).inputValue(), '')
  await page.keyboard.press('Control+Shift+z')
  await page.keyboard.type('yes')
  await page.keyboard.press('Enter')
  await alice.sees('yes')
  t.is(await page.locator('.message blockquote').innerText(), 'one\n\ntwo')
})

test('an address pasted over a word makes it a link, and rich text comes as plain text', async (t) => {
  const server = await serve(t)
  const alice = await visit(t, server.url)
  const { page } = alice
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url })
  const copy = (plain: string, html: string): Promise<void> =>
    page.evaluate(
      async ([text, rich]) => {
        const types = { 'text/plain': new Blob([text], { type: 'text/plain' }), 'text/html': new Blob([rich], { type: 'text/html' }) }
        await navigator.clipboard.write([new ClipboardItem(types)])
      },
      [plain, html] as const,
    )
  await copy('https://a.b/c_(d)', '<a href="https://a.b/c_(d)">somewhere</a>')
  await write(alice, 'see this page', 'this')
  await page.keyboard.press('Control+v')
  t.is(await shown(page), 'see [this](https://a.b/c_%28d%29)| page')
  await page.keyboard.press('Control+z')
  t.is(await fieldOf(page).inputValue(), 'see this page')
  await write(alice, 'see ')
  await page.keyboard.press('Control+v')
  t.is(await shown(page), 'see https://a.b/c_(d)|')
  await copy('bold text', '<b style="font-size:40px">bold</b> <script>1</script>text')
  await write(alice, 'a b', 'b')
  await page.keyboard.press('Control+v')
  t.is(await shown(page), 'a bold text|')
})

test('the tools are one stop for Tab, and arrows go among them', async (t) => {
  const { page } = await share(t, newRoom(t).page)
  const focused = (): Promise<string | null> => page.locator('[data-tool]:focus').getAttribute('data-tool')
  t.is(await page.locator('[role=toolbar] [tabindex="0"]').count(), 1)
  await fieldOf(page).focus()
  await page.keyboard.press('Tab')
  t.is(await focused(), 'bold')
  await page.keyboard.press('ArrowRight')
  t.is(await focused(), 'italic')
  await page.keyboard.press('End')
  t.is(await focused(), 'preview')
  await page.keyboard.press('ArrowRight')
  t.is(await focused(), 'bold')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Tab')
  t.is(await focused(), 'preview')
  await page.keyboard.press('Space')
  await page.locator('.preview').waitFor()
})

test('the field grows with its text, up to a part of the window', async (t) => {
  const { page } = await share(t, newRoom(t).page)
  const height = async (): Promise<number> => (await fieldOf(page).boundingBox())?.height ?? 0
  const one = await height()
  await fieldOf(page).fill('a\nb\nc')
  const three = await height()
  t.true(three > one * 1.8, `${one} and ${three}`)
  await fieldOf(page).fill('a\n'.repeat(200))
  t.is(Math.round(await height()), Math.round((page.viewportSize()?.height ?? 0) * 0.4))
  await fieldOf(page).fill('')
  t.is(await height(), one)
})

test('on a phone the formats fold away, and every target is large enough', async (t) => {
  const room = newRoom(t)
  const { page } = await share(t, room.page, { viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true })
  t.false(await toolOf(page, 'bold').isVisible())
  await page.locator('.unfold').tap()
  await toolOf(page, 'quote').waitFor()
  for (const target of await composerOf(page).locator('button').all()) {
    const box = await target.boundingBox()
    t.true(box !== null && box.width >= 24 && box.height >= 24 && box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box))
  }
  t.is(await page.evaluate(() => document.documentElement.scrollWidth), 390)
  t.is(await page.locator('[role=toolbar] [tabindex="0"]').count(), 1)
  await fieldOf(page).fill('word')
  await fieldOf(page).focus()
  await select(page, 0, 4)
  await fieldOf(page).evaluate((field) => field.addEventListener('blur', () => field.classList.add('was-left'))) // a keyboard would fold
  await toolOf(page, 'bold').tap()
  t.is(await shown(page), '**⟦word⟧**')
  await page.locator('.send').tap()
  await page.locator('.message').waitFor()
  t.true(await fieldOf(page).evaluate((field) => field.matches(':focus:not(.was-left)')))
})

/** The picker shows what the system has in colour, and this one may have nothing; a browser that hides its canvas is shown all. */
const withoutCanvas = (): void => {
  HTMLCanvasElement.prototype.getContext = () => {
    throw new Error('blocked')
  }
}

test('the emoji come when they are asked for, from this server, and go where the cursor was', async (t) => {
  const server = await serve(t)
  const alice = await open(t, 'about:blank')
  const { page } = alice
  await page.addInitScript(withoutCanvas)
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.goto(server.url)
  await page.locator('.state.connected').waitFor()
  t.deepEqual(
    asked.filter((url) => /picker|data-|zh_CN/.test(url)),
    [],
  )
  await write(alice, 'so good', 'good')
  await toolOf(page, 'emoji').click()
  await page.locator('emoji-picker [role=menuitem]').first().waitFor()
  t.true(asked.some((url) => url.includes('/assets/picker-')) && asked.some((url) => url.includes('/assets/data-')))
  t.deepEqual(
    asked.filter((url) => !url.startsWith(server.url)),
    [],
  )
  await page.keyboard.type('grinning')
  await page.locator('emoji-picker [role=option]', { hasText: '😀' }).click()
  await page.locator('.emoji-panel').waitFor({ state: 'hidden' })
  t.is(await shown(page), 'so 😀|')
  await toolOf(page, 'emoji').click()
  await page.locator('emoji-picker').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('.emoji-panel').waitFor({ state: 'hidden' })
  t.true(await fieldOf(page).evaluate((field) => field.matches(':focus')))
  await toolOf(page, 'emoji').click()
  await page.locator('emoji-picker').waitFor()
  await page.locator('.log').click()
  await page.locator('.emoji-panel').waitFor({ state: 'hidden' })
  t.deepEqual(alice.complaints, [])
})

test('on a phone the emoji come in place of the names, and leave the cursor where it was', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { nick: 'bob', msg: 'hi' })
  const { page } = await share(t, room.page, { viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true })
  await page.locator('.message').waitFor()
  await fieldOf(page).pressSequentially('@b')
  await page.locator('.people').waitFor()
  await toolOf(page, 'emoji').tap()
  await page.locator('emoji-picker').waitFor()
  await page.locator('.people').waitFor({ state: 'detached' })
  t.true(await fieldOf(page).evaluate((field) => field.matches(':focus')))
})

test('emoji that could not be fetched say so, and come at the next try', async (t) => {
  const server = await serve(t)
  const { page } = await visit(t, server.url)
  await page.route('**/assets/picker-*', (route) => route.abort(), { times: 1 })
  await toolOf(page, 'emoji').click()
  t.regex(await page.locator('.emoji-panel[role=alert]').innerText(), /could not be loaded/)
  await toolOf(page, 'emoji').click()
  await page.locator('emoji-picker').waitFor()
})

test('the emoji speak Chinese, and find what they are called in it, under a policy with trusted types', async (t) => {
  const server = await serve(t)
  t.regex((await fetch(server.url)).headers.get('content-security-policy') ?? '', /style-src 'self';.*require-trusted-types-for 'script'/)
  const li = await open(t, 'about:blank', { locale: 'zh-CN' })
  const { page } = li
  await page.addInitScript(withoutCanvas)
  await page.goto(server.url)
  await page.locator('.state.connected').waitFor()
  await toolOf(page, 'emoji').click()
  await page.locator('emoji-picker [role=menuitem]').first().waitFor()
  t.is(await page.locator('emoji-picker input[type=search]').getAttribute('placeholder'), '搜索')
  await page.locator('emoji-picker input[type=search]').fill('嘿嘿')
  await page.locator('emoji-picker [role=option]', { hasText: '😀' }).click()
  await page.locator('.emoji-panel').waitFor({ state: 'hidden' })
  t.is(await shown(page), '😀|')
  t.deepEqual(li.complaints, [])
})

test('where a browser knows no editing command the tools work all the same', async (t) => {
  const server = await serve(t)
  const alice = await visit(t, server.url)
  await alice.page.evaluate(() => (document.execCommand = () => false))
  await write(alice, 'one two', 'two')
  await alice.page.keyboard.press('Control+b')
  t.is(await shown(alice.page), 'one **⟦two⟧**')
  await alice.page.keyboard.press('Enter')
  await alice.sees('one two')
  t.deepEqual(await sent(server.url), ['one **two**'])
})
