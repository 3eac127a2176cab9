/** What it means that somebody else wrote a room's file: whether the room goes on, which timestamp it gets, and what is rewritten. */
import test from 'ava'
import { commit, EMPTY, newsFrom, type Backlog } from '../../server/room/backlog.ts'
import { lineOf, type Message } from '../../server/room/message.ts'
import { takeIn, type Found } from '../../server/room/take-in.ts'
import { comings, found, LIMITS, linesOf, NOW, said, textsOf } from '../helpers/backlogs.ts'

test('at the first look, a file as a commit left it stands as it is', (t) => {
  const backlog = said('a', 'b')
  const taken = takeIn(undefined, found(linesOf(backlog), backlog.timestamp), LIMITS, NOW + 5000)
  t.deepEqual(taken, { backlog: { ...backlog, dropped: NOW }, rewrite: false, loses: false, edit: false, removed: [] })
})

test('at the first look, an mtime that is no message tells of an edit', (t) => {
  const backlog = said('a', 'b')
  const { backlog: taken, rewrite, edit } = takeIn(undefined, found(linesOf(backlog), NOW + 900), LIMITS, NOW + 5000)
  t.like(taken, { timestamp: NOW + 900, edited: NOW + 900 })
  t.deepEqual([rewrite, edit], [false, true])
})

test('at the first look, a file that is older than what clients were told is an edit, also with the clock behind', (t) => {
  const [before, after] = [said('a'), said('a', 'b')]
  const standing = { timestamp: after.timestamp, dropped: 0 }
  const { backlog, rewrite, edit } = takeIn(undefined, found(linesOf(before), before.timestamp, { standing }), LIMITS, NOW - 5000)
  t.deepEqual([backlog.timestamp, rewrite, edit], [after.timestamp + 1, true, true])
  t.true(newsFrom(backlog, after.timestamp)?.reset)
})

test('at the first look, a file with the timestamp of a room that nobody wrote to is an edit', (t) => {
  const line = lineOf({ id: `${EMPTY.timestamp}-0`, timestamp: EMPTY.timestamp, type: 'msg', nick: '', msg: 'a' })
  const { backlog } = takeIn(undefined, found([line], EMPTY.timestamp), LIMITS, NOW)
  t.like(newsFrom(backlog, EMPTY.timestamp), { timestamp: NOW, reset: true, messages: backlog.messages })
})

test('at the first look, a file that is not as a commit left it is an edit', (t) => {
  const { messages, timestamp } = said('a', 'b')
  const [a = '', b = ''] = messages.map(lineOf)
  const cases: readonly [lines: string[], more?: Partial<Found>][] = [
    [[a, b], { clean: false }],
    [[a, b], { edited: timestamp + 1 }],
    [['a', b]],
    [[]],
  ]
  for (const [lines, more] of cases) t.true(takeIn(undefined, found(lines, timestamp, more), LIMITS, NOW + 5000).edit)
})

test('at the first look, an edit keeps the timestamp that clients were told', (t) => {
  const { messages } = said('a', 'b')
  const edited = NOW + 900
  const standing = { timestamp: edited, dropped: NOW - 1 }
  const { backlog, rewrite } = takeIn(undefined, found(messages.map(lineOf), edited, { edited, standing }), LIMITS, NOW + 5000)
  t.deepEqual([backlog, rewrite], [{ timestamp: edited, messages, edited, dropped: standing.dropped }, false])
})

test('at the first look, of more lines than a room keeps the oldest leave it, and are kept aside', (t) => {
  const { messages, timestamp } = ['a', 'b', 'c', 'd', 'e', 'f'].reduce(
    (room, msg, n) => commit(room, [{ msg }], { ...LIMITS, backlog: 8 }, NOW + n).backlog,
    EMPTY,
  )
  const taken = takeIn(undefined, found(messages.map(lineOf), timestamp), LIMITS, NOW + 5000)
  t.like(taken, { rewrite: true, loses: true, edit: false })
  t.deepEqual(textsOf(taken.backlog), ['c', 'd', 'e', 'f'])
})

test('nothing changed but the inode', (t) => {
  const backlog = said('a', 'b')
  t.is(takeIn(backlog, found(linesOf(backlog), backlog.timestamp), LIMITS, NOW + 5000).backlog, backlog)
})

test('commits of another process are taken as they are, and its trimming is no edit', (t) => {
  const known = said('a', 'b', 'c')
  const other = commit(commit(known, [{ msg: 'd' }], LIMITS, NOW + 100).backlog, [{ msg: 'e' }], LIMITS, NOW + 200).backlog
  const taken = takeIn(known, found(linesOf(other), other.timestamp), LIMITS, NOW + 5000)
  t.deepEqual(taken, { backlog: other, rewrite: false, loses: false, edit: false, removed: [] })
  t.is(taken.backlog.messages[0], known.messages[1])
})

test('when others wrote so much that nothing known is left, clients have a gap and no reset', (t) => {
  const known = said('a')
  const others = ['1', '2', '3', '4', '5', '6'].reduce(
    (backlog, msg, n) => commit(backlog, [{ msg }], LIMITS, NOW + 100 + n).backlog,
    known,
  )
  for (const before of [known, EMPTY]) {
    const { backlog } = takeIn(before, found(linesOf(others), others.timestamp), LIMITS, NOW + 5000)
    t.like(newsFrom(backlog, before.timestamp), { timestamp: others.timestamp, gap: true, messages: others.messages })
  }
})

test('what another process keeps beyond our limit stays', (t) => {
  const known = said('a', 'b', 'c', 'd')
  const other = commit(known, [{ msg: 'e' }], { ...LIMITS, backlog: 8 }, NOW + 100).backlog
  const taken = takeIn(known, found(linesOf(other), other.timestamp), LIMITS, NOW + 5000)
  t.deepEqual(taken, { backlog: other, rewrite: false, loses: false, edit: false, removed: [] })
})

test('long messages of others push out all that is known, as many messages do', (t) => {
  const limits = { ...LIMITS, backlog: 100, maxFile: 5000 }
  const known = said('a')
  const other = commit(known, [{ msg: 'x'.repeat(900) }, { msg: 'y'.repeat(900) }, { msg: 'z'.repeat(900) }], limits, NOW + 100).backlog
  const long = { ...other, messages: other.messages.slice(1) }
  const { backlog, edit } = takeIn(known, found(linesOf(long), long.timestamp), limits, NOW + 5000)
  t.false(edit)
  t.like(newsFrom(backlog, known.timestamp), { gap: true, messages: long.messages })
})

test('what only a commit may do is an edit in a file that is not as a commit left it', (t) => {
  const [abc, abcd] = [said('a', 'b', 'c'), said('a', 'b', 'c', 'd')]
  const { messages, timestamp } = commit(abcd, [{ msg: 'e' }], LIMITS, NOW + 100).backlog
  const [b = '', c = '', d = '', e = ''] = messages.map(lineOf)
  const cases: readonly [why: string, known: Backlog, lines: string[], mtime: number, more?: Partial<Found>][] = [
    ['the mtime is not the newest timestamp', abc, [b, c, d, e], timestamp + 1],
    ['the bytes are not as the server writes them', abc, [b, c, d, e], timestamp, { clean: false }],
    ['an edit came later', abc, [b, c, d, e], timestamp, { edited: timestamp + 1 }],
    ['a line has no place', abc, [b, c, 'by hand', e], timestamp],
    ['the room is not full, and nothing that was known is left', abc, [d, e], timestamp],
    ['an older message is still there', abcd, [b, d, e], timestamp],
    ['the lines of a full room, which was empty, have no places', EMPTY, ['1', '2', '3', '4'], NOW],
  ]
  for (const [why, known, lines, mtime, more] of cases) t.true(takeIn(known, found(lines, mtime, more), LIMITS, NOW + 5000).edit, why)
})

test('lines at the end are new messages of one new timestamp', (t) => {
  const known = said('a')
  const { backlog, rewrite, edit, loses } = takeIn(
    known,
    found([...linesOf(known), 'hello', '{"msg":"hi","nick":"bob"}'], NOW + 700),
    LIMITS,
    NOW + 5000,
  )
  t.deepEqual([rewrite, edit, loses], [true, false, false])
  t.deepEqual(newsFrom(backlog, known.timestamp)?.messages, [
    { id: `${NOW + 5000}-0`, timestamp: NOW + 5000, type: 'msg', nick: '', msg: 'hello' },
    { id: `${NOW + 5000}-1`, timestamp: NOW + 5000, type: 'msg', nick: 'bob', msg: 'hi' },
  ])
})

test('lines at the end that were copied from above are new messages', (t) => {
  const known = said('a', 'b')
  const [a = '', b = ''] = linesOf(known)
  const { backlog, edit } = takeIn(known, found([a, b, a], NOW + 700), LIMITS, NOW + 5000)
  t.false(edit)
  t.deepEqual(
    backlog.messages.map(({ id }) => id),
    [`${NOW}-0`, `${NOW + 10}-0`, `${NOW + 5000}-0`],
  )
})

test('what was written down of earlier edits and of messages that are not kept holds on', (t) => {
  const known = { ...said('a'), edited: NOW - 5, dropped: NOW - 3 }
  const { backlog } = takeIn(known, found([...linesOf(known), 'b'], NOW + 700), LIMITS, NOW + 5000)
  t.like(backlog, { edited: NOW - 5, dropped: NOW - 3 })
  const standing = { timestamp: NOW + 700, dropped: NOW - 1 }
  const edited = NOW - 2
  t.like(takeIn(known, found([...linesOf(known), 'b'], NOW + 700, { edited, standing }), LIMITS, NOW + 5000).backlog, {
    edited,
    dropped: NOW - 1,
  })
})

test('a line that was put between two gets a place between them, and nobody else moves', (t) => {
  const known = said('a', 'b', 'c')
  const [a = '', b = '', c = ''] = linesOf(known)
  const { backlog, edit } = takeIn(known, found([a, 'between', b, c], NOW + 700), LIMITS, NOW + 5000)
  t.true(edit)
  t.deepEqual(textsOf(backlog), ['a', 'between', 'b', 'c'])
  t.deepEqual(
    backlog.messages.map(({ id }) => id),
    [`${NOW}-0`, `${NOW}-1`, `${NOW + 10}-0`, `${NOW + 20}-0`],
  )
  t.true(newsFrom(backlog, known.timestamp)?.reset)
})

test('lines that were put before the first, or where no place is free, get places of their own', (t) => {
  const known = commit(EMPTY, [{ msg: 'a' }, { msg: 'b' }], LIMITS, NOW).backlog
  const [a = '', b = ''] = linesOf(known)
  const { backlog } = takeIn(known, found(['first', a, 'between', b], NOW + 700), LIMITS, NOW + 5000)
  t.deepEqual(textsOf(backlog), ['first', 'a', 'between', 'b'])
  t.deepEqual(
    backlog.messages.map(({ id }) => id),
    [`${NOW - 1}-0`, `${NOW}-0`, `${NOW}-1`, `${NOW}-2`],
  )
})

test('the timestamp of an edit is later than all before, whatever the mtime says', (t) => {
  const known = { ...said('a', 'b'), edited: NOW + 10 }
  const [a = '', b = ''] = linesOf(known)
  const later = lineOf({ id: `${NOW + 40}-0`, timestamp: NOW + 40, type: 'msg', nick: '', msg: 'c' })
  const cases: readonly [lines: string[], mtime: number, edited: number, least: number][] = [
    [[b], NOW + 10, NOW + 10, NOW + 11], // the mtime is as it was before
    [[b, later], NOW + 30, NOW + 10, NOW + 41],
    [[b, later], NOW + 30, NOW + 30, NOW + 41],
    [[b], 1, NOW + 30, NOW + 31], // changed again after another process had taken it in
  ]
  for (const [lines, mtime, edited, least] of cases) {
    const { backlog, edit } = takeIn(known, found(lines, mtime, { edited }), LIMITS, NOW + 45)
    t.deepEqual([edit, Math.max(least, backlog.timestamp)], [true, backlog.timestamp])
  }
  const gone = takeIn(known, found([], 0, { edited: NOW + 30 }), LIMITS, NOW + 5000)
  t.is(gone.backlog.timestamp, NOW + 30, 'another process has taken in that the file is gone')
  t.is(takeIn(known, found([a], NOW + 700), LIMITS, NOW + 5000).backlog.timestamp, NOW + 700)
})

test('an edit whose bytes are not as the server writes them is rewritten, with the mtime that it has', (t) => {
  const known = said('a', 'b')
  const [a = ''] = linesOf(known)
  const { backlog, rewrite, loses } = takeIn(known, found([a], NOW + 700, { clean: false }), LIMITS, NOW + 5000)
  t.deepEqual([backlog.timestamp, rewrite, loses], [NOW + 700, true, false])
})

test('only what an edit took away counts as removed', (t) => {
  const known = said('x', 'a', 'x', 'b')
  const [x = '', a = '', , b = ''] = linesOf(known)
  const removedBy = (lines: string[]): string[] => takeIn(known, found(lines, NOW + 700), LIMITS, NOW + 5000).removed.map(({ id }) => id)
  t.deepEqual(removedBy([x, a, b]), [`${NOW + 20}-0`])
  t.deepEqual(removedBy([x, b]), [`${NOW + 10}-0`, `${NOW + 20}-0`])
  t.deepEqual(removedBy([x, b, 'x', 'a']), [])
})

/** What a room says after these lines were saved over it, by somebody who had seen it up to `seen`. */
function afterSave(known: Backlog, lines: readonly string[], seen: number, now = NOW + 5000): string[] {
  return textsOf(takeIn(known, found(lines, NOW + 1700, { seen }), { ...LIMITS, backlog: 9 }, now).backlog)
}

test('posts that the author of a file had not seen are put back at their places, before what is new', (t) => {
  const known = said('a', 'b', 'c')
  const [a = '', b = '', c = ''] = linesOf(known)
  t.deepEqual(afterSave(known, [a, 'new'], NOW), ['a', 'b', 'c', 'new'])
  t.deepEqual(afterSave(known, [a, c, 'new'], NOW), ['a', 'b', 'c', 'new'])
  t.deepEqual(afterSave(known, [b, c], NOW), ['b', 'c'])
  t.deepEqual(afterSave(known, [a, 'new'], NOW + 10), ['a', 'c', 'new'])
  t.deepEqual(afterSave(known, [a, 'new'], NOW, NOW + 15), ['a', 'b', 'new'])
  t.deepEqual(afterSave(known, [a, 'b'], NOW), ['a', 'b', 'c', 'b'], 'a post is not what somebody else writes')
  const peers = takeIn(said('a'), found([a, b], NOW + 10), LIMITS, NOW + 5000).backlog
  t.deepEqual(afterSave(peers, [a, 'b'], NOW), ['a', 'b', 'b'], 'nor is a post to another process')
})

test('a file that lacks a post is written anew, also if it was saved in the very millisecond of that post', (t) => {
  const known = said('a', 'b')
  const taken = takeIn(known, found(linesOf(said('a')), known.timestamp, { seen: NOW }), LIMITS, NOW + 5000)
  t.like(taken, { rewrite: true, edit: true, removed: [] })
  t.deepEqual([textsOf(taken.backlog), taken.backlog.timestamp], [['a', 'b'], NOW + 5000])
})

test('an edit does not get a timestamp that another process told for what it had committed', (t) => {
  const [known, others] = [said('a'), said('a', 'b')]
  const standing = { timestamp: others.timestamp, dropped: 0 }
  const { backlog, rewrite } = takeIn(known, found(linesOf(known), others.timestamp, { standing }), LIMITS, NOW + 5000)
  t.deepEqual([backlog.timestamp, rewrite], [NOW + 5000, true])
  const appended = takeIn(known, found([...linesOf(known), 'c'], NOW + 5, { standing }), LIMITS, NOW + 5)
  t.is(appended.backlog.timestamp, others.timestamp + 1)
})

test('a line that is not believed, and gets the place that it names all the same, loses nothing', (t) => {
  const known = said('a', 'b', 'c')
  const [, b = '', c = ''] = linesOf(known)
  const next = lineOf({ id: `${NOW + 21}-0`, timestamp: NOW + 21, type: 'msg', nick: '', msg: 'd' })
  t.like(takeIn(known, found([b, c, next], NOW - 5000), LIMITS, NOW - 5000), { edit: true, rewrite: true, loses: false })
})

test('a line that its author wrote before it had a place is that message', (t) => {
  const known = takeIn(said('a'), found([...linesOf(said('a')), 'mine', 'mine'], NOW + 700), LIMITS, NOW + 1000).backlog
  const [a = ''] = linesOf(known)
  t.deepEqual(afterSave(known, [a, 'mine', 'mine', 'new'], NOW), ['a', 'mine', 'mine', 'new'])
  t.deepEqual(afterSave(known, [a, lineOf(known.messages[1] as Message), 'mine'], NOW), ['a', 'mine', 'mine'])
  const edited = takeIn(known, found(linesOf(known).slice(1), NOW + 1100), LIMITS, NOW + 1200).backlog
  t.deepEqual(afterSave(edited, ['mine', 'mine'], NOW), ['mine', 'mine'])
  const posted = said('mine')
  const both = takeIn(posted, found([...linesOf(posted), 'mine'], NOW + 700), LIMITS, NOW + 1000).backlog
  t.deepEqual(afterSave(both, linesOf(posted), NOW), ['mine', 'mine'], 'a line that has a place is another message')
})

test('old lines that were taken out, changed or moved are a reset', (t) => {
  const known = said('a', 'b', 'c')
  const [a = '', b = '', c = ''] = linesOf(known)
  for (const lines of [[b, c], [a, c], [a, b], [], [a, b.replace('"b"', '"B"'), c], [b, a, c]]) {
    const { backlog, edit } = takeIn(known, found(lines, NOW + 700), LIMITS, NOW + 5000)
    t.true(edit)
    t.true(newsFrom(backlog, known.timestamp)?.reset)
    t.deepEqual(
      textsOf(backlog),
      lines.map((line) => (JSON.parse(line) as Message).msg),
    )
    t.is(new Set(backlog.messages.map(({ id }) => id)).size, lines.length)
    t.true(backlog.timestamp > known.timestamp)
  }
})

test('an mtime from the future is not believed, nor is a line from there', (t) => {
  const known = said('a')
  const future = Date.UTC(2099, 0, 1)
  const touched = takeIn(known, found(linesOf(known), future), LIMITS, NOW + 5000)
  t.like(touched, { rewrite: true, edit: true })
  t.is(touched.backlog.timestamp, NOW + 5000)
  const line = `{"id":"${future}-0","timestamp":${future},"msg":"from the future"}`
  const appended = takeIn(known, found([...linesOf(known), line], NOW + 700), LIMITS, NOW + 5000)
  t.is(appended.backlog.messages.at(-1)?.timestamp, NOW + 5000)
  t.true(appended.loses)
})

test('what one process settled, another takes without writing', (t) => {
  const known = said('a', 'b')
  const settled = takeIn(known, found(linesOf(known), NOW + 700), LIMITS, NOW + 5000).backlog
  const peer = takeIn(known, found(linesOf(settled), settled.timestamp, { edited: settled.edited }), LIMITS, NOW - 1000)
  t.deepEqual([peer.rewrite, peer.backlog.timestamp, peer.backlog.edited], [false, settled.timestamp, settled.edited])
  const late = takeIn(undefined, found(linesOf(settled), settled.timestamp, { edited: settled.edited }), LIMITS, NOW - 1000)
  t.deepEqual([late.rewrite, late.backlog.timestamp, late.backlog.edited], [false, settled.timestamp, settled.edited])
})

test('an edit that another process took in before it went on is a reset here, too', (t) => {
  const known = said('a', 'b')
  const [, b = ''] = linesOf(known)
  const edited = takeIn(known, found([b], NOW + 700), LIMITS, NOW + 700).backlog
  const after = commit(edited, [{ msg: 'c' }], LIMITS, NOW + 800).backlog
  const { backlog, removed } = takeIn(known, found(linesOf(after), after.timestamp, { edited: after.edited }), LIMITS, NOW + 900)
  t.like(newsFrom(backlog, known.timestamp), { reset: true, messages: after.messages })
  t.deepEqual(textsOf({ messages: removed }), ['a'])
})

test('an edit that another process settled behind messages that are new here is not settled again', (t) => {
  const [first, second] = [said('a'), said('a', 'b')]
  const settled = takeIn(second, found(linesOf(second), 1), LIMITS, NOW + 5000).backlog
  const taken = takeIn(first, found(linesOf(settled), settled.timestamp, { edited: settled.edited }), LIMITS, NOW + 5000)
  t.deepEqual([taken.rewrite, taken.backlog.timestamp], [false, settled.timestamp])
  t.true(newsFrom(taken.backlog, first.timestamp)?.reset)
})

test('an edit with a new line at the end has the timestamp that the first process gave it', (t) => {
  const known = said('a', 'b')
  const [a = ''] = linesOf(known)
  const settled = takeIn(known, found([a, 'new'], NOW + 700), LIMITS, NOW + 5000).backlog
  const peer = takeIn(known, found(linesOf(settled), settled.timestamp, { edited: settled.edited }), LIMITS, NOW + 6000)
  t.deepEqual([peer.rewrite, peer.backlog.timestamp, peer.backlog.edited], [false, settled.timestamp, settled.edited])
  t.true(newsFrom(peer.backlog, known.timestamp)?.reset)
})

test('after a restart with the clock set back, what was written before is believed', (t) => {
  const backlog = said('a', 'b')
  const taken = takeIn(undefined, found([...linesOf(backlog), 'by hand'], NOW - 3_600_000), LIMITS, NOW - 3_600_000)
  t.deepEqual(taken.backlog.messages.slice(0, 2), backlog.messages)
  t.true(taken.backlog.timestamp > backlog.timestamp)
})

test('only what a person wrote and cannot stay counts as lost', (t) => {
  const known = said('a', 'b', 'c', 'd')
  const cases: readonly [lines: string[], loses: boolean, more?: Partial<Found>][] = [
    [[...linesOf(known), 'one more'], false],
    [[...linesOf(known), '1', '2', '3', '4', '5'], true],
    [[...linesOf(known), '{"msg":"a","nick":7}'], true],
    [[...linesOf(known), 'x'.repeat(1001)], true],
    [[...linesOf(known), '', 'after an empty line'].filter((line) => line !== ''), false, { clean: false }],
    [[...linesOf(known), 'caf\ufffd'], true, { clean: false, legible: false }],
    [linesOf(known).toSpliced(1, 0, 'between'), true],
    [linesOf(known).map((line) => line.replaceAll(',', ', ')), false],
    [linesOf(known).map((line) => line.replace('"d"', '"caf\ufffd"')), true, { legible: false }],
  ]
  for (const [lines, loses, more] of cases)
    t.like(takeIn(known, found(lines, NOW + 700, more), LIMITS, NOW + 5000), { rewrite: true, loses }, lines.at(-1))
})

test('that another process left out old joins and parts is no edit, and no gap', (t) => {
  const known = comings(said('a', 'b'), 3)
  const other = comings(known, 3, LIMITS, NOW + 2000)
  t.deepEqual(textsOf(other), ['a', 'b', '', '', '', ''])
  const taken = takeIn(known, found(linesOf(other), other.timestamp), LIMITS, NOW + 5000)
  t.deepEqual(taken, { backlog: other, rewrite: false, loses: false, edit: false, removed: [] })
  const [, , join = ''] = linesOf(known)
  const withoutA = [...linesOf(other)].filter((_, i) => i !== 0)
  t.true(takeIn(known, found([join, ...withoutA.slice(1)], other.timestamp), LIMITS, NOW + 5000).edit)
})

test('when others pushed out all that is known, and that was joins and parts, the room goes on', (t) => {
  const known = comings(EMPTY, 4)
  const other = comings(known, 9, LIMITS, NOW + 2000)
  const { backlog, edit } = takeIn(known, found(linesOf(other), other.timestamp), LIMITS, NOW + 5000)
  t.false(edit)
  t.is(newsFrom(backlog, known.timestamp)?.gap, undefined)
})

test('of many joins and parts by another process nothing known is left but what was said', (t) => {
  const known = comings(said('a', 'b'), 4)
  const other = comings(known, 9, LIMITS, NOW + 2000)
  const { backlog, edit } = takeIn(known, found(linesOf(other), other.timestamp), LIMITS, NOW + 5000)
  t.false(edit)
  t.deepEqual(backlog, other)
  t.is(newsFrom(backlog, known.timestamp)?.gap, undefined)
})
