/** A nick that turns the direction of writing, put into the file by hand: it turns nothing beside it. */
import { writeFile } from 'node:fs/promises'
import { withBrowser } from '../helpers/browser.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'
import { serve } from '../helpers/serve.ts'

const test = needing(CHROMIUM)
const visit = withBrowser()

test('a nick with an override of direction is isolated, in its message and in the line of who came', async (t) => {
  const server = await serve(t)
  await writeFile(server.file('lobby'), '{"type":"join","nick":"eve\u202e","msg":""}\n{"nick":"ann\u202e","msg":"said"}\n')
  const { page, sees } = await visit(t, server.url)
  await sees('said')
  const nick = page.locator('.message .nick')
  t.is(await nick.textContent(), 'ann\u202e')
  t.is(await nick.evaluate((element) => getComputedStyle(element).unicodeBidi), 'isolate')
  t.regex((await page.locator('.presence').textContent()) ?? '', /\u2068eve\u202e\u2069 came in/)
})
