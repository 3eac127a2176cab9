import test from 'ava'
import { steered, suggestionsAt, type Suggestions } from '../../client/composer/completion.ts'
import type { Passage } from '../../client/composer/passage.ts'

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
