/** What axe has to object to on a page. */
import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** The violations, each with the elements that it is about; all of axe's rules, best practices as well. */
export async function objections(page: Page): Promise<string[][]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const found = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] }))
  if (found.passes.length < 10) throw new Error('axe has hardly looked at anything')
  return found.violations.map(({ id, nodes }) => [
    id,
    ...nodes.map(({ html, any }) => `${html} ${any.map(({ message }) => message).join()}`),
  ])
}
