/** The page that asks for the token. */
import { objections } from '../helpers/axe.ts'
import { withPages } from '../helpers/browser.ts'
import { serve } from '../helpers/serve.ts'
import { needing } from '../helpers/needing.ts'
import { CHROMIUM } from '../helpers/programs.ts'

const test = needing(CHROMIUM)
const open = withPages()

for (const colorScheme of ['light', 'dark'] as const) {
  test(`whoever has no token is asked for it, is told that it is wrong, and comes in with the right one; axe does not object: ${colorScheme}`, async (t) => {
    const server = await serve(t, { token: 'open sesame' })
    const { page, complaints } = await open(t, server.url, { colorScheme })
    t.deepEqual(await objections(page), [])
    await page.keyboard.type('open says me') // the field has the focus
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'That is not the token.' }).waitFor()
    t.deepEqual(await objections(page), [])
    await page.getByLabel('Token').fill('open sesame')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('.state.connected').waitFor()
    t.is(page.url(), `${server.url}/`)
    t.deepEqual(
      complaints.filter((complaint) => !/status of 40[13]/.test(complaint)),
      [],
    )
  })
}

test('whoever was wrong too often is told to wait, on the same page', async (t) => {
  const server = await serve(t, { token: 'open sesame' })
  const { page } = await open(t, server.url)
  for (let n = 1; n <= 11; n++) {
    await page.getByLabel('Token').fill(`wrong ${n}`)
    const answer = page.waitForResponse(`${server.url}/sign-in`)
    await page.getByRole('button', { name: 'Sign in' }).click()
    t.is((await answer).status(), n <= 10 ? 403 : 429)
  }
  await page.getByRole('alert').filter({ hasText: 'Wait a minute' }).waitFor()
  await page.goto(`${server.url}/sign-in`)
  await page.getByLabel('Token').waitFor()
})
