/** Servers that mean harm, or are broken: what the client, `roomfile follow` and `roomfile post` make of their answers. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import ava from 'ava'
import type { Connection, RoomError, RoomEvent } from '../../client/api/client.ts'
import { linesIn, MOST_TEXT, wholeOf, type Text } from '../../server/command/input.ts'
import { postAll } from '../../server/command/posting.ts'
import { ask } from '../../client/api/ask.ts'
import { poll } from '../helpers/chat.ts'
import { ended, runner, type Runner } from '../helpers/command.ts'
import { drops, gives, madeUp, noting, parks, says, type Answer } from '../helpers/made-up.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const MIB = 2 ** 20

const hello = { id: '5-0', timestamp: 5, type: 'msg', nick: 'ann', msg: 'hello' } as const

const tells = (news: unknown): Answer => gives({ rooms: { lobby: news } })
const refuses = (status: number, message: unknown, code: unknown = 'because'): Answer => gives({ error: { code, message } }, status)

const good = tells({ timestamp: 5, messages: [hello] })

/** The events up to and with the first message. */
async function untilTold(connection: Connection): Promise<RoomEvent[]> {
  const events: RoomEvent[] = []
  for await (const event of connection) {
    events.push(event)
    if (event.type === 'messages') break
  }
  return events
}

/** The codes of the errors for which a connection waited. */
function waitedFor(events: readonly RoomEvent[]): unknown[] {
  return events.flatMap((event) => (event.type === 'state' && event.state === 'waiting' ? [(event.error as RoomError).code] : []))
}

const elsewhere = (status: number): Answer => says('', status, { Location: 'http://127.0.0.1:9/sorry' })

/** An object with so many members. */
const wide = (count: number): string => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 1])))

/** An answer that never ends; `written` has how many bytes of each were written before the client hung up. */
function endless(status = 200): Answer & { readonly written: Promise<number>[] } {
  const written: Promise<number>[] = []
  const answer = (res: ServerResponse): void => {
    res.writeHead(status)
    res.write('{"rooms":{')
    written.push(writeUntilCut(res, Buffer.alloc(64 * 1024, ' ')))
  }
  return Object.assign(answer, { written })
}

/** Writes the same bytes again and again; resolves to how many until the client hangs up. */
async function writeUntilCut(res: ServerResponse, bytes: Buffer): Promise<number> {
  let written = 0
  const closed = once(res, 'close')
  while (!res.destroyed) {
    written += bytes.length
    if (!res.write(bytes)) await Promise.race([once(res, 'drain'), closed])
  }
  return written
}

// Wrong types

const message = (more: object): object => ({ timestamp: 5, messages: [{ ...hello, ...more }] })
const presence = (more: object): object => ({ timestamp: 5, messages: [], presence: { version: 1, who: [], typing: [], ...more } })

const wrongPolls: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'null',
    '5',
    '"text"',
    '[]',
    '{}',
    '',
    '<html>',
    '{"rooms":{',
    '{"rooms":[]}',
    '{"rooms":null}',
    '{"rooms":5}',
    '{"rooms":{"lobby":{"timestamp":1e999,"messages":[]}}}',
    ...[
      null,
      5,
      'text',
      [],
      {},
      { timestamp: 5 },
      { timestamp: '5', messages: [] },
      { timestamp: -1, messages: [] },
      { timestamp: 1.5, messages: [] },
      { timestamp: 5, messages: {} },
      { timestamp: 5, messages: [null] },
      { timestamp: 5, messages: ['text'] },
      { timestamp: 5, messages: [[]] },
      { timestamp: 5, messages: [hello, {}] },
      { timestamp: 5, messages: [], reset: 'yes' },
      { timestamp: 5, messages: [], gap: 1 },
      { timestamp: 5, messages: [], lost: {} },
      { timestamp: 5, messages: [], lost: [5] },
      { timestamp: 5, messages: [], presence: 5 },
      message({ id: 5 }),
      message({ id: '../etc' }),
      message({ timestamp: 'today' }),
      message({ type: 'script' }),
      message({ type: null }),
      message({ nick: 5 }),
      message({ nick: undefined }),
      message({ nick: { toString: 'x' } }),
      message({ msg: ['text'] }),
      message({ msg: null }),
      message({ cid: 5 }),
      presence({ version: 'x' }),
      presence({ who: 'ann' }),
      presence({ who: [5] }),
      presence({ typing: [null] }),
      { error: 5 },
      { error: { code: 'a', message: 'b' } },
      { error: { status: '404', code: 'a', message: 'b' } },
    ].map((news) => JSON.stringify({ rooms: { lobby: news } })),
  ].map((body) => [body, body]),
)

test('a poll with an answer of the wrong types is asked again, and the follower hears why', async (t) => {
  for (const [name, body] of Object.entries(wrongPolls)) {
    const { join } = await madeUp(t, says(body), good, parks)
    const events = await untilTold(join({ presence: true }))
    t.deepEqual(waitedFor(events), ['not_roomfile'], name)
    t.like(events.at(-1), { messages: [hello] }, name)
  }
})

test('a post with an answer of the wrong types is posted again under its cid', async (t) => {
  for (const wrong of [[], null, {}, { id: 5, timestamp: 5 }, { id: '5-0' }, { id: '5-0', timestamp: '5' }, { id: 'x', timestamp: 5 }]) {
    const posted: { cid: unknown }[] = []
    const { join } = await madeUp(t, noting(posted, gives(wrong, 201)), noting(posted, gives({ id: '5-0', timestamp: 5 }, 201)))
    t.deepEqual(await join().post('hi'), { id: '5-0', timestamp: 5 })
    t.is(posted.length, 2)
    t.is(posted[0]?.cid, posted[1]?.cid)
  }
})

test('the id of a session cannot lead a request to another address', async (t) => {
  const ids = [5, '', '../../other', 'a/b', 'a,dev:0', 'x'.repeat(101)]
  const { join, asked } = await madeUp(t, ...ids.map((id) => gives({ id, nick: 'ann' }, 201)), gives({ id: 'good-1', nick: 'ann' }, 201))
  const room = join()
  await room.join('ann')
  await room.leave()
  t.is(asked.filter((line) => line === 'POST /chat/rooms/lobby/sessions').length, ids.length + 1)
  t.deepEqual(asked.slice(ids.length + 1), ['DELETE /chat/rooms/lobby/sessions/good-1'])
})

test('a refusal whose code and message are of the wrong types, or endless, is told in our words', async (t) => {
  const { join } = await madeUp(t, refuses(404, { a: 1 }, ['x']), refuses(404, 'why '.repeat(MIB), 'x'.repeat(MIB)))
  t.like(await t.throwsAsync(join().post('hi')), { status: 404, code: 'http_404', message: 'HTTP 404' })
  const error = await t.throwsAsync<RoomError>(join().post('hi'))
  t.is(error.code, 'http_404')
  t.true(error.message.length < 1000 && error.message.startsWith('why why'))
})

// Too much, and too slow

test('an endless answer is cut off at the budget, and asked again', async (t) => {
  const first = endless()
  const { join } = await madeUp(t, first, good, parks)
  t.deepEqual(waitedFor(await untilTold(join({ maxAnswer: MIB }))), ['answer_too_large'])
  const [written = Infinity] = await Promise.all(first.written)
  t.true(written < 32 * MIB, `${written} bytes`) // beyond the budget there is what the buffers of the system hold
})

test('answers beyond a budget of bytes, values, members or levels are refused, and those within are not', async (t) => {
  const most = MIB
  const cases: readonly [name: string, body: string | Buffer, headers: Record<string, string>, code: string | undefined][] = [
    ['as many bytes', `{"a":"${'x'.repeat(most - 8)}"}`, {}, undefined],
    ['one byte more', `{"a":"${'x'.repeat(most - 7)}"}`, {}, 'answer_too_large'],
    ['packed', gzipSync(Buffer.alloc(16 * MIB, ' ')), { 'Content-Encoding': 'gzip' }, 'answer_too_large'],
    ['empty arrays', `{"a":[${'[],'.repeat(most / 4)}[]]}`, {}, 'answer_too_large'],
    ['numbers', `{"a":[${'1,'.repeat(most / 4)}1]}`, {}, 'answer_too_large'],
    ['commas in a text', `{"a":"${',['.repeat(most / 4)}\\\\\\"${',{'.repeat(most / 8)}"}`, {}, undefined],
    ['levels', `{"a":${'['.repeat(2000)}${']'.repeat(2000)}}`, {}, 'answer_too_large'],
    ['levels that never end', '['.repeat(most / 2), {}, 'answer_too_large'],
    ['few levels, many times', `{"a":[${'[[[[]]]],'.repeat(1000)}1]}`, {}, undefined],
    ['members', wide(1001), {}, 'answer_too_large'],
    ['members of many', `{"a":[${`${wide(500)},`.repeat(10)}1]}`, {}, undefined],
  ]
  for (const [name, body, headers, code] of cases) {
    const { url } = await madeUp(t, says(body, 200, headers))
    const refused = await ask(url, { maxAnswer: most }).then(
      () => undefined,
      (error: RoomError) => error.code,
    )
    t.is(refused, code, name)
  }
})

test('an error with an endless body is cut off, too', async (t) => {
  const error = endless(500)
  const { url } = await madeUp(t, error)
  t.like(await t.throwsAsync(ask(url, { maxAnswer: MIB })), { code: 'answer_too_large' })
  const [written = Infinity] = await Promise.all(error.written)
  t.true(written < 32 * MIB, `${written} bytes`)
})

test('an answer that dribbles is given up when its time is over, and asked again', async (t) => {
  let closed: Promise<unknown> | undefined
  const dribbles: Answer = (res) => {
    res.writeHead(200)
    const dribble = setInterval(() => res.write(' '), 5)
    closed = once(res, 'close').finally(() => clearInterval(dribble))
  }
  const { join, url } = await madeUp(t, dribbles, good, dribbles)
  const events = await untilTold(join({ grace: 300 }))
  t.deepEqual(waitedFor(events), ['timeout'])
  await closed
  t.like(await t.throwsAsync(ask(url, { body: { msg: 'hi' }, timeout: 300 })), { code: 'timeout', status: 0 })
  await closed
})

// Elsewhere

test('nothing is sent on to where a redirect points: no poll, no message, no token, no nick', async (t) => {
  const other = await madeUp(t, good)
  for (const status of [300, 301, 302, 303, 307, 308]) {
    const server = await madeUp(t, says('', status, { Location: `${other.url}/rooms` }))
    for (const request of [{}, { body: { msg: 'hi' } }, { method: 'DELETE' }] as const) {
      const error = await t.throwsAsync<RoomError>(ask(`${server.url}/rooms/lobby`, { token: 'secret', ...request }))
      t.like(error, { status, code: 'redirected' })
      t.true(error.message.includes(`${other.url}/rooms`), error.message)
    }
  }
  t.deepEqual(other.asked, [])
})

test('a redirect for a while is waited out, one for good ends the connection', async (t) => {
  const { join } = await madeUp(t, elsewhere(302), elsewhere(303), elsewhere(307), good, elsewhere(308))
  const room = join()
  t.deepEqual(waitedFor(await untilTold(room)), ['redirected', 'redirected', 'redirected'])
  t.like(await t.throwsAsync(room.post('hi')), { code: 'redirected', status: 308 })
  t.like(await t.throwsAsync(untilTold(room)), { code: 'redirected', status: 308 })
})

// In a terminal

/** What no terminal may get from outside: all that it obeys, and what turns the direction of a line. */
const COMMANDS = /[^\P{Cc}\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/u

const NASTY = '\u001b]0;owned\u0007\u001b[2J\u009b31m\rgone\nroomfile: forged \u202egnp\u2066\u2028.\u061c'

test('what a server says of an error is printed in one line, and obeyed by no terminal', async (t) => {
  const { url } = await madeUp(t, refuses(403, NASTY))
  for (const args of [
    ['follow', url],
    ['follow', '--nick', 'ann', url],
    ['post', url, 'lobby', 'hi'],
    ['post', '--lines', url, 'lobby'],
  ]) {
    const { code, out, err } = await ended(args, 'hi\n')
    t.is(code, 1)
    t.is(out, '')
    t.regex(err, /^roomfile: [^\n]*␛\]0;owned␇␛\[2J\ufffd31m␍gone␊roomfile: forged <U\+202E>gnp<U\+2066><U\+2028>\.<U\+061C>\n$/)
    t.notRegex(err, COMMANDS)
  }
})

test('what a follower waits for is printed the same way, and it goes on', async (t) => {
  const { url } = await madeUp(t, refuses(503, NASTY), good, parks)
  const bob = runner(t, ['follow', url])
  t.regex((await bob.line()) ?? '', /^\d\d:\d\d ann: hello$/)
  const note = (await bob.note()) ?? ''
  t.regex(note, /^roomfile: no connection, trying again: ␛/)
  t.notRegex(note, COMMANDS)
  t.is(await bob.stop(), 0)
})

test('a nick and a text that turn the direction of the line are printed as they were typed', async (t) => {
  const turned = { ...hello, nick: '\u202enna\u2069\tx\ny', msg: 'a \u2066b\u061c' }
  const messages = [turned, { ...turned, id: '5-1', type: 'join' }]
  for (const [args, ...lines] of [
    [['follow'], '<U+202E>nna<U+2069>␉x␊y: a <U+2066>b<U+061C>', '* <U+202E>nna<U+2069>␉x␊y came in'],
    [['follow', '--json'], String.raw`{"id":"5-0","timestamp":5,"type":"msg","nick":"\u202enna\u2069\tx\ny","msg":"a \u2066b\u061c"}`],
  ] as const) {
    const { url } = await madeUp(t, tells({ timestamp: 5, messages }), parks)
    const bob = runner(t, [...args, url])
    for (const line of lines) t.is((await bob.line())?.replace(/^\d\d:\d\d /, ''), line)
  }
})

test('follow goes on after answers of the wrong types and without an end, and says why', async (t) => {
  const { url } = await madeUp(
    t,
    tells(message({ nick: 5 })),
    good,
    endless(),
    tells({ timestamp: 6, messages: [{ ...hello, id: '6-0', timestamp: 6, msg: 'again' }] }),
    parks,
  )
  const bob = runner(t, ['follow', url])
  t.regex((await bob.line()) ?? '', / ann: hello$/)
  t.regex((await bob.note()) ?? '', /trying again: The answer is not one of roomfile/)
  t.is(await bob.note(), 'roomfile: connected again')
  t.regex((await bob.line()) ?? '', / ann: again$/)
  t.is(await bob.note(), 'roomfile: no connection, trying again: The answer is too large: more than 67108864 bytes.')
})

test('post and follow do not go where a redirect points, and say where that is', async (t) => {
  const other = await madeUp(t, gives({ id: '5-0', timestamp: 5 }, 201))
  const { url } = await madeUp(t, says('', 308, { Location: `${other.url}/rooms/lobby` }))
  for (const args of [
    ['follow', url],
    ['post', '--token', 'secret', url, 'lobby', 'hi'],
  ]) {
    const { code, err } = await ended(args)
    t.is(code, 1)
    t.true(err.includes(`to ${other.url}/rooms/lobby`), err)
  }
  t.deepEqual(other.asked, [])
})

// Standard input

test('a line that is too long is told of, and those behind it are posted', async (t) => {
  const { url } = await serve(t, { maxMessage: 1024 })
  const { code, out, err } = await ended(['post', '--lines', url, 'lobby'], `one\n${'x'.repeat(1025)}\n\nfour\n${'y'.repeat(900_000)}\nsix`)
  t.is(code, 1)
  t.is(out, '')
  t.regex(err, /^roomfile: line 2 not posted: [^\n]*1025 bytes; 1024 are the most\nroomfile: line 5 not posted: [^\n]+\n$/)
  t.deepEqual(
    (await poll(url, 'lobby')).messages.map(({ msg }) => msg),
    ['one', 'four', 'six'],
  )
})

/** Writes to a command; resolves when there is room for more. */
async function write({ input }: Runner, bytes: Buffer): Promise<void> {
  if (!input.write(bytes)) await once(input, 'drain')
}

test('a line without an end is told of as soon as it is too long, and what comes behind it is posted', async (t) => {
  const { url } = await serve(t)
  const posting = runner(t, ['post', '--lines', url, 'lobby'])
  await write(posting, Buffer.alloc(MOST_TEXT + 1, 'x'))
  t.is(await posting.note(), `roomfile: line 1 not posted: it has more than ${MOST_TEXT} bytes`)
  for (let n = 0; n < 8; n++) await write(posting, Buffer.alloc(MIB, 'x'))
  posting.input.end('\nafter it\n')
  t.is(await posting.ended, 1)
  t.deepEqual(
    (await poll(url, 'lobby')).messages.map(({ msg }) => msg),
    ['after it'],
  )
})

test('more than a text can be is read no further', async (t) => {
  const { url } = await serve(t)
  const { code, err } = await ended(['post', url, 'lobby'], Buffer.alloc(8 * MIB, 'x'))
  t.is(code, 1)
  t.is(err, `roomfile: not posted: it has more than ${MOST_TEXT} bytes\n`)
  let read = 0
  await texts(wholeOf(forEver(Buffer.alloc(64 * 1024, 'x'), (bytes) => (read += bytes))))
  t.true(read <= MOST_TEXT + 64 * 1024, `${read} bytes`)
})

/** The same bytes for ever; `took` is told how many were taken each time. */
async function* forEver(bytes: Buffer, took: (count: number) => void): AsyncGenerator<Buffer> {
  for (;;) {
    took(bytes.length)
    yield bytes
  }
}

async function* chunks(...parts: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part)
}

async function texts(found: AsyncIterable<Text>): Promise<Text[]> {
  const all: Text[] = []
  for await (const text of found) all.push(text)
  return all
}

test('lines are found however the input is cut, and characters stay whole', async (t) => {
  const input = Buffer.from('one\r\n\n \n四\nfive')
  const expected = [
    { line: 1, text: 'one' },
    { line: 4, text: '四' },
    { line: 5, text: 'five' },
  ]
  for (let size = 1; size <= input.length; size++) {
    const parts = Array.from({ length: Math.ceil(input.length / size) }, (_, n) => input.subarray(n * size, (n + 1) * size))
    t.deepEqual(await texts(linesIn(chunks(...parts))), expected, `${size}`)
  }
  const most = 'x'.repeat(MOST_TEXT)
  t.deepEqual(await texts(linesIn(chunks(most, '\n', most, 'y', 'z', '\nlast'))), [
    { line: 1, text: most },
    { line: 2, text: undefined },
    { line: 3, text: 'last' },
  ])
  t.deepEqual(await texts(wholeOf(chunks('a\nb', '\r\n\n'))), [{ text: 'a\nb' }])
})

test('while the server is away, no more is read of standard input, and nothing is lost, twice or out of order', async (t) => {
  const tries = 8
  const posted: { msg: string; cid: string }[] = []
  const takes = noting(posted, (res, req) => gives({ id: `${posted.length}-0`, timestamp: posted.length }, 201)(res, req))
  let read = 0
  const readWhileAway: number[] = []
  const away: Answer = (res) => {
    readWhileAway.push(read)
    res.destroy()
  }
  const loses = noting(posted, drops) // taken, and the answer is lost
  const { join } = await madeUp(t, ...Array.from({ length: tries }, () => away), takes, loses, refuses(429, 'slow'), takes)
  const input = async function* (): AsyncGenerator<Buffer> {
    for (let n = 0; n < 100; n++) {
      read += 1
      yield Buffer.from(`${n}\n`)
    }
  }
  const notes: string[] = []
  const areAllPosted = await postAll(linesIn(input()), join(), { tries: Infinity, say: (note) => void notes.push(note) })
  t.true(areAllPosted)
  t.deepEqual(
    readWhileAway,
    Array.from({ length: tries }, () => 1),
  )
  const kept = new Map(posted.map(({ cid, msg }) => [cid, msg]))
  t.deepEqual(
    [...kept.values()],
    Array.from({ length: 100 }, (_, n) => String(n)),
  )
  t.is(posted.length, 101)
  t.is(notes.length, 4, notes.join('\n'))
  t.regex(notes[0] ?? '', /^no connection, trying again: /)
  t.is(notes[1], 'connected again')
})

test('post --lines goes on when the server is back, and keeps the order', async (t) => {
  const first = await serve(t)
  const posting = runner(t, ['post', '--lines', first.url, 'lobby'])
  posting.input.write('one\n')
  await poll(first.url, 'lobby', { timestamp: 1, wait: 60 })
  await first.close()
  posting.input.write('two\nthree\n')
  t.regex((await posting.note()) ?? '', /^roomfile: no connection, trying again: /)
  const second = await serve(t, { port: Number(new URL(first.url).port) }, first.directory)
  t.is(await posting.note(), 'roomfile: connected again')
  posting.input.end('four\n')
  t.is(await posting.ended, 0)
  t.deepEqual(
    (await poll(second.url, 'lobby')).messages.map(({ msg }) => msg),
    ['one', 'two', 'three', 'four'],
  )
})

test('post ends after its tries, and at a refusal that is meant for all, with the line and the reason', async (t) => {
  const away = await madeUp(t, drops)
  const gaveUp = await ended(['post', '--lines', '--tries', '1', away.url, 'lobby'], 'one\ntwo\n')
  t.is(gaveUp.code, 1)
  t.regex(gaveUp.err, /^roomfile: line 1 not posted: [^\n]+\n$/)
  const closed = await madeUp(t, refuses(401, 'no token', 'no_token'))
  t.like(await ended(['post', '--lines', closed.url, 'lobby'], 'one\ntwo\n'), {
    code: 1,
    err: 'roomfile: line 1 not posted: no token\n',
  })
  t.is(closed.asked.length, 1)
})
