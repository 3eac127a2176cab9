/** The rules of the log: what stands together, what is unread, who is meant, what is found, when a lost connection is worth a word. */
import test from 'ava'
import type { Message } from '../../client/api/client.ts'
import { LinkState } from '../../client/room/link-state.ts'
import { isMentioned } from '../../client/room/log/mention.ts'
import { Reading } from '../../client/room/log/reading.ts'
import { roomNamed } from '../../client/page/room-names.ts'
import { isLong, movesOf, rowsOf } from '../../client/room/log/rows.ts'
import { Search } from '../../client/room/search.ts'

const MINUTE = 60_000
const NOON = new Date(2026, 10, 21, 12).getTime()

function message(minutes: number, nick: string, msg = 'text', type: Message['type'] = 'msg'): Message {
  const timestamp = NOON + minutes * MINUTE
  return { id: `${timestamp}-0`, timestamp, type, nick, msg }
}

const isOwn = ({ nick }: Message): boolean => nick === 'me'

test('messages of one person stand together for five minutes, and not across a day, a gap, or the unread line', (t) => {
  const entries = [
    message(0, 'ann'),
    message(4, 'ann'),
    message(10, 'ann'),
    message(11, 'bob'),
    { type: 'gap' as const, id: 'gap-1' },
    message(12, 'bob'),
    message(13, 'bob'),
  ]
  const rows = rowsOf(entries, entries[6]?.id)
  t.deepEqual(
    rows.map((row) => (row.kind === 'message' ? row.first : row.kind)),
    ['day', true, false, true, true, 'gap', 'day', true, 'unread', true],
  )
})

test('a row keeps its id when others come, so that what is drawn stays', (t) => {
  const entries = [message(0, 'ann'), message(1, 'ann', '', 'join'), message(2, 'bob', '', 'join')]
  const before = rowsOf(entries.slice(0, 2)).map(({ id }) => id)
  t.deepEqual(
    rowsOf(entries).map(({ id }) => id),
    before,
  )
})

test('those who come and go are summed up, each once', (t) => {
  const moves = [
    message(0, 'ann', '', 'join'),
    message(1, 'bob', '', 'part'),
    message(2, 'ann', '', 'part'),
    message(3, 'bob', '', 'join'),
    message(4, 'carol', '', 'join'),
    message(5, 'dave', '', 'part'),
  ]
  t.deepEqual(movesOf(moves), { came: ['carol'], left: ['dave'], cameAndLeft: ['ann'], cameBack: ['bob'] })
})

test('more than twelve lines or 1,200 characters are long', (t) => {
  t.false(isLong('line\n'.repeat(11)))
  t.true(isLong('line\n'.repeat(12)))
  t.false(isLong('x'.repeat(1200)))
  t.true(isLong('x'.repeat(1201)))
})

test('nothing is unread for somebody who was never here, nor are one’s own words, nor who came and went', (t) => {
  const first = new Reading(0)
  first.take([message(0, 'ann')], false, isOwn, true)
  t.deepEqual([first.count, first.from], [0, undefined])
  first.take([message(1, 'me'), message(2, 'bob', '', 'join')], false, isOwn, false)
  t.deepEqual([first.count, first.from], [0, undefined])
})

test('the line stands before the first unread message until it is read, then before the next one that is not', (t) => {
  const reading = new Reading(NOON)
  const messages = [message(0, 'ann'), message(1, 'ann'), message(2, 'ann')]
  reading.take(messages, false, isOwn, true)
  t.deepEqual([reading.count, reading.from], [2, messages[1]?.id])
  reading.take([message(3, 'ann')], false, isOwn, false)
  t.deepEqual([reading.count, reading.from], [3, messages[1]?.id])
  reading.read([message(3, 'ann')])
  t.deepEqual([reading.count, reading.isRead, reading.lastRead], [0, true, message(3, '').timestamp])
  reading.take([message(4, 'ann')], true, isOwn, false)
  t.is(reading.count, 0, 'somebody looks')
  reading.take([message(5, 'ann')], false, isOwn, false)
  t.deepEqual([reading.count, reading.from, reading.isRead], [1, message(5, '').id, false])
})

test('a reset counts anew', (t) => {
  const reading = new Reading(NOON)
  reading.take([message(1, 'ann'), message(2, 'ann')], false, isOwn, true)
  reading.take([message(2, 'ann')], false, isOwn, true)
  t.deepEqual([reading.count, reading.from], [1, message(2, '').id])
})

test('a mention is a whole word, in any case and script', (t) => {
  for (const msg of ['@ann', 'hey @ANN!', '(@ann)', '你好@ann你好', '@ann,', 'x @ann']) t.true(isMentioned(msg, 'Ann'), msg)
  for (const msg of ['ann', '@anna', 'mail@ann', '@ann_b', '@ann-b', '@ ann', '']) t.false(isMentioned(msg, 'ann'), msg)
  t.true(isMentioned('请@李明看', '李明'))
  t.true(isMentioned('@李明看', '李明'))
  t.false(isMentioned('@李明明看', '李明', ['李明明']), 'somebody else is meant')
  t.true(isMentioned('@cafe\u0301', 'Caf\u00e9'))
  t.false(isMentioned('@', ''))
})

test('a search goes through what it found, around the ends, and keeps its place when something comes', (t) => {
  const entries = [message(0, 'ann', 'One'), message(1, 'bob', 'two'), message(2, 'ONEida', 'three'), { type: 'gap' as const, id: 'gap' }]
  const search = new Search()
  search.look('one', entries)
  t.deepEqual([search.place, search.hits.length, search.id], [2, 2, entries[2]?.id])
  search.step(1)
  t.is(search.place, 1)
  search.step(-1)
  t.is(search.place, 2)
  search.step(-1)
  search.refresh([...entries, message(3, 'bob', 'one more')])
  t.deepEqual([search.place, search.hits.length], [1, 3])
  search.look(' ', entries)
  t.deepEqual([search.place, search.hits.length, search.id], [0, 0, undefined])
})

test('a hiccup is not worth a word; two seconds or the second failure are', (t) => {
  const link = new LinkState(0)
  t.false(link.isTroubled(1999))
  t.true(link.isTroubled(2000))
  link.take({ type: 'state', state: 'connected' }, 2000)
  t.false(link.isTroubled(99_000))
  const error = new Error('down')
  link.take({ type: 'state', state: 'waiting', retryAt: 101_000, failures: 1, error }, 100_000)
  t.false(link.isTroubled(100_000))
  t.is(link.secondsLeft(100_100), 1)
  link.take({ type: 'state', state: 'connecting' }, 101_000)
  link.take({ type: 'state', state: 'waiting', retryAt: 103_000, failures: 2, error }, 101_100)
  t.true(link.isTroubled(101_100))
})

test('a room is named as the server names it', (t) => {
  t.is(roomNamed(' lobby '), 'lobby')
  t.is(roomNamed('Cafe\u0301'), 'Caf\u00e9')
  for (const name of ['', '../x', 'a b', 'a.b', 'x'.repeat(65), '界'.repeat(64).repeat(2)]) t.is(roomNamed(name), undefined, name)
})
