/** What a room holds, what a client is told of it, and how a commit adds to it: without a clock or a file. */
import test from 'ava'
import { commit, EMPTY, newsFrom, type Backlog } from '../../server/room/backlog.ts'
import { readLine } from '../../server/room/message.ts'
import { comings, LIMITS, linesOf, NOW, said, textsOf } from '../helpers/backlogs.ts'

test('news: the same timestamp parks, 0 gets everything, an older one what is newer', (t) => {
  const backlog = said('a', 'b', 'c')
  t.is(newsFrom(backlog, backlog.timestamp), undefined)
  t.deepEqual(newsFrom(backlog, 0), { timestamp: NOW + 20, messages: backlog.messages })
  t.deepEqual(newsFrom(backlog, NOW), { timestamp: NOW + 20, messages: backlog.messages.slice(1) })
  t.deepEqual(newsFrom(backlog, NOW + 9)?.messages, backlog.messages.slice(1))
})

test('news: what the room cannot place is a reset or a gap', (t) => {
  const backlog = { ...said('a', 'b', 'c', 'd', 'e', 'f'), edited: NOW + 15 }
  t.deepEqual(newsFrom(backlog, NOW + 99), { timestamp: NOW + 50, messages: backlog.messages, reset: true })
  t.deepEqual(newsFrom(backlog, NOW + 14), { timestamp: NOW + 50, messages: backlog.messages, reset: true })
  const unedited = { ...backlog, edited: 0 }
  t.is(unedited.dropped, NOW + 10)
  t.deepEqual(newsFrom(unedited, NOW), { timestamp: NOW + 50, messages: backlog.messages, gap: true })
  t.deepEqual(newsFrom(unedited, NOW + 10), { timestamp: NOW + 50, messages: backlog.messages })
})

test('commit: the timestamp rises through a clock that stands, or steps back an hour', (t) => {
  const first = commit(EMPTY, [{ msg: 'a' }], LIMITS, NOW).backlog
  const second = commit(first, [{ msg: 'b' }], LIMITS, NOW).backlog
  const third = commit(second, [{ msg: 'c' }], LIMITS, NOW - 3_600_000).backlog
  t.deepEqual(
    [first, second, third].map(({ timestamp }) => timestamp),
    [NOW, NOW + 1, NOW + 2],
  )
})

test('a long line is clipped at a whole character', (t) => {
  const { saying, whole } = readLine('你'.repeat(400), 1000)
  t.is(saying.msg, `${'你'.repeat(332)}…`)
  t.false(whole)
})

test('a line says all that JSON says, with nothing in it that a terminal or a line reader would act on', (t) => {
  const { backlog } = commit(EMPTY, [{ msg: '\u001b[31m\u009b \u2028\n' }], LIMITS, NOW)
  const [line = ''] = linesOf(backlog)
  t.regex(line, /^[\u0020-\u007e]*$/)
  t.deepEqual(JSON.parse(line), backlog.messages[0])
})

test('joins and parts push out nothing that was said, and are no gap; as many of them are kept as messages', (t) => {
  const before = said('a', 'b', 'c', 'd')
  const after = comings(before, 75)
  t.deepEqual(textsOf(after), ['a', 'b', 'c', 'd', '', '', '', ''])
  t.deepEqual(
    after.messages.slice(4).map(({ nick }) => nick),
    ['ann 71', 'ann 72', 'ann 73', 'ann 74'],
  )
  t.is(after.dropped, before.dropped)
  const news = newsFrom(after, before.timestamp)
  t.is(news?.gap, undefined)
  t.is(news?.messages.length, 4)
})

test('what is said pushes out what was said longest ago, with the joins and parts before it', (t) => {
  const [e, f] = [NOW + 5000, NOW + 6000]
  const room = comings(said('a', 'b'), 2)
  const more = ['c', 'd', 'e'].reduce((backlog, msg, n) => commit(backlog, [{ msg }], LIMITS, e + n).backlog, room)
  t.deepEqual(textsOf(more), ['b', '', '', 'c', 'd', 'e'])
  t.is(more.dropped, NOW)
  const last = commit(more, [{ msg: 'f' }, { msg: 'g' }], LIMITS, f).backlog
  t.deepEqual(textsOf(last), ['d', 'e', 'f', 'g'])
})

test('joins and parts leave a full file before anything that was said does', (t) => {
  const limits = { ...LIMITS, backlog: 100, maxFile: 5000 }
  const full = Array.from({ length: 60 }).reduce<Backlog>(
    (room, _, n) => commit(room, [{ msg: 'x'.repeat(100) }], limits, NOW + n).backlog,
    EMPTY,
  )
  const texts = textsOf(full)
  const after = comings(full, 90, limits)
  t.deepEqual(textsOf(after).slice(0, texts.length), texts)
  t.true(after.messages.length > texts.length)
  t.true(linesOf(after).join('\n').length + 1 <= limits.maxFile)
  const longest = commit(full, [{ type: 'join', nick: '\ud800'.repeat(50), msg: '' }], limits, NOW + 9000).backlog
  t.deepEqual(textsOf(longest).slice(0, texts.length), texts)
})
