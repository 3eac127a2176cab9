/** People with the page open: they talk to each other, to scripts and to the file. */
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { withBrowser, withRooms, withSharedPages } from '../helpers/browser.ts'
import { messagesIn, post } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()
const share = withSharedPages()
const newRoom = withRooms()

test('two pages talk, and the file shows the conversation', async (t) => {
  const room = newRoom(t)
  const alice = await share(t, room.page)
  const bob = await share(t, room.page)
  await alice.page.locator('input.name').fill('alice')
  await alice.say('hello **bob**')
  await bob.sees('hello bob')
  await bob.say('你好')
  await alice.sees('你好')
  t.deepEqual(await alice.shown(), ['hello bob', '你好'])
  t.deepEqual(await bob.shown(), ['hello bob', '你好'])
  t.is(await bob.page.locator('.message strong').textContent(), 'bob')
  const inFile = messagesIn(await readFile(room.file(room.name), 'utf8'))
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
  const room = newRoom(t)
  const alice = await share(t, room.page)
  const bob = await share(t, room.page)
  await appendFile(room.file(room.name), 'hello from a shell\n')
  await Promise.all([alice.sees('hello from a shell'), bob.sees('hello from a shell')])
  await post(room.url, room.name, { msg: 'backup done', nick: 'cron' })
  await Promise.all([alice.sees('backup done'), bob.sees('backup done')])
  t.is(await alice.page.locator('.nick').last().textContent(), 'cron')
})

test('a line that is taken out of the file goes from the page, which says that the room was edited', async (t) => {
  const room = newRoom(t)
  await post(room.url, room.name, { msg: 'keep' })
  await post(room.url, room.name, { msg: 'remove me' })
  const alice = await share(t, room.page)
  await alice.sees('remove me')
  const text = await readFile(room.file(room.name), 'utf8')
  await writeFile(room.file(room.name), text.replace(/.*remove me.*\n/, ''))
  await alice.page.getByRole('status').filter({ hasText: 'The room was edited.' }).waitFor()
  t.deepEqual(await alice.shown(), ['keep'])
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
