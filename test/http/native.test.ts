/** The native protocol, address by address, as PROTOCOL.md says; and /healthz, for whoever restarts a server, or sends others to it. */
import { readFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setImmediate as immediate } from 'node:timers/promises'
import ava from 'ava'
import { poll, post, send, type Send } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const JSON_TYPE = { 'Content-Type': 'application/json' }
const TEXT = { 'Content-Type': 'text/plain' }

const posts: readonly { name: string; headers: Record<string, string>; body: string; kept: { msg: string; nick: string } }[] = [
  { name: 'a form', headers: FORM, body: 'msg=hi+there%21&nick=ann', kept: { msg: 'hi there!', nick: 'ann' } },
  {
    name: 'a form with a charset',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8' },
    body: 'msg=%E4%BD%A0',
    kept: { msg: '你', nick: '' },
  },
  { name: 'JSON', headers: JSON_TYPE, body: '{"msg":"line\\none","nick":"李"}', kept: { msg: 'line\none', nick: '李' } },
  { name: 'bare text', headers: TEXT, body: '  two  \nlines & more=1\n', kept: { msg: '  two  \nlines & more=1', nick: '' } },
  { name: 'bare text without a type', headers: {}, body: 'plain', kept: { msg: 'plain', nick: '' } },
  {
    name: "bare text as curl -d 'backup done' sends it",
    headers: FORM,
    body: 'backup done: 100% & a=b',
    kept: { msg: 'backup done: 100% & a=b', nick: '' },
  },
]

for (const { name, headers, body, kept } of posts) {
  test(`a post as ${name} is kept`, async (t) => {
    const { url } = await serve(t)
    const answer = await send(`${url}/rooms/lobby`, { headers, body })
    t.is(answer.status, 201)
    const { id, timestamp } = JSON.parse(answer.text) as { id: string; timestamp: number }
    t.is(id, `${timestamp}-0`)
    const { messages, msg } = await poll(url, 'lobby')
    t.deepEqual(messages, [{ id, timestamp, type: 'msg', ...kept }])
    t.is(msg, kept.msg)
  })
}

interface Refused {
  readonly name: string
  readonly path?: string
  readonly send?: Send
  readonly status: number
  readonly code: string
  /** What the message must name. */
  readonly says?: RegExp
  readonly headers?: Record<string, string>
}

const bigJson = JSON.stringify({ msg: 'x'.repeat(16_385) })
const refusals: readonly Refused[] = [
  { name: 'JSON that is none', send: { headers: JSON_TYPE, body: '{"msg":' }, status: 400, code: 'bad_json' },
  { name: 'JSON that is no object', send: { headers: JSON_TYPE, body: '["msg"]' }, status: 400, code: 'bad_json' },
  { name: 'JSON without msg', send: { headers: JSON_TYPE, body: '{"nick":"ann"}' }, status: 400, code: 'missing_message' },
  { name: 'JSON whose msg is no text', send: { headers: JSON_TYPE, body: '{"msg":{"a":1}}' }, status: 400, code: 'bad_message' },
  { name: 'a form without msg', send: { headers: FORM, body: 'nick=ann' }, status: 400, code: 'missing_message' },
  { name: 'an empty body', send: { body: '' }, status: 400, code: 'empty_message' },
  { name: 'a message of blanks', send: { headers: FORM, body: 'msg=+%0A' }, status: 400, code: 'empty_message' },
  { name: 'a nick with a newline', send: { headers: JSON_TYPE, body: '{"msg":"a","nick":"a\\nb"}' }, status: 400, code: 'bad_nick' },
  {
    name: 'a nick of 51 characters',
    send: { headers: JSON_TYPE, body: JSON.stringify({ msg: 'a', nick: '李'.repeat(51) }) },
    status: 400,
    code: 'bad_nick',
  },
  { name: 'an empty cid', send: { headers: JSON_TYPE, body: '{"msg":"a","cid":""}' }, status: 400, code: 'bad_cid' },
  {
    name: 'a message above 16 KiB',
    send: { headers: JSON_TYPE, body: bigJson },
    status: 413,
    code: 'too_large',
    says: /16385 bytes; 16384/,
  },
  { name: 'a body far above any message', send: { headers: TEXT, body: 'x'.repeat(200_000) }, status: 413, code: 'too_large' },
  { name: 'a body that is not UTF-8', send: { headers: TEXT, body: Buffer.from([0x63, 0xe9]) }, status: 400, code: 'bad_encoding' },
  {
    name: 'another type',
    send: { headers: { 'Content-Type': 'multipart/form-data; boundary=x' }, body: '--x--' },
    status: 415,
    code: 'wrong_type',
    says: /multipart\/form-data/,
  },
  {
    name: 'another charset',
    send: { headers: { 'Content-Type': 'text/plain; charset=latin1' }, body: 'a' },
    status: 415,
    code: 'wrong_type',
  },
  { name: 'a room with a dot', path: '/rooms/a.b', status: 400, code: 'bad_room', says: /"a\.b"/ },
  { name: 'a way out of the directory', path: '/rooms/..%2Fetc', status: 400, code: 'bad_room' },
  { name: 'a room name of 65 letters', path: `/rooms/${'x'.repeat(65)}`, status: 400, code: 'bad_room' },
  { name: 'a room name with a NUL', path: '/rooms/a%00b', status: 400, code: 'bad_room' },
  { name: 'a path that cannot be decoded', path: '/rooms/%E0%A4%A', status: 400, code: 'bad_room' },
  {
    name: 'a timestamp that is no number',
    path: '/rooms/lobby?timestamp=yesterday',
    status: 400,
    code: 'bad_timestamp',
    says: /"yesterday"/,
  },
  { name: 'a negative timestamp', path: '/rooms/lobby?timestamp=-1', status: 400, code: 'bad_timestamp' },
  { name: 'a wait that is no number', path: '/rooms/lobby?wait=long', status: 400, code: 'bad_wait', says: /"long"/ },
  { name: 'a wait of 61 s', path: '/rooms/lobby?wait=61', status: 400, code: 'bad_wait' },
  { name: 'a poll of rooms without timestamps', path: '/rooms?poll=lobby', status: 400, code: 'bad_poll', says: /"lobby"/ },
  { name: 'the file of a room that is not there', path: '/rooms/nobody/file', status: 404, code: 'no_room' },
  { name: 'an unknown address', path: '/nowhere', status: 404, code: 'not_found' },
  { name: 'a post to an unknown address', path: '/nowhere', send: { body: 'a' }, status: 404, code: 'not_found' },
  {
    name: 'PUT on a room',
    send: { method: 'PUT', body: 'a' },
    status: 405,
    code: 'method_not_allowed',
    headers: { allow: 'GET, POST, OPTIONS, HEAD' },
  },
  {
    name: 'DELETE on the list',
    path: '/rooms',
    send: { method: 'DELETE' },
    status: 405,
    code: 'method_not_allowed',
    headers: { allow: 'GET, OPTIONS, HEAD' },
  },
]

test('what cannot be taken is refused with a stable code, and costs nothing else', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'before' })
  for (const { name, path = '/rooms/lobby', send: options, status, code, says = /./, headers = {} } of refusals) {
    const answer = await send(`${url}${path}`, options)
    t.is(answer.status, status, `${name}: ${answer.text}`)
    const { error } = JSON.parse(answer.text) as { error: { code: string; message: string } }
    t.is(error.code, code, name)
    t.regex(error.message, says, name)
    t.like(answer.headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers }, name)
  }
  t.is((await poll(url, 'lobby', { timestamp: 0, wait: 0 })).timestamp, timestamp)
})

test('the same cid again is answered as the first time, and stored once, even when it has left the backlog', async (t) => {
  const { url } = await serve(t, { backlog: 3 })
  const first = await post(url, 'lobby', { msg: 'once', cid: 'c-1' })
  t.deepEqual(await post(url, 'lobby', { msg: 'once', cid: 'c-1' }), first)
  for (const msg of ['a', 'b', 'c']) await post(url, 'lobby', { msg })
  t.deepEqual(await post(url, 'lobby', { msg: 'once', cid: 'c-1' }), first)
  t.deepEqual(
    (await poll(url, 'lobby')).messages.map(({ msg }) => msg),
    ['a', 'b', 'c'],
  )
})

test('without a timestamp, or with 0, a poll gets all there is at once; a room that is not there is empty', async (t) => {
  const { url } = await serve(t)
  t.deepEqual(await poll(url, 'nobody'), { timestamp: 1, msg: '', messages: [] })
  t.deepEqual(await poll(url, 'nobody', { timestamp: 0 }), { timestamp: 1, msg: '', messages: [] })
  await post(url, 'lobby', { msg: 'a' })
  t.is((await poll(url, 'lobby', { timestamp: 0 })).messages.length, 1)
})

test('a timestamp from the future is a reset, and an early one in a young room is no gap', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'a' })
  t.like(await poll(url, 'lobby', { timestamp: timestamp + 1000 }), { timestamp, reset: true })
  t.deepEqual(Object.keys(await poll(url, 'lobby', { timestamp: 1 })), ['timestamp', 'msg', 'messages'])
})

test('a poll whose wait ends says where to go on from', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'a' })
  t.deepEqual(await poll(url, 'lobby', { timestamp, wait: 0.2 }), { timestamp, msg: '', messages: [] })
})

test('one poll waits in many rooms, and is told of those with news', async (t) => {
  const { url } = await serve(t)
  const { timestamp: lobby } = await post(url, 'lobby', { msg: 'a' })
  const { timestamp: dev } = await post(url, '开发', { msg: 'b' })
  const parked = send(`${url}/rooms?poll=${encodeURIComponent(`lobby:${lobby},开发:${dev},empty:1`)}&wait=20`)
  await send(`${url}/rooms?poll=lobby:0&wait=0`)
  const { id, timestamp } = await post(url, '开发', { msg: 'c' })
  const { rooms } = JSON.parse((await parked).text) as { rooms: Record<string, unknown> }
  t.deepEqual(rooms, { 开发: { timestamp, msg: 'c', messages: [{ id, timestamp, type: 'msg', nick: '', msg: 'c' }] } })
  t.is((await send(`${url}/rooms?poll=lobby:${lobby}&wait=0`)).text, '{"rooms":{}}')
})

test('the list names the rooms, with their timestamps and how much they keep', async (t) => {
  const { url } = await serve(t)
  await post(url, 'dev', { msg: 'a' })
  const { timestamp } = await post(url, 'dev', { msg: 'b' })
  t.deepEqual(JSON.parse((await send(`${url}/rooms`)).text), { rooms: { dev: { timestamp, messages: 2, people: 0 } } })
})

test('a room name is the same room however its letters are composed', async (t) => {
  const { url } = await serve(t)
  await post(url, encodeURIComponent('cafe\u0301'), { msg: 'a' })
  t.is((await poll(url, 'caf\u00e9')).messages.length, 1)
})

test('If-None-Match waits like a timestamp, and is told 304 when nothing came', async (t) => {
  const { url } = await serve(t)
  await post(url, 'lobby', { msg: 'a' })
  const first = await send(`${url}/rooms/lobby`)
  const etag = first.headers.etag ?? ''
  const quiet = await send(`${url}/rooms/lobby`, { headers: { 'If-None-Match': etag, Prefer: 'wait=0' } })
  t.is(quiet.status, 304)
  t.is(quiet.headers.etag, etag)
  t.is(quiet.text, '')
  const parked = send(`${url}/rooms/lobby`, { headers: { 'If-None-Match': etag, Prefer: 'respond-async, wait=20' } })
  await send(`${url}/rooms/lobby`)
  const { timestamp } = await post(url, 'lobby', { msg: 'b' })
  const told = await parked
  t.is(told.headers.etag, `"${timestamp}"`)
  t.is((JSON.parse(told.text) as { msg: string; messages: unknown[] }).messages.length, 1)
})

test('the file itself: its bytes, its validators, its ranges', async (t) => {
  const server = await serve(t)
  await post(server.url, 'lobby', { msg: 'a' })
  const { timestamp } = await post(server.url, 'lobby', { msg: '你好' })
  const bytes = await readFile(server.file('lobby'), 'utf8')
  const whole = await send(`${server.url}/rooms/lobby/file`)
  t.is(whole.text, bytes)
  t.like(whole.headers, { etag: `"${timestamp}"`, 'accept-ranges': 'bytes', 'content-type': 'text/plain; charset=utf-8' })
  t.is((await send(`${server.url}/rooms/lobby/file`, { headers: { 'If-None-Match': `"${timestamp}"` } })).status, 304)
  const part = await send(`${server.url}/rooms/lobby/file`, { headers: { Range: 'bytes=2-11' } })
  t.is(part.status, 206)
  t.is(part.text, bytes.slice(2, 12))
  t.is(part.headers['content-range'], `bytes 2-11/${Buffer.byteLength(bytes)}`)
  const beyond = await send(`${server.url}/rooms/lobby/file`, { headers: { Range: 'bytes=99999-' } })
  t.is(beyond.status, 416)
  const stale = await send(`${server.url}/rooms/lobby/file`, { headers: { Range: 'bytes=2-11', 'If-Range': '"1"' } })
  t.is(stale.status, 200)
})

test('HEAD answers at once and without a body; OPTIONS says what an address takes', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'a' })
  const head = await send(`${url}/rooms/lobby?timestamp=${timestamp}`, { method: 'HEAD' })
  t.is(head.status, 200)
  t.is(head.text, '')
  const options = await send(`${url}/rooms/lobby`, { method: 'OPTIONS' })
  t.is(options.status, 204)
  t.is(options.headers.allow, 'GET, POST, OPTIONS, HEAD')
})

test('an address that posts too much is told so, with the time to wait, and polls on', async (t) => {
  const { url } = await serve(t, { rateLimit: 2 })
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(`${url}/rooms/lobby`, { body: String(n) })))
  const refused = answers.filter(({ status }) => status === 429)
  t.true(refused.length > 0 && refused.length < 20)
  t.regex(refused[0]?.headers['retry-after'] ?? '', /^\d+$/)
  t.is((JSON.parse(refused[0]?.text ?? '') as { error: { code: string } }).error.code, 'too_many_posts')
  t.is((await poll(url, 'lobby')).messages.length, 20 - refused.length)
})

test('an address parks a thousand polls and no more; a client that goes away frees its places', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'a' })
  const { port } = new URL(url)
  const status = async (): Promise<number> => (await send(`${url}/rooms/lobby?wait=0`)).status
  for (let round = 0; round < 2; round++) {
    // A hundred on each connection, one behind the other: a process may not be allowed to open a thousand.
    const sockets = Array.from({ length: 10 }, () => connect(Number(port), '127.0.0.1'))
    const request = `GET /rooms/lobby?timestamp=${timestamp} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    for (const socket of sockets) socket.write(request.repeat(100))
    while ((await status()) === 200) sockets[0]?.write(request) // our own question had taken a place
    const refused = await send(`${url}/rooms/lobby?wait=0`)
    t.is(refused.status, 429)
    t.regex(refused.text, /"too_many_polls"/)
    t.regex(refused.headers['retry-after'] ?? '', /^\d+$/)
    for (const socket of sockets) socket.destroy()
    while ((await status()) === 429) await immediate()
  }
  t.is(await status(), 200)
})

test('a directory that is gone, or that is none, is told by 503 and a code, for as long as that lasts', async (t) => {
  const { url, directory } = await serve(t)
  await post(url, 'lobby', { msg: 'a' })
  const health = (): Promise<{ status: number; text: string }> => send(`${url}/healthz`)
  t.like(await health(), { status: 200, text: '{"status":"ok"}' })
  await rename(directory, `${directory}-away`)
  const answers = [await health(), await send(`${url}/healthz`, { method: 'HEAD' })]
  t.deepEqual(
    answers.map(({ status }) => status),
    [503, 503],
  )
  t.is((JSON.parse(answers[0]?.text ?? '') as { error: { code: string } }).error.code, 'no_directory')
  await writeFile(directory, 'a file in its place')
  t.is((await health()).status, 503)
  await rename(directory, `${directory}-away/file`)
  await mkdir(directory)
  t.is((await health()).status, 200)
  await rename(`${directory}-away`, directory)
  t.like(await health(), { status: 200, text: '{"status":"ok"}' })
  await post(url, 'lobby', { msg: 'b' })
})
