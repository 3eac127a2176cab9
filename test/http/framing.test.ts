/**
 * Where one request ends and the next begins: shapes on which a proxy in front and this server might disagree. Each carries a post that
 * only one of two readings would see; it must be refused, or read as the one request that it says it is.
 */
import { readdir } from 'node:fs/promises'
import ava from 'ava'
import { besiege, head, request, statusesIn, talk } from '../helpers/raw.ts'

const test = ava.serial

const HIDDEN = request('POST /rooms/hidden', 'bad')
const POST = 'POST /rooms/lobby'

/** A post with these lines in its head, and whatever behind it. */
const shaped = (lines: readonly string[], rest: string): string =>
  `${POST} HTTP/1.1\r\nHost: localhost\r\n${lines.join('\r\n')}\r\n\r\n${rest}`

const chunked = (chunks: string): string => shaped(['Transfer-Encoding: chunked'], chunks + HIDDEN)

/** One of each kind: the parser is Node's and has its own tests; that it reads strictly, and what we make of it, is ours. */
const REFUSED: Readonly<Record<string, string>> = {
  'a length and chunks': shaped(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`),
  'two lengths': shaped(['Content-Length: 2', `Content-Length: ${HIDDEN.length}`], `hi${HIDDEN}`),
  'two lengths in a line': shaped(['Content-Length: 2, 2'], `hi${HIDDEN}`),
  'a folded header that hides chunks': shaped(['X: a', ' Transfer-Encoding: chunked', 'Content-Length: 2'], `hi${HIDDEN}`),
  'a space before the colon': shaped(['Content-Length : 2'], `hi${HIDDEN}`),
  'bare line feeds': `${POST} HTTP/1.1\nHost: localhost\nContent-Length: 2\n\nhi${HIDDEN}`,
  'a NUL in a header': shaped(['X: a\0', 'Content-Length: 2'], `hi${HIDDEN}`),
  'HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`,
  'no host': `${POST} HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi`,
  'a body that nobody announced': `${POST} HTTP/1.1\r\nHost: localhost\r\n\r\nhi${HIDDEN}`,
  'more than was announced': shaped(['Content-Length: 1'], `\n!!${HIDDEN}`),
  'less than was announced': shaped(['Content-Length: 9'], 'hi'),
  'chunks that do not end': shaped(['Transfer-Encoding: chunked'], '2\r\nhi\r\n'),
  ...Object.fromEntries(
    ['+2', '0x2', ''].map((length) => [`the length ${JSON.stringify(length)}`, shaped([`Content-Length: ${length}`], `hi${HIDDEN}`)]),
  ),
  ...Object.fromEntries(
    ['identity', 'chunked, identity', '\x0bchunked', 'gzip'].map((coding) => [
      `the transfer coding ${JSON.stringify(coding)}`,
      shaped([`Transfer-Encoding: ${coding}`], `2\r\nhi\r\n0\r\n\r\n${HIDDEN}`),
    ]),
  ),
  ...Object.fromEntries(
    ['zz', '-2', '2;a="\r\n"'].map((size) => [`the chunk size ${JSON.stringify(size)}`, chunked(`${size}\r\nhi\r\n0\r\n\r\n`)]),
  ),
  'a chunk longer than it says': chunked('1\r\nhi\r\n0\r\n\r\n'),
  'chunks with bare line feeds': chunked('2\nhi\n0\n\n'),
}

test(`${Object.keys(REFUSED).length} requests that could be read in two ways are refused, and the post hidden in them is not made`, async (t) => {
  const { url, server, unharmed, standsAfter } = await besiege(t)
  for (const [name, bytes] of Object.entries(REFUSED)) {
    const statuses = statusesIn(await talk(url, bytes, true))
    t.true(statuses.length <= 1, `${name}: ${statuses.join()}`) // none where the connection is cut in the middle of a body
    for (const status of statuses) t.true([400, 413, 415].includes(status), `${name}: ${status}`)
    await unharmed(name)
  }
  await standsAfter()
  t.false((await readdir(server.directory)).includes('hidden.jsonl'))
})

test('a body is no request, whatever it looks like and whoever did not read it', async (t) => {
  const { url, unharmed, standsAfter } = await besiege(t)
  const bodies = [
    request('GET /rooms/lobby?wait=0', HIDDEN), // an address that reads no body
    request('POST /healthz', HIDDEN), // a method that is not taken
    request('POST /rooms/..', HIDDEN),
    request(POST, HIDDEN, 'Content-Type: image/png'),
    request(POST, HIDDEN, 'Origin: https://evil.example'),
    request('DELETE /rooms/lobby/sessions/x', HIDDEN),
    request(POST, `{"x":${JSON.stringify(HIDDEN)}}`, 'Content-Type: application/json'),
    `${head('GET /healthz', 'Transfer-Encoding: chunked')}${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ]
  for (const bytes of bodies) {
    t.is(statusesIn(await talk(url, bytes)).length, 1, bytes)
    await unharmed(bytes)
  }
  await standsAfter()
})

test('behind a request of HTTP/1.0, which ends its connection, nothing is read', async (t) => {
  const { url, server } = await besiege(t)
  for (const [framing, body] of [
    ['Content-Length: 2', 'hi'],
    ['Transfer-Encoding: chunked', '2\r\nhi\r\n0\r\n\r\n'],
  ]) {
    const answers = await talk(url, `${POST} HTTP/1.0\r\nHost: localhost\r\n${framing}\r\n\r\n${body}${HIDDEN}`)
    t.true(
      statusesIn(answers).every((status) => status === 201 || status === 400),
      answers,
    )
  }
  t.false((await readdir(server.directory)).includes('hidden.jsonl'))
})

/** A request that goes on. */
const one = (path: string, ...headers: string[]): string => [`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')

test('requests one behind the other on a connection are each answered, in their order', async (t) => {
  const { url, unharmed } = await besiege(t)
  const answers = await talk(url, `${one('/healthz')}${one('/nowhere')}${one('/rooms/..', 'Connection: close')}`)
  t.deepEqual(statusesIn(answers), [200, 404, 400])
  await unharmed('requests in a row')
})

test('chunks are put together, whatever their sizes', async (t) => {
  const { url } = await besiege(t)
  const chunks = '1;name=value\r\n{\r\n0008\r\n"msg":"a\r\n2\r\n"}\r\n0\r\nX-Trailer: 1\r\n\r\n'
  t.deepEqual(statusesIn(await talk(url, head(POST, 'Transfer-Encoding: chunked', 'Content-Type: application/json') + chunks)), [201])
})

test('too much of a head is told so, and nobody is put out by it', async (t) => {
  const { url, unharmed, standsAfter } = await besiege(t)
  const bombs: Readonly<Record<string, readonly [bytes: string, statuses: readonly number[]]>> = {
    'an address of 1 MiB': [head(`GET /${'a'.repeat(1_048_576)}`), [431]],
    'a room of 60,000 letters': [head(`GET /rooms/${'a'.repeat(60_000)}`), [400]],
    'a query of 60,000 parameters': [head(`GET /rooms/lobby?wait=0&${'a&'.repeat(30_000)}`), [200]],
    'a header of 1 MiB': [head('GET /healthz', `A: ${'a'.repeat(1_048_576)}`), [431]],
    'a header name of 100,000 letters': [head('GET /healthz', `${'a'.repeat(100_000)}: a`), [431]],
    '20,000 headers': [head('GET /healthz', ...Array.from({ length: 20_000 }, (_, i) => `A${i}: b`)), [431]],
    '500 headers': [head('GET /healthz', ...Array.from({ length: 500 }, (_, i) => `A${i}: b`)), [200]],
    '500 times the same header': [head('GET /healthz', ...Array.from({ length: 500 }, () => 'A: b')), [200]],
    'a cookie of 1 MiB': [head('GET /chat', `Cookie: a=${'a'.repeat(1_048_576)}`), [431]],
    '10,000 cookies': [head('GET /healthz', `Cookie: ${'a=b; '.repeat(10_000)}`), [200]],
    '15,000 tags': [head('GET /rooms/lobby?wait=0', `If-None-Match: ${'"1",'.repeat(14_000)}"2"`), [200]],
    'a preference of 50,000 letters': [head('GET /rooms/lobby', `Prefer: ${',wait=1'.repeat(7000)} x`), [200]],
    '10,000 ranges': [head('GET /rooms/lobby/file', `Range: bytes=${'0-1,'.repeat(10_000)}0-1`), [206]],
    'a content type of 50,000 parameters': [request(POST, 'a', `Content-Type: text/plain${';a=b'.repeat(12_000)}; charset=x`), [415]],
    'an upgrade to nothing': [head('GET /healthz', 'Connection: upgrade', 'Upgrade: websocket'), [200]],
    'a tunnel': [head('CONNECT localhost:22'), []],
    'an expectation': [request(POST, 'a', 'Expect: the-impossible'), [417]],
  }
  for (const [name, [bytes, statuses]] of Object.entries(bombs)) {
    t.deepEqual(statusesIn(await talk(url, bytes)), statuses, name)
    await unharmed(name)
  }
  await standsAfter()
})
