/** An hour of bad luck in a moment: two people talk on the page while the server is killed and started again, and again. */
import { readFile } from 'node:fs/promises'
import { sized } from '../helpers/attack.ts'
import { textsOf, withBrowser } from '../helpers/browser.ts'
import { messagesIn } from '../helpers/chat.ts'
import { serveProcess } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { until } from '../helpers/until.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()

const CUTS = sized(2, 20)

test(`two people talk while the server is killed and started ${CUTS} times: both end with what the file says, each message once`, async (t) => {
  let server = await serveProcess(t, ['--backlog', '1000'])
  const { directory, url } = server
  const people = [await visit(t, url), await visit(t, url)]
  const said: string[] = []
  for (const [n, { page }] of people.entries()) {
    await page.getByRole('textbox', { name: 'Your name' }).fill(`p${n}`)
    await page.keyboard.press('Enter')
    await page.getByRole('complementary').getByText('you').waitFor()
  }
  for (let cut = 0; cut < CUTS; cut++) {
    for (const [n, { say }] of people.entries()) {
      const words = [`${n} before cut ${cut}`, `${n} at cut ${cut}`]
      said.push(...words)
      for (const text of words) await say(text)
    }
    await server.stop('SIGKILL')
    for (const [n, { say }] of people.entries()) {
      const text = `${n} in cut ${cut}`
      said.push(text)
      await say(text)
    }
    server = await serveProcess(t, ['--backlog', '1000', '-p', new URL(url).port], directory)
    if (cut % 4 < 2) await people[cut % 2]?.page.reload()
  }
  const inFile = async (): Promise<string[]> =>
    messagesIn(await readFile(server.file('lobby'), 'utf8')).flatMap(({ type, msg }) => (type === 'msg' ? [msg] : []))
  await until(async () => (await inFile()).length >= said.length)
  const texts = await inFile()
  t.deepEqual(texts.toSorted(), said.toSorted())
  for (const [n, { page }] of people.entries()) {
    await page
      .locator('.message[data-id]')
      .nth(texts.length - 1)
      .waitFor({ state: 'attached' })
    t.deepEqual(await textsOf(page.locator('.message .text')), texts)
    const own = (text: string): boolean => text.startsWith(`${n} `)
    t.deepEqual(texts.filter(own), said.filter(own))
  }
})
