/** What is done to a draft: the edits of the toolbar, lines that go on, links, and names that are offered. */
import test from 'ava'
import { array, assert, boolean, constantFrom, nat, property, tuple } from 'fast-check'
import { steered, suggestionsAt, type Suggestions } from '../../client/composer/completion.ts'
import { EDITS, isApplied, type EditName } from '../../client/composer/edits.ts'
import { continued, quoted } from '../../client/composer/lines.ts'
import { linkTo } from '../../client/composer/links.ts'
import type { Passage } from '../../client/composer/passage.ts'
import { renderMarkdown } from '../../client/markdown/markdown.ts'

/** `a ⟦b⟧ c` is a text with b selected, `a | c` one with a caret. */
function passage(sketch: string): Passage {
  const start = sketch.search(/[⟦|]/)
  const end = sketch.includes('|') ? start : sketch.indexOf('⟧') - 1
  return { text: sketch.replaceAll(/[⟦⟧|]/g, ''), start, end }
}

function shown({ text, start, end }: Passage): string {
  return start === end
    ? `${text.slice(0, start)}|${text.slice(start)}`
    : `${text.slice(0, start)}⟦${text.slice(start, end)}⟧${text.slice(end)}`
}

const makes = test.macro({
  exec(t, name: EditName, before: string, after: string) {
    t.is(shown(EDITS[name](passage(before))), after)
  },
  title: (_title, name, before, after) => `${String(name)}: ${JSON.stringify(before)} becomes ${JSON.stringify(after)}`,
})

test(makes, 'bold', 'a ⟦b⟧ c', 'a **⟦b⟧** c')
test(makes, 'bold', 'a **⟦b⟧** c', 'a ⟦b⟧ c')
test(makes, 'bold', 'a ⟦**b**⟧ c', 'a ⟦b⟧ c')
test(makes, 'bold', '⟦**a** and **b**⟧', '**⟦**a** and **b**⟧**')
test(makes, 'bold', 'a ⟦b ⟧c', 'a **⟦b⟧** c')
test(makes, 'bold', '|', '**|**')
test(makes, 'bold', '**|**', '|')
test(makes, 'bold', '**bold|** c', '**bold**| c')
test(makes, 'bold', 'a ⟦ ⟧b', 'a **|** b')
test(makes, 'bold', '⟦- a\n- b⟧', '- ⟦**a**\n- **b**⟧')
test(makes, 'bold', '- ⟦**a**\n- **b**⟧', '- ⟦a\n- b⟧')
test(makes, 'bold', '⟦**a**\nb⟧', '**a**\n**⟦b⟧**')
test(makes, 'bold', '⟦a\n\nb⟧', '⟦**a**\n\n**b**⟧')
test(makes, 'bold', '*⟦a⟧*', '***⟦a⟧***')
test(makes, 'italic', '***⟦a⟧***', '**⟦a⟧**')
test(makes, 'italic', '**⟦a⟧**', '***⟦a⟧***')
test(makes, 'bold', '⟦***a***⟧', '*⟦a⟧*')
test(makes, 'underline', '⟦看⟧', '++⟦看⟧++')
test(makes, 'strike', '~~⟦a⟧~~', '⟦a⟧')
test(makes, 'code', '⟦a⟧', '`⟦a⟧`')
test(makes, 'code', '⟦a`b⟧', '⟦`` a`b ``⟧')
test(makes, 'code', '⟦`` a`b ``⟧', '⟦a`b⟧')
test(makes, 'code', '⟦a\nb⟧', '```\n⟦a\nb⟧\n```')
test(makes, 'codeBlock', '|', '```\n|\n```')
test(makes, 'codeBlock', 'x\na⟦b⟧c\ny', 'x\n```\n⟦abc⟧\n```\ny')
test(makes, 'codeBlock', 'x\n```\n⟦abc⟧\n```\ny', 'x\n⟦abc⟧\ny')
test(makes, 'codeBlock', '⟦a ``` b⟧', '````\n⟦a ``` b⟧\n````')
test(makes, 'link', 'a ⟦b⟧', 'a [b](|)')
test(makes, 'link', '|', '[|]()')
test(makes, 'link', '⟦https://a.b/⟧', '[|](https://a.b/)')
test(makes, 'link', '⟦[b](https://a.b/)⟧', '⟦b⟧')
test(makes, 'link', 'a [⟦b⟧](https://a.b/) c', 'a ⟦b⟧ c')
test(makes, 'link', '⟦a]b⟧', String.raw`[a\]b](|)`)
test(makes, 'list', 'a\nb|', 'a\n- b|')
test(makes, 'list', '⟦a\n\nb⟧\nc', '⟦- a\n\n- b⟧\nc')
test(makes, 'list', '⟦- a\n\n- b⟧\nc', '⟦a\n\nb⟧\nc')
test(makes, 'list', '⟦- a\nb⟧', '⟦- a\n- b⟧')
test(makes, 'list', '|', '- |')
test(makes, 'list', '|\nabc', '- |\nabc')
test(makes, 'quote', '⟦\nabc⟧', '⟦> \n> abc⟧')
test(makes, 'quote', '⟦a\n\nb⟧', '⟦> a\n> \n> b⟧')
test(makes, 'quote', '⟦> a\n>\n> b⟧', '⟦a\n\nb⟧')

const WORDS = ['a', 'B7', '看', '重要！', ' ', '  ', '\n', '\n\n', '.', '😀', 'x y']
/** Texts without marks, and a selection in them that has something to say. */
const plain = tuple(array(constantFrom(...WORDS), { minLength: 1, maxLength: 12 }), nat(), nat())
  .map(([words, a, b]): Passage => {
    const text = words.join('')
    const [start, end] = [a % (text.length + 1), b % (text.length + 1)].toSorted((x, y) => x - y) as [number, number]
    return { text, start, end }
  })
  .filter(({ text, start, end }) => text.slice(start, end).trim() !== '')

for (const name of Object.keys(EDITS).filter((known) => known !== 'link') as EditName[]) {
  test(`${name} applied twice leaves the text as it was, and says in between that it is applied`, (t) => {
    assert(
      property(plain, (before) => {
        const once = EDITS[name](before)
        t.not(once.text, before.text)
        t.true(isApplied(name, once) || isApplied('codeBlock', once))
        t.is(EDITS[name](once).text, before.text)
      }),
    )
  })
}

test('what was selected is selected after it, but for the spaces at its ends', (t) => {
  assert(
    property(plain, constantFrom<EditName>('bold', 'italic', 'underline', 'strike'), (before, name) => {
      const { text, start, end } = EDITS[name](before)
      t.is(text.slice(start, end).replaceAll(/[*+~]/g, ''), before.text.slice(before.start, before.end).trim())
    }),
  )
})

const TAGS = { bold: 'strong', italic: 'em', underline: 'u', strike: 's', code: 'code', list: 'li', quote: 'blockquote', codeBlock: 'pre' }

test('every edit of a word makes what its name says', (t) => {
  for (const [name, tag] of Object.entries(TAGS)) {
    for (const before of ['请⟦看⟧这', '⟦a⟧', 'one ⟦two⟧ three', 'x\n⟦y⟧']) {
      const { text } = EDITS[name as EditName](passage(before))
      t.true(renderMarkdown(text).includes(`<${tag}>`), `${name} of ${before}: ${text}`)
    }
  }
})

test('no edit fails, whatever the text and the selection', (t) => {
  const anything = array(constantFrom(...WORDS, '*', '**', '`', '```', '[', ']', '(', ')', '++', '~~', '- ', '> ', '1. '), {
    maxLength: 14,
  })
  assert(
    property(anything, nat(), nat(), constantFrom(...(Object.keys(EDITS) as EditName[])), boolean(), (words, a, b, name, again) => {
      const text = words.join('')
      const [start, end] = [a % (text.length + 1), b % (text.length + 1)].toSorted((x, y) => x - y) as [number, number]
      const once = EDITS[name]({ text, start, end })
      const now = again ? EDITS[name](once) : once
      t.true(now.start >= 0 && now.start <= now.end && now.end <= now.text.length)
      isApplied(name, now)
      continued(now)
    }),
  )
})

const after = (before: string): string | undefined => sketched(continued(passage(before)))
const over = (before: string, address: string): string | undefined => sketched(linkTo(address, passage(before)))
const sketched = (now: Passage | undefined): string | undefined => now && shown(now)

test('a line break goes on with the list or the quote, and after an empty item leaves it', (t) => {
  t.is(after('- a|'), '- a\n- |')
  t.is(after('* a|b'), '* a\n* |b')
  t.is(after('  9. a|'), '  9. a\n  10. |')
  t.is(after('> a|'), '> a\n> |')
  t.is(after('>a|'), '>a\n> |')
  t.is(after('> - a|'), '> - a\n> - |')
  t.is(after('- a\n- |'), '- a\n\n|')
  t.is(after('> a\n> |'), '> a\n\n|')
  t.is(after('> - a\n> - |'), '> - a\n> |')
  t.is(after('a|'), undefined)
  t.is(after('```\n- a|'), undefined)
  t.is(after('-a|'), undefined)
})

test('an address pasted over a word makes a link, and nothing else does', (t) => {
  t.is(over('see ⟦this⟧ now', ' https://a.b/c_(d) '), 'see [this](https://a.b/c_%28d%29)| now')
  t.is(over('see |this', 'https://a.b/'), undefined)
  t.is(over('⟦this⟧', 'some words'), undefined)
  t.is(over('⟦this⟧', 'javascript:alert(1)'), undefined)
  t.is(over('⟦https://c.d/⟧', 'https://a.b/'), undefined)
  t.is(over('⟦a\nb⟧', 'https://a.b/'), undefined)
  t.is(over('```\n⟦a⟧', 'https://a.b/'), undefined)
})

test('a quoted message stands on lines of its own, and the reply below it is no part of it', (t) => {
  t.is(shown(quoted(passage('|'), 'a\n\nb\n')), '> a\n>\n> b\n\n|')
  t.is(shown(quoted(passage('before|'), 'a')), 'before\n\n> a\n\n|')
  const { text } = quoted(passage('|'), 'a')
  t.is(renderMarkdown(`${text}reply`), '<blockquote>\n<p>a</p>\n</blockquote>\n<p>reply</p>\n')
})

const NICKS = ['bob', 'Ann', 'anna', '李雷', 'me', 'ann lee', '']
const at = (sketch: string): Passage => ({ text: sketch.replace('|', ''), start: sketch.indexOf('|'), end: sketch.indexOf('|') })
const offered = (sketch: string, least?: number): readonly string[] | undefined => suggestionsAt(at(sketch), NICKS, 'me', least)?.nicks
const listFor = (sketch: string): Suggestions =>
  suggestionsAt(at(sketch), NICKS, 'me') ?? { from: 0, at: 0, nicks: [], active: 0, taken: false }

test('names are found by how they begin, in whatever case and script', (t) => {
  t.deepEqual(offered('hi @AN|'), ['Ann', 'ann lee', 'anna'])
  t.deepEqual(offered('你好@李|'), ['李雷'])
  t.deepEqual(offered('@Ａn| there'), ['Ann', 'ann lee', 'anna'])
  t.is(offered('@x|'), undefined)
})

test('a mail address, a word further back and a bare @ ask for no name', (t) => {
  t.is(offered('me@an|'), undefined)
  t.is(offered('@an thing|'), undefined)
  t.is(offered('@|'), undefined)
  t.deepEqual(offered('@|', 0), ['Ann', 'ann lee', 'anna', 'bob', '李雷', 'me'])
})

test('a name that is whole stands first, and alone it needs no list', (t) => {
  t.deepEqual(offered('@anna|'), undefined)
  t.deepEqual(offered('@Ann|'), ['Ann', 'ann lee', 'anna'])
})

test('arrows go round, Enter takes, Escape leaves', (t) => {
  const list = listFor('@an| there')
  t.is(steered(list, 'ArrowUp', at('@an| there'))?.suggestions?.active, 2)
  const last = steered(list, 'ArrowUp', at('@an| there'))?.suggestions ?? list
  t.is(steered(last, 'ArrowDown', at('@an| there'))?.suggestions?.active, 0)
  t.deepEqual(steered(last, 'Enter', at('@an| there')), { suggestions: undefined, passage: at('@anna| there') })
  t.deepEqual(steered(list, 'Escape', at('@an| there')), { suggestions: undefined })
  t.is(steered(list, 'x', at('@an| there')), undefined)
})

test('Tab goes on to the next name in the place of the one before, until another key is the text again', (t) => {
  const first = steered(listFor('@an|'), 'Tab', at('@an|'))
  t.deepEqual(first?.passage, at('@Ann |'))
  const second = first?.suggestions && first.passage && steered(first.suggestions, 'Tab', first.passage)
  t.deepEqual(second?.passage, at('@ann lee |'))
  t.is(second?.suggestions && steered(second.suggestions, 'Enter', at('@ann lee |')), undefined)
})
