/**
 * Anything for a header, a parameter or a body, to the real server: every answer is one that PROTOCOL.md knows, none says that something went
 * wrong here, and the room still says what it said.
 */
import { Agent } from 'node:http'
import * as fc from 'fast-check'
import ava, { type ExecutionContext } from 'ava'
import { poll, post, send, type Send } from '../helpers/chat.ts'
import { tries } from '../helpers/random.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

/** What a header may hold, and what readers of headers look for. */
const pieces =
  '0 1 9999999999999 "1" W/"1" * , ; = - : bytes= bytes=0-1 bytes=-1 wait=0 wait wait="1" Sat, 21 Nov 2026 04:00:00 GMT -1 1e9 NaN \\ " \' \t é ÿ __proto__'.split(
    ' ',
  )
const headerValue = fc
  .array(
    fc.oneof(
      fc.constantFrom(...pieces),
      fc.string({
        unit: fc
          .integer({ min: 32, max: 255 })
          .filter((c) => c !== 127)
          .map((c) => String.fromCharCode(c)),
      }),
    ),
    {
      maxLength: 8,
    },
  )
  .map((found) => found.join(' '))

const READERS = [
  'if-none-match',
  'if-modified-since',
  'prefer',
  'range',
  'if-range',
  'accept',
  'cookie',
  'origin',
  'sec-fetch-site',
  'x-forwarded-for',
  'authorization',
  'host',
]

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  // Of any code point, as the unit 'binary' is, which takes a second to make its table of all of them.
  fc.string({ unit: fc.nat(0x10ffff).map((code) => String.fromCodePoint(code)) }).map((text) => text.toWellFormed()),
  fc.constantFrom('0', '1', 'lobby:0', '-1', '1e3', '__proto__', ''),
)

interface Attacked {
  readonly ask: (path: string, options?: Send) => Promise<number>
  readonly check: () => Promise<void>
}

async function attacked(t: ExecutionContext): Promise<Attacked> {
  const { url, log } = await serve(t, { rateLimit: 0, times: { errorPause: 0 } })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const { timestamp } = await post(url, 'lobby', { msg: 'before' })
  const logged = log.length
  return {
    async ask(path, options = {}) {
      const { status } = await send(url + path, { ...options, agent })
      if (status >= 500) throw new Error(`${path} ${JSON.stringify(options)}: ${status}`)
      return status
    },
    async check() {
      t.deepEqual((await poll(url, 'lobby')).timestamp, timestamp)
      t.deepEqual(log.slice(logged), [])
    },
  }
}

test('any header to those who read', async (t) => {
  const { ask, check } = await attacked(t)
  const headers = fc.dictionary(fc.constantFrom(...READERS), headerValue, { minKeys: 1, maxKeys: 3, noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('/rooms/lobby?wait=0', '/rooms/lobby/file', '/rooms?poll=lobby:0', '/rooms', '/', '/healthz', '/recv?since=1'),
      headers,
      async (path, given) => {
        t.true([200, 206, 304, 400, 403, 416].includes(await ask(path, { headers: given })))
      },
    ),
    tries(t, 300),
  )
  await check()
})

test('any cookie to whom a cookie tells the place', async (t) => {
  const { ask, check } = await attacked(t)
  let browsers = 0
  await fc.assert(
    fc.asyncProperty(headerValue, fc.oneof(fc.nat(), anyText), async (cookie, count) => {
      const id = String(browsers++).padStart(16, '0') // one that has heard all would wait
      const headers = { Cookie: `roomfile-chat-${id}=1-0; roomfile-chat-${cookie}=2; ${cookie}` }
      t.is(await ask(`/chat?_=${encodeURIComponent(String(count))}`, { headers }), 200)
    }),
    tries(t, 150),
  )
  await check()
})

test('any parameter', async (t) => {
  const { ask, check } = await attacked(t)
  const name = fc.constantFrom('timestamp', 'presence', 'session', 'since', 'id', 'nick', '_', 'x')
  const query = fc.array(fc.tuple(name, anyText), { maxLength: 4 }).map((pairs) => new URLSearchParams(pairs).toString())
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      t.true([200, 400, 404].includes(await ask(`/rooms/lobby?${text}&wait=0`)), text)
      t.true([200, 400].includes(await ask(`/recv?since=1&${text}`)), text)
    }),
    tries(t, 150),
  )
  const list = fc
    .array(fc.oneof(anyText, fc.constantFrom('lobby:0', ':', ',', 'a:1', 'é:0')), { maxLength: 5 })
    .map((found) => found.join(','))
  await fc.assert(
    fc.asyncProperty(list, anyText, async (rooms, wait) => {
      const status = await ask(`/rooms?poll=${encodeURIComponent(rooms)}&wait=0&wait=${encodeURIComponent(wait)}`)
      t.true([200, 400].includes(status), rooms)
    }),
    tries(t, 150),
  )
  await fc.assert(
    fc.asyncProperty(anyText, async (wait) => {
      t.true([200, 400].includes(await ask(`/rooms/lobby?wait=${encodeURIComponent(wait)}`)), wait)
    }),
    tries(t, 100),
  )
  await check()
})

test('any address', async (t) => {
  const { ask, check } = await attacked(t)
  const part = fc.oneof(
    anyText.map(encodeURIComponent),
    fc.constantFrom('rooms', 'file', 'who', 'sessions', '..', '%2e%2e', '%', '%ff', '.', '', 'assets', 'index.html'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 5 }),
      fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH'),
      async (parts, method) => {
        t.true([200, 204, 400, 404, 405].includes(await ask(`/${parts.join('/')}`, { method })))
      },
    ),
    tries(t, 300),
  )
  await check()
})

test('any body of any type, that is no message', async (t) => {
  const { ask, check } = await attacked(t)
  const type = fc.oneof(
    fc.constantFrom(
      'application/json',
      'application/x-www-form-urlencoded',
      'text/plain; charset=utf-8',
      'text/plain; charset=x',
      'multipart/form-data',
    ),
    headerValue,
  )
  const bytes = fc.oneof(
    fc.uint8Array().map((array) => Buffer.concat([Buffer.from('\0\xff', 'latin1'), array])), // never UTF-8
    fc
      .json()
      .filter((json) => !json.includes('"msg"'))
      .map((json) => Buffer.from(`{"x":${json}}`)),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('/rooms/lobby/sessions', '/rooms/lobby/typing', '/rooms/lobby', '/new', '/comet.php', '/chat', '/sign-in'),
      type,
      bytes,
      async (path, contentType, body) => {
        const isMessage = /rooms\/lobby$|new|comet|chat/.test(path) && body[0] !== 0 && contentType !== 'application/json'
        if (isMessage || (['/comet.php', '/new'].includes(path) && body[0] !== 0)) return // what says nothing is a poll, or is not kept
        t.true(
          [303, 400, 404, 413, 415].includes(await ask(path, { body, headers: { 'Content-Type': contentType.trim() } })),
          `${path} ${contentType}`,
        )
      },
    ),
    tries(t, 300),
  )
  await check()
})

test('any word for the token lets nobody in', async (t) => {
  const { url } = await serve(t, { token: 'open-sesame', trustProxy: ['loopback'] })
  let n = 0
  const word = fc.oneof(
    headerValue,
    fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text).toString('base64')),
    fc.constantFrom('open-sesam', 'open-sesame ', 'OPEN-SESAME', ''),
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('Bearer ', 'Basic ', 'Digest ', ''), word, headerValue, async (scheme, given, cookie) => {
      n += 1
      const headers = {
        Authorization: scheme + given.trim().replace(/^open-sesame$/, 'no'),
        Cookie: `roomfile-token=${cookie}`,
        'X-Forwarded-For': `10.0.${n >> 8}.${n & 255}`,
      }
      t.is((await send(`${url}/rooms`, { headers })).status, 401)
    }),
    tries(t, 150),
  )
})
