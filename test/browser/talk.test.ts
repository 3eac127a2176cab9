/** People with the page open: they talk to each other, to scripts and to the file. */
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { withBrowser } from '../helpers/browser.ts'
import { messagesIn, poll, post } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()

test('two pages talk, and the file shows the conversation', async (t) => {
  const server = await serve(t)
  const alice = await visit(t, server.url)
  const bob = await visit(t, server.url)
  await alice.page.locator('input.name').fill('alice')
  await alice.say('hello **bob**')
  await bob.sees('hello bob')
  await bob.say('你好')
  await alice.sees('你好')
  t.deepEqual(await alice.shown(), ['hello bob', '你好'])
  t.deepEqual(await bob.shown(), ['hello bob', '你好'])
  t.is(await bob.page.locator('.message strong').textContent(), 'bob')
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.deepEqual(
    inFile.map(({ type, nick, msg }) => [type, nick, msg]),
    [
      ['join', 'alice', ''],
      ['msg', 'alice', 'hello **bob**'],
      ['msg', '', '你好'],
    ],
  )
  t.deepEqual([...alice.complaints, ...bob.complaints], [])
})

test('an echo into the file and a post by a script appear in both pages', async (t) => {
  const server = await serve(t)
  const alice = await visit(t, server.url)
  const bob = await visit(t, server.url)
  await appendFile(server.file('lobby'), 'hello from a shell\n')
  await Promise.all([alice.sees('hello from a shell'), bob.sees('hello from a shell')])
  await post(server.url, 'lobby', { msg: 'backup done', nick: 'cron' })
  await Promise.all([alice.sees('backup done'), bob.sees('backup done')])
  t.is(await alice.page.locator('.nick').last().textContent(), 'cron')
})

test('a line that is taken out of the file goes from the page, which says that the room was edited', async (t) => {
  const server = await serve(t)
  await post(server.url, 'lobby', { msg: 'keep' })
  await post(server.url, 'lobby', { msg: 'remove me' })
  const alice = await visit(t, server.url)
  await alice.sees('remove me')
  const text = await readFile(server.file('lobby'), 'utf8')
  await writeFile(server.file('lobby'), text.replace(/.*remove me.*\n/, ''))
  await alice.page.getByRole('status').filter({ hasText: 'The room was edited.' }).waitFor()
  t.deepEqual(await alice.shown(), ['keep'])
})

const hostile = [
  '<script>document.title = "owned"</script>',
  '<img src=x onerror="document.title = `owned`">',
  '[click](javascript:document.title="owned")',
  '![x](https://example.org/x.png)',
  '"onmouseover="document.title=`owned`',
  '</textarea><svg onload=document.title="owned">',
  '\u2028<iframe srcdoc="<script>parent.document.title=1</script>">',
]

test('a hostile message stays text, whoever sends it', async (t) => {
  const server = await serve(t)
  const alice = await visit(t, server.url)
  for (const msg of hostile) await post(server.url, 'lobby', { msg, nick: '<b>mallory</b>' })
  await appendFile(server.file('lobby'), '<script>document.title = "owned"</script> by hand\n')
  await alice.sees('by hand')
  t.is(await alice.page.title(), 'lobby – roomfile')
  t.is(await alice.page.locator('.log :is(script, img, svg, iframe, b)').count(), 0)
  t.is(await alice.page.locator('.log a[href^="javascript"]').count(), 0)
  t.is((await alice.shown())[0], hostile[0])
  t.is(await alice.page.locator('.nick').first().textContent(), '<b>mallory</b>')
  t.deepEqual(alice.complaints, [])
})

test('Shift+Enter breaks the line, and Enter sends', async (t) => {
  const server = await serve(t)
  const alice = await visit(t, server.url)
  const field = alice.page.locator('textarea')
  await field.pressSequentially('one')
  await field.press('Shift+Enter')
  await field.pressSequentially('two')
  await field.press('Enter')
  await alice.sees('two')
  t.deepEqual(
    (await poll(server.url, 'lobby')).messages.map(({ msg }) => msg),
    ['one\ntwo'],
  )
  t.is(await field.inputValue(), '')
})

test('Enter during Chinese input ends the composition and sends nothing', async (t) => {
  const server = await serve(t)
  const alice = await visit(t, server.url)
  const field = alice.page.locator('textarea')
  await field.focus()
  const cdp = await alice.context.newCDPSession(alice.page)
  await cdp.send('Input.imeSetComposition', { text: 'nihao', selectionStart: 5, selectionEnd: 5 })
  // What a browser sends for the Enter that an input method takes: key code 229.
  await cdp.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 })
  await cdp.send('Input.insertText', { text: '你好' })
  t.is(await field.inputValue(), '你好')
  t.is((await poll(server.url, 'lobby')).messages.length, 0)
  await field.press('Enter')
  await alice.sees('你好')
  t.deepEqual(
    (await poll(server.url, 'lobby')).messages.map(({ msg }) => msg),
    ['你好'],
  )
})

test('a page whose server goes away says so, and goes on when it is back', async (t) => {
  const first = await serve(t)
  const alice = await visit(t, first.url)
  await alice.say('before')
  await alice.page.locator('.message[data-id]', { hasText: 'before' }).waitFor()
  await first.stop('SIGKILL')
  await alice.page.locator('.notice .retry').waitFor()
  const second = await serve(t, { port: Number(new URL(first.url).port) }, first.directory)
  await post(second.url, 'lobby', { msg: 'meanwhile' })
  await alice.sees('meanwhile')
  await alice.page.locator('.state.connected').waitFor()
  t.deepEqual(await alice.shown(), ['before', 'meanwhile'])
})

test('a text that is refused stays on the page with the reason, and can be taken back into the field', async (t) => {
  const server = await serve(t, { maxMessage: 1024 })
  const alice = await visit(t, server.url)
  await alice.say('x'.repeat(2000))
  await alice.page
    .getByRole('alert')
    .filter({ hasText: /2000 bytes; 1024/ })
    .waitFor()
  t.is(await alice.page.locator('textarea').inputValue(), '')
  await alice.page.getByRole('button', { name: 'Edit' }).click()
  t.is((await alice.page.locator('textarea').inputValue()).length, 2000)
  t.deepEqual(await alice.shown(), [])
})

test('the name is remembered, and another room has its own address', async (t) => {
  const server = await serve(t)
  await post(server.url, '开发', { msg: 'in dev' })
  const alice = await visit(t, server.url)
  await alice.page.locator('input.name').fill('alice')
  await alice.page.locator('input.name').press('Tab')
  await alice.page.locator('nav a', { hasText: '开发' }).click()
  await alice.sees('in dev')
  t.is(await alice.page.locator('h1').innerText(), '开发')
  t.is(await alice.page.locator('input.name').inputValue(), 'alice')
})

test('a Chinese browser gets a Chinese page', async (t) => {
  const server = await serve(t)
  const li = await visit(t, server.url, { locale: 'zh-CN' })
  t.is(await li.page.title(), 'lobby – 聊天室')
  t.is(await li.page.locator('.send').innerText(), '发送')
  t.is(await li.page.locator('html').getAttribute('lang'), 'zh-CN')
})

test('the page is asked for each time, what it loads is kept for good', async (t) => {
  const server = await serve(t)
  const page = await fetch(`${server.url}/`)
  t.is(page.headers.get('cache-control'), 'no-cache')
  t.regex(page.headers.get('content-security-policy') ?? '', /default-src 'none'.*script-src 'self'/)
  t.notRegex(page.headers.get('content-security-policy') ?? '', /unsafe/)
  const [, script = ''] = /src="(assets\/main-[^"]+\.js)"/.exec(await page.text()) ?? []
  const asset = await fetch(`${server.url}/${script}`)
  t.is(asset.status, 200)
  t.is(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable')
})
