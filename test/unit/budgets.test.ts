/** The table of budgets in SECURITY.md names every budget of the code with its number, and every option that is one with its default. */
import { readFile } from 'node:fs/promises'
import ava from 'ava'
import { RENDER_BUDGET } from '../../client/markdown/render-budget.ts'
import { BUDGETS } from '../../server/budgets.ts'
import { checkedConfig } from '../../server/config.ts'

const test = ava.serial

const UNITS: Readonly<Record<string, number>> = { '': 1, '%': 0.01, KiB: 1024, MiB: 1024 ** 2 }

/** The numbers among parts of parts, each with its name: `editorHtml.length`. */
function numbersIn(part: object, name = ''): [name: string, value: number][] {
  return Object.entries(part).flatMap(([key, value]: [string, unknown]) => {
    const path = name === '' ? key : `${name}.${key}`
    if (typeof value === 'number') return [[path, value]]
    return typeof value === 'object' && value !== null ? numbersIn(value, path) : []
  })
}

/** `16 KiB` as a number; NaN for what is said in words. */
function valueOf(cell: string): number {
  const [, digits = '', unit = ''] = /^([\d,]+)(?: (%|KiB|MiB))?(?:;|$)/.exec(cell) ?? []
  return digits === '' ? NaN : Number(digits.replaceAll(',', '')) * (UNITS[unit] ?? NaN)
}

async function rowsOfTable(): Promise<{ what: string; value: number; option: string; beyond: string }[]> {
  const text = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8')
  const [, table = ''] = /\n## Budgets\n([^]*?)\n## /.exec(text) ?? []
  const lines = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what '))
  return lines.map((line) => {
    const [, what = '', value = '', option = '', beyond = ''] = line.split('|').map((cell) => cell.trim())
    return { what, value: valueOf(value), option, beyond }
  })
}

test('every budget of the code is in the table of SECURITY.md, with its number and what is beyond it', async (t) => {
  const rows = await rowsOfTable()
  for (const [name, value] of numbersIn({ ...BUDGETS, render: RENDER_BUDGET })) {
    const row = rows.find(({ what }) => what.startsWith(`\`${name}\`: `))
    t.is(row?.value, value, name)
    t.not(row?.beyond, '', name)
  }
})

test('every name in the table is a budget of the code', async (t) => {
  const names = new Set(numbersIn({ ...BUDGETS, render: RENDER_BUDGET }).map(([name]) => name))
  const named = (await rowsOfTable()).flatMap(({ what }) => /^`([\w.]+)`: /.exec(what)?.[1] ?? []).filter((name) => name !== 'post')
  t.deepEqual(
    named.filter((name) => !names.has(name)),
    [],
  )
})

test('every option that is a budget is in the table, with its default', async (t) => {
  const rows = await rowsOfTable()
  const { maxMessage, maxFile, maxRooms, maxPeople, backlog, rateLimit } = checkedConfig({})
  for (const [option, value] of Object.entries({
    '--max-message': maxMessage,
    '--max-file': maxFile,
    '--max-rooms': maxRooms,
    '--max-people': maxPeople,
    '--backlog': backlog,
    '--rate-limit': rateLimit,
  }))
    t.is(rows.find((row) => row.option === `\`${option}\``)?.value, value, option)
})
