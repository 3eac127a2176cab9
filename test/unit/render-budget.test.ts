/** What one message may cost where it is shown: counted in elements, levels and characters, never in time. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import ava from 'ava'
import * as fc from 'fast-check'
import { renderMarkdown } from '../../client/markdown/markdown.ts'
import { RENDER_BUDGET } from '../../client/markdown/render-budget.ts'
import { toHtml } from '../../server/dialects/html.ts'
import { BOMBS, emptyTable, filled } from '../helpers/bombs.ts'
import { offences } from '../helpers/offences.ts'

const test = ava.serial

// It has no types under this name.
const require = createRequire(import.meta.url)
const { createDocument } = require('@mixmark-io/domino') as { createDocument: (html: string) => Document }

function countsOf(html: string): { elements: number; depth: number } {
  const main = createDocument(`<body><main>${html}</main></body>`).querySelector('main')
  let [elements, depth] = [0, 0]
  const count = (element: Element, level: number): void => {
    depth = Math.max(depth, level)
    for (const child of Array.from(element.children)) {
      elements += 1
      count(child, level + 1)
    }
  }
  if (main) count(main, 0)
  return { elements, depth }
}

function isWithinBudget(html: string): boolean {
  const { elements, depth } = countsOf(html)
  return elements <= RENDER_BUDGET.tokens && depth <= RENDER_BUDGET.nesting && html.length <= RENDER_BUDGET.html
}

/** Whether it is shown as it was typed: of one paragraph or of one block of lines, with no element in it but line ends. */
const isAsTyped = (html: string): boolean => /^<(p|pre)>(?:[^<]|<br>)*<\/\1>\n$/.test(html)

for (const [name, source] of Object.entries(BOMBS)) {
  test(`${name}: neither many elements, nor deep, nor long`, (t) => {
    const html = renderMarkdown(source)
    const { elements, depth } = countsOf(html)
    t.true(isWithinBudget(html), JSON.stringify({ elements, depth, length: html.length }))
    t.deepEqual(offences(toHtml(source)), [])
  })
}

test('a dense document as long as a message may be is well within the budget', async (t) => {
  const readme = (await readFile(new URL('../../README.md', import.meta.url), 'utf8')).slice(0, RENDER_BUDGET.source)
  const html = renderMarkdown(readme)
  t.false(isAsTyped(html))
  t.true(countsOf(html).elements > 400)
})

test('a list of a hundred addresses in one paragraph is links', (t) => {
  const list = Array.from({ length: 100 }, (_, n) => `https://example.org/${n}/${'path/'.repeat(20)}`).join('\n')
  t.is(renderMarkdown(list).match(/<a /g)?.length, 100)
})

/** For each part of the budget: a message that is formatted, and one like it that is shown as it was typed, because it asks for a little more. */
const EDGES: Readonly<Record<keyof typeof RENDER_BUDGET, readonly [within: string, beyond: string]>> = {
  source: [`**${'a'.repeat(RENDER_BUDGET.source - 4)}**`, `**${'a'.repeat(RENDER_BUDGET.source - 3)}**`],
  tokens: [emptyTable(10, (RENDER_BUDGET.tokens - 60) / 32 - 1), emptyTable(10, (RENDER_BUDGET.tokens - 60) / 32 + 10)],
  nesting: [`${'> '.repeat(8)}${'*a '.repeat(4)}**b**${' c*'.repeat(4)}`, `${'> '.repeat(12)}${'*a '.repeat(5)}**b**${' c*'.repeat(5)}`],
  steps: [`${'!['.repeat(50)}a${'](http://a.b)'.repeat(50)}`, `${'!['.repeat(600)}a${'](http://a.b)'.repeat(600)}`],
  html: [`[a](http://a.b/${'重'.repeat(10_000)})`, `[a](http://a.b/${'重'.repeat(12_000)})`],
}

for (const [part, [within, beyond]] of Object.entries(EDGES)) {
  test(`within the budget of ${part} a message is formatted, beyond it shown as it was typed`, (t) => {
    t.false(isAsTyped(renderMarkdown(within)))
    t.true(isAsTyped(renderMarkdown(beyond)))
    t.true(isAsTyped(renderMarkdown(beyond)), 'and so it is each time')
    t.false(isAsTyped(renderMarkdown(within)), 'nothing is left of the one before')
  })
}

test('what is shown as it was typed is all there, HTML and line ends', (t) => {
  const source = `${'>'.repeat(30)} <b>&amp;\n\n**a**`
  t.is(renderMarkdown(source), `<p>${'&gt;'.repeat(30)} &lt;b&gt;&amp;amp;<br>\n<br>\n**a**</p>\n`)
  t.is(renderMarkdown(filled('<\n', 10_000)), `<pre>\n${'&lt;\n'.repeat(5000)}</pre>\n`)
})

test('a message longer than any is not parsed, and shown all the same', (t) => {
  const html = renderMarkdown('**a** '.repeat(500_000))
  t.is(html, `<p>${'**a** '.repeat(500_000)}</p>\n`)
})

const PIECES =
  '< > [ ] ( ) * _ ` ~~ ++ ! ![ ]( ](http://a.b) > - 1. # | |- a & &amp; http:// http://a.b/ @ a@b.c . : :// \\ " { 重 ！ ``` <a@b.c <http: mailto: xn-- ? = https://a.b/? ** // [IPv6: [:: 😀 \u3000 \u200b'
    .split(' ')
    .concat(' ', '    ', '\n', '\n\n', 'a|b\n-|-\n', '> ', '- ')

test('whatever a message repeats until it is full, it stays within the budget', (t) => {
  const seed = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(seed, seed, (before, after) => {
      const html = renderMarkdown(filled(before, RENDER_BUDGET.source / 2) + filled(after, RENDER_BUDGET.source / 2))
      t.true(isWithinBudget(html), before + after)
    }),
    { numRuns: 100, seed: 1 },
  )
})
