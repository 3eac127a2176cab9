/** An hour of bad luck in a minute: two people talk on the page while the server is killed and started again, and again. */
import { readFile } from 'node:fs/promises'
import { withBrowser } from '../helpers/browser.ts'
import { messagesIn } from '../helpers/chat.ts'
import { until } from '../helpers/page.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)

const CUTS = 20
const OPTIONS = { backlog: 1000 }

const open = withBrowser()

test(`two pages talk while the server is killed and started ${CUTS} times: both end with what the file says, each message once`, async (t) => {
  let server = await serve(t, OPTIONS)
  const { directory, url } = server
  const people = [await open(t, url), await open(t, url)]
  const said: string[] = []
  for (let cut = 0; cut < CUTS; cut++) {
    for (const [n, person] of people.entries()) {
      const text = `${n} before cut ${cut}`
      said.push(text)
      await person.say(text)
    }
    await server.stop('SIGKILL')
    for (const [n, person] of people.entries()) {
      const text = `${n} in cut ${cut}`
      said.push(text)
      await person.say(text)
    }
    server = await serve(t, [...OPTIONS, '-p', new URL(url).port], directory)
    if (cut % 5 === 4) await people[cut % 2]?.page.reload()
  }
  const inFile = async (): Promise<string[]> => messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ msg }) => msg)
  await until(async () => (await inFile()).length >= said.length)
  const texts = await inFile()
  t.deepEqual(texts.toSorted(), said.toSorted())
  for (const [n, person] of people.entries()) {
    // Not what is painted: messages far from the window are not.
    const shown = async (): Promise<string[]> => (await person.page.locator('.message .text').allTextContents()).map((text) => text.trim())
    await until(async () => (await shown()).length >= texts.length)
    t.deepEqual(await shown(), texts)
    const own = (text: string): boolean => text.startsWith(`${n} `)
    t.deepEqual(texts.filter(own), said.filter(own))
  }
})
