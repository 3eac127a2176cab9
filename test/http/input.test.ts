/** What is posted and asked for: too much, too deep, twice, packed, and in bytes that are no text. Never a 500, and nothing but what was meant is kept. */
import { gzipSync } from 'node:zlib'
import { readFile } from 'node:fs/promises'
import ava from 'ava'
import { messagesIn, send } from '../helpers/chat.ts'
import { besiege, head, request, statusesIn, talk } from '../helpers/raw.ts'
import { serve, type ServeOptions } from '../helpers/serve.ts'

const test = ava.serial

const POST = 'POST /rooms/lobby'
const JSON_TYPE = 'Content-Type: application/json'
const FORM_TYPE = 'Content-Type: application/x-www-form-urlencoded'

const json = (body: string, line = POST): string => request(line, body, JSON_TYPE)
const form = (body: string, line = POST): string => request(line, body, FORM_TYPE)
/** A text as the bytes of its UTF-8, one a character. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1')

/** A request, the only status it may get, and the code of the error. */
type Attack = readonly [bytes: string, status: number, code?: string]

async function repel(
  t: Parameters<typeof besiege>[0],
  attacks: Readonly<Record<string, Attack>>,
  options: ServeOptions = {},
): Promise<void> {
  const { url, unharmed, standsAfter } = await besiege(t, options)
  for (const [name, [sent, status, code]] of Object.entries(attacks)) {
    const answer = await talk(url, sent)
    t.deepEqual(statusesIn(answer), [status], name)
    if (code !== undefined) t.true(answer.includes(`"code":"${code}"`), `${name}: ${answer.slice(0, 400)}`)
    await unharmed(name)
  }
  await standsAfter()
}

const LIMIT = 1024
const LIMITED = { maxMessage: LIMIT }

test('a message is as long as its bytes, not its characters: what is at the limit is kept, in every form', async (t) => {
  const server = await serve(t, LIMITED)
  const full = [
    'a'.repeat(LIMIT),
    'é'.repeat(LIMIT / 2),
    '😀'.repeat(LIMIT / 4),
    '\u0001'.repeat(LIMIT),
    '"'.repeat(LIMIT),
    `${'芝'.repeat(LIMIT / 3)}x`,
  ]
  for (const msg of full) {
    const sent = [
      request(POST, bytes(msg)),
      json(bytes(JSON.stringify({ msg }))),
      json(`{"msg":"${Array.from({ length: msg.length }, (_, i) => `\\u${msg.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"}`),
      form(`msg=${encodeURIComponent(msg)}&nick=${encodeURIComponent('芝'.repeat(50))}`),
      form(`msg=${encodeURIComponent(msg)}`, 'POST /new'),
      form(`message=${encodeURIComponent(msg)}`, 'POST /chat'),
    ]
    for (const post of sent) t.regex(await talk(server.url, post), /^HTTP\/1\.1 20[01] /, `${msg[0]} ${post.slice(0, 200)}`)
  }
  const kept = messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ msg }) => msg)
  t.deepEqual(
    kept,
    full.flatMap((msg) => Array.from({ length: 6 }, () => msg)),
  )
})

const over = 'a'.repeat(LIMIT + 1)
const huge = 'a'.repeat(1_000_000)

test('a message above the limit is refused, however its length is told', async (t) => {
  await repel(
    t,
    {
      'a byte too many': [request(POST, over), 413, 'too_large'],
      'a byte too many, of two-byte characters': [request(POST, bytes(`${'é'.repeat(LIMIT / 2)}a`)), 413, 'too_large'],
      'fewer characters, but more bytes': [request(POST, bytes('芝'.repeat(LIMIT / 2))), 413, 'too_large'],
      'a byte too many as JSON': [json(JSON.stringify({ msg: over })), 413, 'too_large'],
      'a byte too many as a form': [form(`msg=${over}`), 413, 'too_large'],
      'a byte too many of node_chat': [head(`GET /send?id=x&text=${over}`), 413],
      'a byte too many of gevent': [form(`msg=${over}`, 'POST /new'), 413, 'too_large'],
      'a byte too many of mochiweb': [form(`message=${over}`, 'POST /chat'), 413],
      'a byte too many of PHP': [form(`msg=${over}`, 'POST /comet.php'), 413, 'too_large'],
      '1 MB, announced': [request(POST, huge), 413, 'too_large'],
      '1 MB, announced and never sent': [head(POST, 'Content-Length: 1000000'), 413, 'too_large'],
      '1 PB, announced and never sent': [head(POST, 'Content-Length: 1000000000000000'), 413, 'too_large'],
      '1 MB in a chunk': [
        `${head(POST, 'Transfer-Encoding: chunked')}${huge.length.toString(16)}\r\n${huge}\r\n0\r\n\r\n`,
        413,
        'too_large',
      ],
      '20,000 chunks of a byte': [`${head(POST, 'Transfer-Encoding: chunked')}${'1\r\na\r\n'.repeat(20_000)}0\r\n\r\n`, 413, 'too_large'],
      '1 MB of blanks in JSON': [json(`${' '.repeat(1_000_000)}{"msg":"a"}`), 413, 'too_large'],
      '1 MB for PHP': [form(`msg=${huge}`, 'POST /comet.php'), 413, 'too_large'],
      '1 MB for gevent': [form(`msg=${huge}`, 'POST /new'), 413, 'too_large'],
      '1 MB for mochiweb': [form(`message=${huge}`, 'POST /chat'), 413],
      '1 MB for a session': [form(`nick=${huge}`, 'POST /rooms/lobby/sessions'), 413, 'too_large'],
      '1 MB for typing': [form(`session=${huge}`, 'POST /rooms/lobby/typing'), 413, 'too_large'],
      '1 MB for the sign-in': [form(`token=${huge}`, 'POST /sign-in'), 413, 'too_large'],
      '1 MB for an update': [form(`cursor=${huge}`, 'POST /update'), 413, 'too_large'],
      'a nick of 51': [json(JSON.stringify({ msg: 'a', nick: 'a'.repeat(51) })), 400, 'bad_nick'],
      'a cid of 101': [json(JSON.stringify({ msg: 'a', cid: 'a'.repeat(101) })), 400, 'bad_cid'],
      '101 rooms in a poll': [head(`GET /rooms?poll=${Array.from({ length: 101 }, (_, i) => `a${i}:0`).join()}`), 400, 'bad_poll'],
    },
    LIMITED,
  )
})

const deep = (open: string, close: string, inner = ''): string => open.repeat(100_000) + inner + close.repeat(100_000)

test('JSON as deep as a body allows, and JSON that says something else, costs nothing', async (t) => {
  const room = { maxMessage: 256 * 1024 }
  await repel(
    t,
    {
      '100,000 arrays': [json(deep('[', ']')), 400, 'bad_json'],
      '100,000 arrays that do not end': [json('['.repeat(100_000)), 400, 'bad_json'],
      '100,000 arrays for a msg': [json(`{"msg":${deep('[', ']')}}`), 400, 'bad_message'],
      '100,000 objects for a nick': [json(`{"msg":"a","nick":${deep('{"a":', '}', '1')}}`), 400, 'bad_nick'],
      '100,000 arrays for a cid': [json(`{"msg":"a","cid":${deep('[', ']')}}`), 400, 'bad_cid'],
      '100,000 arrays for a session': [json(`{"msg":"a","session":${deep('[', ']')}}`), 404, 'no_session'],
      '1,000 arrays for a nick that joins': [
        json(`{"nick":${'['.repeat(1000)}${']'.repeat(1000)}}`, 'POST /rooms/lobby/sessions'),
        400,
        'bad_nick',
      ],
      'an array': [json('["a"]'), 400, 'bad_json'],
      'a text': [json('"a"'), 400, 'bad_json'],
      nothing: [json(''), 400, 'bad_json'],
      'no object': [json('null'), 400, 'bad_json'],
      'a number for a msg': [json('{"msg":1}'), 400, 'bad_message'],
      'no msg': [json('{}'), 400, 'missing_message'],
      'a msg of blanks': [json('{"msg":" \\u00a0\\n"}'), 400, 'empty_message'],
      'half of it': [json('{"msg":"a'), 400, 'bad_json'],
      'more than one': [json('{"msg":"a"}{"msg":"b"}'), 400, 'bad_json'],
      'a comment': [json('{"msg":"a"/**/}'), 400, 'bad_json'],
      'a byte order mark before it': [json(bytes('\ufeff{"msg":"a"}')), 400, 'bad_json'],
      'a number too large for a timestamp': [head('GET /rooms/lobby?timestamp=99999999999999999999'), 400, 'bad_timestamp'],
    },
    room,
  )
})

/** Bytes as a form or an address escapes them. */
const escape = (raw: string): string => Array.from(raw, (char) => `%${char.charCodeAt(0).toString(16)}`).join('')

test('bytes that are no UTF-8 are refused, wherever they stand', async (t) => {
  const wrong = {
    'a lone byte': '\xff',
    overlong: '\xc0\xaf',
    'an overlong NUL': '\xc0\x80',
    'a surrogate': '\xed\xa0\x80',
    'half a character': '\xe8\x8a',
    'beyond Unicode': '\xf4\x90\x80\x80',
  }
  const attacks = Object.entries(wrong).flatMap(([name, raw]): [string, Attack][] => [
    [`${name} in a text`, [request(POST, `a${raw}`), 400, 'bad_encoding']],
    [`${name} in JSON`, [json(`{"msg":"a${raw}"}`), 400, 'bad_encoding']],
    [`${name} in a form`, [form(`msg=a${raw}`), 400, 'bad_encoding']],
    [`${name} in a form's escapes`, [form(`msg=a${escape(raw)}`), 400, 'bad_encoding']],
    [`${name} in a form's field that is not asked for`, [form(`msg=a&x=${escape(raw)}`), 400, 'bad_encoding']],
    [`${name} for gevent`, [form(`msg=a${escape(raw)}`, 'POST /new'), 400, 'bad_encoding']],
    [`${name} for PHP`, [form(`msg=a${escape(raw)}`, 'POST /comet.php'), 400, 'bad_encoding']],
    [`${name} for mochiweb`, [form(`message=a${raw}`, 'POST /chat'), 400]],
    [`${name} for node_chat`, [head(`GET /join?nick=a${escape(raw)}`), 400, 'bad_encoding']],
    [`${name} in a room's name`, [request(`POST /rooms/a${escape(raw)}`, 'a'), 400, 'bad_room']],
    [`${name} in a query`, [head(`GET /rooms/lobby?timestamp=${escape(raw)}`), 400, 'bad_encoding']],
    [`${name} in a list of rooms`, [head(`GET /rooms?poll=a${escape(raw)}:0`), 400, 'bad_encoding']],
    [`${name} in an address`, [head(`GET /${escape(raw)}`), 404, 'not_found']],
    [`${name}, bare, in an address`, [head(`GET /rooms/a${raw}`), 400]],
    [`${name} as a session`, [head(`GET /rooms/lobby?wait=0&session=${escape(raw)}`), 400, 'bad_encoding']],
  ])
  await repel(t, Object.fromEntries(attacks))
})

test('packed bodies, other alphabets and files are refused with 415', async (t) => {
  const packed = gzipSync(JSON.stringify({ msg: 'a' })).toString('latin1')
  const bomb = gzipSync(Buffer.alloc(50_000_000)).toString('latin1')
  await repel(t, {
    gzip: [request(POST, packed, JSON_TYPE, 'Content-Encoding: gzip'), 415, 'wrong_type'],
    '50 MB in gzip': [request(POST, bomb, JSON_TYPE, 'Content-Encoding: gzip'), 415, 'wrong_type'],
    'gzip that is none': [request(POST, 'a', 'Content-Encoding: gzip'), 415, 'wrong_type'],
    br: [request(POST, 'a', 'Content-Encoding: br'), 415, 'wrong_type'],
    'gzip twice': [request(POST, 'a', 'Content-Encoding: gzip, gzip'), 415, 'wrong_type'],
    'gzip that says nothing of it': [request(POST, packed, JSON_TYPE), 400, 'bad_encoding'],
    'gzip in transfer': [`${head(POST, 'Transfer-Encoding: gzip, chunked')}2\r\nhi\r\n0\r\n\r\n`, 415, 'wrong_type'],
    'gzip for a dialect': [request('POST /new', packed, FORM_TYPE, 'Content-Encoding: gzip'), 415, 'wrong_type'],
    'UTF-16': [request(POST, '\xff\xfea\0', 'Content-Type: text/plain; charset=utf-16'), 415, 'wrong_type'],
    'UTF-7': [request(POST, '+ADw-', 'Content-Type: text/plain; charset=utf-7'), 415, 'wrong_type'],
    'a form with a file': [request(POST, '--a\r\n\r\n--a--', 'Content-Type: multipart/form-data; boundary=a'), 415, 'wrong_type'],
    'a picture': [request(POST, 'GIF89a', 'Content-Type: image/png'), 415, 'wrong_type'],
    'a type that is none': [request(POST, 'a', 'Content-Type: text'), 415, 'wrong_type'],
  })
})

test('of two parameters of one name the first counts, of two keys in JSON the last; a room twice in a poll is refused', async (t) => {
  const { url, file } = await serve(t)
  const said = async (sent: string): Promise<string> => {
    t.regex(await talk(url, sent), /^HTTP\/1\.1 20[01] /, sent)
    return messagesIn(await readFile(file('lobby'), 'utf8')).at(-1)?.msg ?? ''
  }
  t.is(await said(form('msg=first&msg=second')), 'first')
  t.is(await said(form('msg=first&nick=ann&msg=second&nick=bob')), 'first')
  t.is(await said(form('msg=first&msg=second', 'POST /new')), 'first')
  t.is(await said(form('msg=first&msg=second', 'POST /comet.php')), 'first')
  t.is(await said(form('message=all&message=of it', 'POST /chat')), 'all&message=of it')
  t.is(await said(json('{"msg":"first","msg":"second"}')), 'second')
  t.is((await send(`${url}/rooms/lobby?timestamp=0&timestamp=x&wait=0&wait=y`)).status, 200)
  t.is((await send(`${url}/rooms/lobby?timestamp=x&timestamp=0`)).status, 400)
  for (const twice of ['lobby:0,lobby:1', 'e\u0301:0,é:0']) {
    const answer = await send(`${url}/rooms?poll=${encodeURIComponent(twice)}`)
    t.is(answer.status, 400)
    t.regex(answer.text, /"bad_poll"/)
  }
})

test('a percent sign that escapes nothing is a percent sign', async (t) => {
  const { url, file } = await serve(t)
  for (const path of ['/rooms/%', '/rooms/%zz', '/rooms/%2', '/rooms/100%']) t.is((await send(url + path)).status, 400, path)
  for (const path of ['/%', '/%zz', '/assets/%2']) t.is((await send(url + path)).status, 404, path)
  await talk(url, form('msg=100%25 of 100% or %zz%'))
  await talk(url, request(POST, '100%ff', FORM_TYPE))
  await talk(url, form(bytes('msg=喺 %41 at 100%')))
  await talk(url, form(bytes('message=喺 %41 & 100%'), 'POST /chat'))
  await talk(url, form(bytes('message=喺 100%ff'), 'POST /chat'))
  const kept = messagesIn(await readFile(file('lobby'), 'utf8')).map(({ msg }) => msg)
  t.deepEqual(kept, ['100% of 100% or %zz%', '100%ff', '喺 A at 100%', '喺 A & 100%', '喺 100%ff'])
})

test('control characters are kept in a message, safe in its line, and refused in a nick and a room', async (t) => {
  const { url, file } = await serve(t)
  const controls = [
    '\0',
    '\u0007',
    '\u001b[31m',
    '\r\n',
    '\u0085',
    '\u009b31m',
    '\u2028',
    '\u2029',
    '\u202e',
    '\ufeff',
    '\ud800',
    '\udc00x',
    '\u{e0001}',
  ]
  for (const control of controls) {
    const msg = `a${control}b`
    t.is(
      (await send(`${url}/rooms/lobby`, { body: JSON.stringify({ msg }), headers: { 'Content-Type': 'application/json' } })).status,
      201,
      JSON.stringify(msg),
    )
    t.is((await send(`${url}/rooms/a${encodeURIComponent(control.toWellFormed())}b?wait=0`)).status, 400, JSON.stringify(msg))
  }
  const text = await readFile(file('lobby'), 'utf8')
  t.notRegex(text, /[^\P{Cc}\n]|[\u2028\u2029]/u)
  t.deepEqual(
    messagesIn(text).map(({ msg }) => msg),
    controls.map((control) => `a${control}b`),
  )
  for (const control of ['\0', '\u0007', '\u001b', '\r\n', '\n', '\u0085', '\u2028', '\u2029']) {
    for (const path of ['lobby', 'lobby/sessions']) {
      const body = JSON.stringify({ msg: 'a', nick: `a${control}b` })
      t.is(
        (await send(`${url}/rooms/${path}`, { body, headers: { 'Content-Type': 'application/json' } })).status,
        400,
        JSON.stringify(control),
      )
    }
  }
  t.is(await readFile(file('lobby'), 'utf8'), text)
})
