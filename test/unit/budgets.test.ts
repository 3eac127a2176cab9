/** The table of budgets in SECURITY.md names every budget of the code, with its number. */
import { readFile } from 'node:fs/promises'
import ava from 'ava'
import { RENDER_BUDGET } from '../../client/render-budget.ts'
import { BUDGETS } from '../../server/budgets.ts'

const test = ava.serial

/** The numbers among parts of parts, each with its name: `editorHtml.length`. */
function numbersIn(part: object, name = ''): [name: string, value: number][] {
  return Object.entries(part).flatMap(([key, value]: [string, unknown]) => {
    const path = name === '' ? key : `${name}.${key}`
    if (typeof value === 'number') return [[path, value]]
    return typeof value === 'object' && value !== null ? numbersIn(value, path) : []
  })
}

async function numbersOfTable(): Promise<number[]> {
  const text = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8')
  const [, table = ''] = /\n## Budgets\n([^]*?)\n## /.exec(text) ?? []
  const rows = table.split('\n').filter((line) => line.startsWith('| '))
  return rows.map((row) => Number((row.split('|')[2] ?? '').trim().replaceAll(',', ''))).filter((value) => !Number.isNaN(value))
}

test('every budget is in the table of SECURITY.md, with its number', async (t) => {
  const told = await numbersOfTable()
  for (const [name, value] of [...numbersIn({ render: RENDER_BUDGET }), ...numbersIn(BUDGETS)])
    t.true(told.includes(value), `${name}: ${value}`)
})
