/** Who is here, who is typing, one's own name, and the rooms. */
import { readFile, writeFile } from 'node:fs/promises'
import { withBrowser, withRooms, withSharedPages, type Person } from '../helpers/browser.ts'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { firstInSight, lines, scrollBy, standsAt, topOf, writeRoom } from '../helpers/page.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()
const share = withSharedPages()
const newRoom = withRooms()

async function call(person: Person, name: string): Promise<void> {
  await person.page.getByRole('textbox', { name: 'Your name' }).fill(name)
  await person.page.keyboard.press('Enter')
}

const people = ({ page }: Person) => page.getByRole('complementary', { name: 'People' })

test('who takes a name is seen by all, and who gives it up is gone; the room has it in its file', async (t) => {
  const room = newRoom(t)
  const [alice, bob] = [await share(t, room.page), await share(t, room.page)]
  await people(bob).getByText('Nobody with a name is here.').waitFor()
  await call(alice, 'alice')
  await people(bob).getByText('alice').waitFor()
  await people(bob).getByText('1 person here').waitFor()
  await people(alice).getByText('you').waitFor()
  await bob.page.getByText('alice came in').waitFor()
  await call(alice, 'alicia')
  await people(bob).getByText('alicia').waitFor()
  await people(bob).getByText('1 person here').waitFor()
  await call(alice, '')
  await people(bob).getByText('Nobody with a name is here.').waitFor()
  await bob.page.getByText('alice, alicia came and left').waitFor()
  const moves = messagesIn(await readFile(room.file(room.name), 'utf8')).map(({ type, nick }) => `${nick}: ${type}`)
  for (const nick of ['alice', 'alicia']) {
    t.deepEqual(
      moves.filter((move) => move.startsWith(`${nick}:`)),
      [`${nick}: join`, `${nick}: part`],
    )
  }
})

test('a name that is taken is asked for again, in place, in words', async (t) => {
  const room = newRoom(t)
  const [alice, bob] = [await share(t, room.page), await share(t, room.page)]
  await call(alice, 'ann')
  await people(bob).getByText('ann').waitFor()
  await call(bob, 'ann')
  const field = bob.page.getByRole('textbox', { name: 'Your name' })
  await bob.page.getByText('Somebody with this name is here already. Choose another one.').waitFor()
  t.is(await field.getAttribute('aria-invalid'), 'true')
  await call(bob, 'bob')
  await people(alice).getByText('bob').waitFor()
  t.is(await field.getAttribute('aria-invalid'), 'false')
  await bob.say('hello')
  await alice.sees('hello')
  t.is(await alice.page.locator('.log .nick').last().textContent(), 'bob')
})

test('the name is kept over a reload, and whoever reloads has not left', async (t) => {
  const room = newRoom(t)
  const alice = await share(t, room.page)
  await call(alice, 'alice')
  await people(alice).getByText('alice').waitFor()
  await alice.page.reload()
  await people(alice).getByText('you').waitFor()
  t.is(await alice.page.getByRole('textbox', { name: 'Your name' }).inputValue(), 'alice')
  const moves = messagesIn(await readFile(room.file(room.name), 'utf8')).map(({ type }) => type)
  t.deepEqual(moves, ['join'])
})

test('others see that somebody is typing, and who, but not oneself', async (t) => {
  const server = await serve(t, { times: { typing: 600_000 } }) // all of them type until the end
  const [alice, bob] = [await visit(t, server.url), await visit(t, server.url)]
  await call(alice, 'alice')
  await people(alice).getByText('you').waitFor()
  await alice.page.getByRole('textbox', { name: 'Message' }).pressSequentially('well')
  await bob.page.getByText('alice is typing…').waitFor()
  const session = async (nick: string): Promise<string> => {
    const answer = await send(`${server.url}/rooms/lobby/sessions`, {
      body: `nick=${nick}`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    })
    return (JSON.parse(answer.text) as { id: string }).id
  }
  const type = async (nick: string): Promise<void> => {
    await send(`${server.url}/rooms/lobby/typing`, {
      body: `session=${await session(nick)}`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    })
  }
  await type('carol')
  await alice.page.getByText('carol is typing…').waitFor()
  await type('dave')
  await alice.page.getByText('carol and dave are typing…').waitFor()
  await alice.page.getByRole('textbox', { name: 'Message' }).pressSequentially(' then')
  await bob.page.getByText('Several people are typing…').waitFor()
  t.is(await alice.page.getByText('alice and').count(), 0)
})

test('rooms are listed, the liveliest first, with what is unread in those one has been to', async (t) => {
  const server = await serve(t)
  await post(server.url, 'ops', { msg: 'quiet' })
  await post(server.url, '开发', { msg: 'first' })
  const { page, sees } = await visit(t, server.url)
  const rooms = page.getByRole('navigation', { name: 'Rooms' })
  await rooms.getByRole('link', { name: '开发' }).click()
  await sees('first')
  await rooms.getByRole('link', { name: 'lobby' }).click()
  await page.locator('h1', { hasText: 'lobby' }).waitFor()
  await post(server.url, '开发', { msg: 'second' })
  await post(server.url, '开发', { msg: 'third' })
  await post(server.url, 'ops', { msg: 'nobody here has been there' })
  await rooms.getByRole('link', { name: '开发 2 unread messages' }).waitFor()
  t.is(await rooms.getByRole('link', { name: 'ops', exact: true }).count(), 1)
  await until(async () => (await rooms.getByRole('link').allInnerTexts())[0]?.startsWith('开发') === true)
  await rooms.getByRole('link', { name: '开发 2 unread messages' }).click()
  await sees('third')
  await page.getByText('New since you were here').waitFor()
  await rooms.getByRole('link', { name: '开发', exact: true }).waitFor()
})

test('a room is made by typing its name, and what is no name is refused in words', async (t) => {
  const server = await serve(t)
  const { page, say, sees } = await visit(t, server.url, { locale: 'zh-CN' })
  const field = page.getByRole('navigation').getByRole('textbox', { name: '进入房间' })
  await field.fill('../etc')
  await field.press('Enter')
  await page.getByRole('alert').filter({ hasText: '房间名须为' }).waitFor()
  await field.fill('Cafe\u0301')
  await field.press('Enter')
  await page.locator('h1', { hasText: 'Caf\u00e9' }).waitFor()
  t.is(new URL(page.url()).searchParams.get('room'), 'Caf\u00e9')
  await say('first')
  await sees('first')
  await page.locator('.message[data-id]').waitFor()
  t.regex(await readFile(server.file('Caf\u00e9'), 'utf8'), /first/)
})

test('going from room to room loads no page, and keeps the place and the draft of each', async (t) => {
  const server = await serve(t)
  await writeRoom(server, 'lobby', lines(120))
  await writeRoom(server, 'dev', lines(5, 'bob'))
  const { page, sees } = await visit(t, `${server.url}/?room=lobby`)
  await sees('line 120')
  await until(async () => (await page.locator('.message').count()) === 120)
  await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }))
  await page.getByRole('textbox', { name: 'Message' }).fill('half a thought')
  await scrollBy(page, -1200)
  const row = await firstInSight(page)
  const before = await topOf(row)
  await page.getByRole('link', { name: 'dev' }).click()
  await page.locator('h1', { hasText: 'dev' }).waitFor()
  await until(async () => (await page.locator('.message').count()) === 5)
  t.is(await page.getByRole('textbox', { name: 'Message' }).inputValue(), '')
  await page.goBack()
  await page.locator('h1', { hasText: 'lobby' }).waitFor()
  await until(async () => (await page.locator('.message').count()) === 120)
  await standsAt(row, before)
  t.is(await page.getByRole('textbox', { name: 'Message' }).inputValue(), 'half a thought')
  t.true(await page.evaluate(() => 'isSamePage' in globalThis))
})

test('a name that is none is refused in English as well', async (t) => {
  const room = newRoom(t)
  const { page } = await share(t, room.page)
  const field = page.getByRole('textbox', { name: 'Go to a room' })
  await field.fill('a.b')
  await field.press('Enter')
  await page.getByText('A room is named by 1 to 64 letters, digits, _ or -.').waitFor()
  await page.goto(`${room.url}/?room=a.b`)
  await page.getByText('This room cannot be followed.').waitFor()
  t.is(await field.getAttribute('aria-invalid'), 'false')
})

test('what was said goes, although one went to another room at once', async (t) => {
  const server = await serve(t)
  await post(server.url, 'ops', { msg: 'hi' })
  const { page, say, sees } = await visit(t, server.url)
  const held: (() => void)[] = []
  await page.route('**/rooms/lobby', async (route) => {
    await new Promise<void>((resolve) => held.push(resolve))
    await route.continue()
  })
  await say('a last word')
  await until(async () => held.length > 0)
  await page.getByRole('link', { name: 'ops' }).click()
  await sees('hi')
  held[0]?.()
  await until(async () => (await poll(server.url, 'lobby')).messages.length > 0)
  t.deepEqual(
    (await poll(server.url, 'lobby')).messages.map(({ msg }) => msg),
    ['a last word'],
  )
  t.deepEqual(
    await page
      .locator('.message')
      .allInnerTexts()
      .then((texts) => texts.filter((text) => text.includes('word'))),
    [],
  )
})

test('on a phone the rooms and the people are behind buttons, which Escape closes and gives the focus back', async (t) => {
  const server = await serve(t)
  await post(server.url, 'ops', { msg: 'hi' })
  const { page, sees } = await visit(t, server.url, { viewport: { width: 390, height: 844 }, hasTouch: true })
  t.false(await page.getByRole('navigation').isVisible())
  const button = page.getByRole('button', { name: 'Rooms' })
  await button.press('Enter')
  await page.getByRole('dialog', { name: 'Rooms' }).getByRole('link', { name: 'ops' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog', { name: 'Rooms' }).waitFor({ state: 'hidden' })
  t.true(await button.evaluate((element) => element.matches(':focus')))
  await button.tap()
  await page.getByRole('dialog', { name: 'Rooms' }).getByRole('link', { name: 'ops' }).tap()
  await sees('hi')
  await page.getByRole('dialog', { name: 'Rooms' }).waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: '0 people here' }).tap()
  await page.getByRole('dialog', { name: 'People' }).getByText('Nobody with a name is here.').waitFor()
})

test('a nick with an override of direction is isolated, in its message and in the line of who came', async (t) => {
  const room = newRoom(t)
  await writeFile(room.file(room.name), '{"type":"join","nick":"eve\u202e","msg":""}\n{"nick":"ann\u202e","msg":"said"}\n')
  const { page, sees } = await share(t, room.page)
  await sees('said')
  const nick = page.locator('.message .nick')
  t.is(await nick.textContent(), 'ann\u202e')
  t.is(await nick.evaluate((element) => getComputedStyle(element).unicodeBidi), 'isolate')
  t.regex((await page.locator('.presence').textContent()) ?? '', /\u2068eve\u202e\u2069 came in/)
})
