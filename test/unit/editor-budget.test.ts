/** What the HTML of a rich editor may cost at the door: counted in tags, depth and blanks, never in time. */
import ava from 'ava'
import * as fc from 'fast-check'
import { BUDGETS } from '../../server/budgets.ts'
import { toMarkdown } from '../../server/dialects/markup.ts'
import { sieve } from '../../server/dialects/sieve.ts'
import { filled } from '../helpers/bombs.ts'

const test = ava.serial

const { length, effort, blanks } = BUDGETS.editorHtml

/** As long as a post by PHP's client may be. */
const SIZE = 196_608

/** What Turndown gets of it: nothing, or HTML whose tags, depth and runs of blanks are within the budget. */
function isWithinBudget(html: string): boolean {
  const sieved = sieve(html)
  if ('text' in sieved) return true
  let [open, sum, run, most] = [0, 0, 0, 0]
  for (const [part] of sieved.html.matchAll(/<[^<>]*>|[^<]/gu)) {
    if (part.length > 1 && part.startsWith('<')) {
      if (part.startsWith('</')) open -= 1
      else sum += /^<[bh]r>$/.test(part) ? 1 : (open += 1)
    } else {
      run = part.trim() === '' ? run + 1 : 0
      most = Math.max(most, run)
    }
  }
  return sieved.html.length <= 6 * length && sum <= effort && most <= blanks && !/(?:<br>\s*){4}/.test(sieved.html)
}

const BOMBS: Readonly<Record<string, string>> = {
  'blanks in code': `<pre>a${' '.repeat(196_000)}b`,
  'blanks of Unicode': `<br>a${'\u2003'.repeat(196_000)}b`,
  'blanks in many elements': `a${filled('<b>\u2003</b><i>\u2003</i>', SIZE)}b`,
  'blanks as entities': `<b>a${filled('&#8195;', SIZE)}b`,
  'lines in code': `<pre>${'\n'.repeat(196_000)}x`,
  'empty lines': `a${filled('<br>', SIZE)}b`,
  'empty lines with blanks': `a${filled('<br> \n', 8000)}b`,
  'items of one list': `<ol>${filled('<li>x', SIZE)}`,
  'lists in lists': filled('<ul><li>', SIZE),
  paragraphs: filled('<p>x', SIZE),
  'marks in marks': filled('<b><i><u>x', SIZE),
  'a long text in many elements': `${'<div>'.repeat(60)}${'word '.repeat(12_000)}`,
  'addresses without an end': `<a href="https://a.b">${filled('&lt;https:', SIZE)}</a>`,
  'an address of parentheses': `<a href="http://a.b/${'('.repeat(190_000)}">x</a>`,
  'elements that nobody reads': filled('<noscript>', SIZE / 2) + filled('</x>', SIZE / 2),
  attributes: `<b ${filled('a ', SIZE)}>x</b>`,
  'backticks in code': `<code>${Array.from({ length: 300 }, (_, count) => `a${'`'.repeat(count)}`).join('')}</code>`,
  'code that begins with a blank': `<code> ${'a'.repeat(190_000)}</code>`,
  'half a tag': filled('<b <', SIZE),
  'half an entity': `<b>${filled('&a', SIZE)}`,
  'the joints of an empty document': `a${'\u200b'.repeat(196_000)}b`,
}

for (const [name, html] of Object.entries(BOMBS)) {
  test(`${name}: no more than the budget is worked on`, (t) => {
    t.true(isWithinBudget(html))
    t.true(toMarkdown(html).length <= 6 * html.length)
  })
}

test('the two posts that took a core for most of a minute are their words', (t) => {
  t.is(toMarkdown(`<pre>a${' '.repeat(196_000)}b`), 'a b')
  t.is(toMarkdown(`<br>a${'\u2003'.repeat(196_000)}b`), 'a b')
})

/** For each part of the budget: HTML that is formatted, and HTML like it of which only the text is kept. */
const EDGES: Readonly<Record<keyof typeof BUDGETS.editorHtml, readonly [within: string, beyond: string]>> = {
  length: [`<b>${'a'.repeat(length - 3)}`, `<b>${'a'.repeat(length - 2)}`],
  effort: [`<b>a</b>${'<p>'.repeat(effort - 2)}`, `<b>a</b>${'<p>'.repeat(effort)}`],
  blanks: [`<b>a${'\u2003'.repeat(blanks)}b</b>`, `<b>a${'\u2003'.repeat(blanks + 1)}b</b>`],
}

for (const [part, [within, beyond]] of Object.entries(EDGES)) {
  test(`within the budget of ${part} the marks are kept, beyond it the text`, (t) => {
    t.regex(toMarkdown(within), /^\*\*a/)
    t.regex(toMarkdown(beyond), /^a/)
  })
}

test('beyond the budget every word is kept, on its own line where it was on one, and no sign becomes a mark', (t) => {
  const html = `<div>one <b>two</b></div><p>*three* &lt;b&gt;</p><ul><li># four</ul>${'<p>'.repeat(effort)}`
  t.is(toMarkdown(html), 'one two\n\\*three\\* <b>\n\\# four')
})

const PIECES =
  '<b> </b> <i> </i> <u> <a\u00a0href="https://a.b/"> </a> <br> <hr> <p> </p> <ul> <ol> <li> </ul> <pre> </pre> <code> </code> <div> </div> <td> <noscript> <script> </script> <!-- &amp; &lt; &nbsp; &#32; &#8195; \u2003 \u3000 a 重 * _ ` # [ ] https://a.b/ <https: \u200b'
    .split(' ')
    .map((piece) => piece.replace('\u00a0', ' '))
    .concat(' ', '\n', '\t', '    ')

test('whatever a post repeats until it is full, no more than the budget is worked on', (t) => {
  const seed = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(seed, seed, fc.constantFrom(8000, 60_000, SIZE), (before, after, size) => {
      t.true(isWithinBudget(filled(before, size / 2) + filled(after, size / 2)), before + after)
    }),
    { numRuns: 50, seed: 1 },
  )
})
