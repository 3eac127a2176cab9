/** What reads what comes from outside, given anything: it never throws but what it says, and what it lets through is what it promises. */
import { basename, dirname, join } from 'node:path'
import * as fc from 'fast-check'
import test from 'ava'
import { renderMarkdown } from '../../client/markdown/markdown.ts'
import { readConfig } from '../../server/config.ts'
import { draftOf } from '../../server/room/draft.ts'
import { RoomfileError } from '../../server/errors.ts'
import { formIn, parseTimestamp } from '../../server/http/http.ts'
import { toHtml } from '../../server/dialects/html.ts'
import { toMarkdown } from '../../server/dialects/markup.ts'
import { lineOf, placed, readLine, sayingOf } from '../../server/room/message.ts'
import { isRoomName, roomName } from '../../server/room/room-name.ts'
import { UsageError } from '../../server/command/usage.ts'
import { within } from '../helpers/environment.ts'
import { offences } from '../helpers/offences.ts'
import { tries } from '../helpers/random.ts'

const LIMITS = { backlog: 200, maxMessage: 1024, maxFile: 65_536 }

/** Any UTF-16, lone surrogates too; or text that looks like what is read. */
const anyText = fc.oneof(
  // Of any code point, as the unit 'binary' is, which takes a second to make its table of all of them.
  fc.string({ unit: fc.nat(0x10ffff).map((code) => String.fromCodePoint(code)) }),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
)

/** Texts put together from pieces that mean something to the reader. */
const madeOf = (...pieces: string[]): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...pieces) }, { weight: 1, arbitrary: anyText }), { maxLength: 40 })
    .map((found) => found.join(''))

/** What it returns, or undefined when it refused as it may: with one of these codes. */
function unlessRefused<T>(work: () => T, ...codes: string[]): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof RoomfileError && codes.includes(error.code)) return undefined
    throw error
  }
}

test('a room’s name stays in its directory, whatever was asked for', (t) => {
  const names = fc.oneof(anyText, madeOf('.', '/', '\\', '\0', '..', 'e\u0301', 'room', '．', '／', '%2e', '_', '-', ':'))
  fc.assert(
    fc.property(names, (text) => {
      const name = unlessRefused(() => roomName(text), 'bad_room')
      if (name === undefined) return
      const path = join('/rooms', `${name}.jsonl`)
      t.is(dirname(path), '/rooms')
      t.is(basename(path), `${name}.jsonl`)
      t.true(isRoomName(name))
      t.is(roomName(name), name)
      t.notRegex(name, /[./\\:\p{C}\s]/u)
    }),
    tries(t, 400),
  )
  t.pass()
})

test('any line of a file is a message, and a line that is none says its own text', (t) => {
  const lines = fc.oneof(
    anyText,
    fc.json(),
    madeOf(
      '{',
      '}',
      '"msg":',
      '"id":',
      '"a"',
      ',',
      '[',
      ']',
      '1795219764123',
      '"1795219764123-0"',
      '"timestamp":',
      '"__proto__":',
      'null',
      '\\u',
      '\\ud800',
      '\t',
      '\0',
    ),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString()),
  )
  fc.assert(
    fc.property(lines, (text) => {
      const { saying, stamp, whole } = readLine(text, 64)
      t.is(typeof saying.msg, 'string')
      t.true(Buffer.byteLength(saying.msg) <= 64)
      if (whole && !text.trimStart().startsWith('{')) t.is(saying.msg, text)
      const message = placed(saying, stamp ?? { timestamp: 1, n: 0 })
      const line = lineOf(message)
      t.notRegex(line, /[\p{Cc}\u2028\u2029]/u)
      t.true(line.isWellFormed())
      t.deepEqual(readLine(line, 64).saying, saying)
    }),
    tries(t, 750),
  )
})

test('a message is in its line what it was, with whatever somebody added to it', (t) => {
  const drafts = fc.record(
    { msg: anyText, type: fc.constantFrom('msg' as const, 'join' as const, 'part' as const), nick: anyText, cid: anyText },
    { requiredKeys: ['msg'] },
  )
  const more = fc.dictionary(fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', 'toJSON', '0', '-1', 'then')), fc.jsonValue(), {
    noNullPrototype: true,
  })
  fc.assert(
    fc.property(drafts, more, fc.integer({ min: 1, max: 8e15 }), fc.nat(1e6), (draft, added, timestamp, n) => {
      const message = placed({ ...added, ...sayingOf(draft) }, { timestamp, n })
      const line = lineOf({ ...message })
      const found = readLine(line, 1_000_000)
      t.is(lineOf(placed(found.saying, { timestamp, n })), lineOf(placed(readLine(line, 1_000_000).saying, { timestamp, n })))
      t.deepEqual(found.stamp, { timestamp, n })
      t.true(found.whole)
      t.deepEqual(JSON.parse(lineOf(placed(found.saying, { timestamp, n }))), JSON.parse(line))
    }),
    tries(t, 500),
  )
})

test('lines as deep as a file allows are read, and can be written again', (t) => {
  for (const depth of [10, 1000, 5000, 100_000, 1_000_000]) {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const text = `{"msg":"a","more":${open.repeat(depth)}1${close.repeat(depth)}}`
      t.notThrows(() => lineOf(placed(readLine(text, 64).saying, { timestamp: 1, n: 0 })), `${depth} ${open}`)
    }
  }
})

const nested = (levels: number): string => `{"msg":"a","more":${'['.repeat(levels)}${']'.repeat(levels)}}`

test('a line is a message as deep as a client reads it, and beyond that a plain text', (t) => {
  t.is(readLine(nested(499), 10_000).saying.msg, 'a')
  t.is(readLine(nested(500), 10_000).saying.msg, nested(500))
})

test('what may be posted has a text within the limit, a nick and a cid that are ones, or is refused', (t) => {
  const value = fc.oneof(
    anyText,
    fc.anything(),
    fc.constantFrom('', ' ', 'ann', 'é'.repeat(513), 'a'.repeat(1025), '__proto__', undefined, null),
  )
  fc.assert(
    fc.property(fc.record({ msg: value, nick: value, cid: value }, { requiredKeys: [] }), (fields) => {
      const codes = ['missing_message', 'bad_message', 'empty_message', 'too_large', 'bad_nick', 'bad_cid']
      const draft = unlessRefused(() => draftOf(fields, LIMITS), ...codes)
      if (!draft) return
      t.is(draft.msg, fields.msg as string)
      t.true(Buffer.byteLength(draft.msg) <= LIMITS.maxMessage && draft.msg.trim() !== '')
      t.true(draft.nick !== undefined && draft.nick.length <= 100 && !/[\p{Cc}\u2028\u2029]/u.test(draft.nick))
      t.true(draft.cid === undefined || (draft.cid !== '' && draft.cid.length <= 100))
    }),
    tries(t, 750),
  )
})

test('a form is read as it was written, and escapes that are no UTF-8 are refused', (t) => {
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
      t.deepEqual([...formIn(new URLSearchParams(pairs).toString())], pairs)
    }),
    tries(t, 250),
  )
  fc.assert(
    fc.property(
      fc.oneof(anyText, madeOf('msg=', '&', '%', '%25', '%ff', '%c0%af', '%ed%a0%80', '%e8%8a%9d', '%zz', '+', '=', '%0')),
      (body) => {
        const form = unlessRefused(() => formIn(body.toWellFormed()), 'bad_encoding')
        if (!form || body.includes('\ufffd') || /%ef%bf%bd/i.test(body) || !body.isWellFormed()) return
        t.false(form.toString().includes('%EF%BF%BD'), JSON.stringify(body))
      },
    ),
    tries(t, 750),
  )
})

test('a timestamp is a whole number that can be counted with, or is refused', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(anyText, fc.bigInt().map(String), fc.double().map(String), madeOf('1', '9', '0', '-', '.', 'e', 'x', ' ', '٣')),
      (text) => {
        const timestamp = unlessRefused(() => parseTimestamp(text), 'bad_timestamp')
        if (timestamp !== undefined) t.true(Number.isSafeInteger(timestamp) && timestamp >= 0 && /^\d+$/.test(text))
      },
    ),
    tries(t, 750),
  )
  t.pass()
})

const OPTIONS =
  '-p --port -H --host --backlog --max-message --max-file --token --cors --frame-ancestors --rate-limit --trust-proxy --lease --store --client --json-logs --quiet --open'.split(
    ' ',
  )
const VALUES =
  'off none self * 0 1 -1 65535 65536 8080x 1e3 16k 8m 9999m localhost ::1 0.0.0.0 https://a.example https://a.example/ a.example,b null loopback 10.0.0.0/8 10.0.0.0/99 memory file redis://x yes __proto__'.split(
    ' ',
  )

/** Whether it asks for no help: that would be printed. */
const isNoQuestion = (argument: string): boolean => !argument.startsWith('--help') && !argument.startsWith('--version')

test('any command line and any environment is a configuration, or one line that says what is wrong', (t) => {
  const word = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...OPTIONS) },
    { weight: 3, arbitrary: fc.constantFrom(...VALUES, '--', '-', '') },
    { weight: 1, arbitrary: anyText },
  )
  const joined = fc.tuple(fc.constantFrom(...OPTIONS), fc.oneof(anyText, fc.constantFrom(...VALUES))).map((pair) => pair.join('='))
  const variables = OPTIONS.filter((option) => option.startsWith('--')).map(
    (option) => `ROOMFILE_${option.slice(2).toUpperCase().replaceAll('-', '_')}`,
  )
  const env = fc.dictionary(
    fc.constantFrom(...variables, 'PORT', 'HOST', 'ROOMFILE_DATA_DIR'),
    fc.oneof(anyText, fc.constantFrom(...VALUES)),
    { maxKeys: 3 },
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(word, joined).filter(isNoQuestion), { maxLength: 6 }), env, (argv, variable) => {
      try {
        const config = within(variable, () => readConfig(argv))
        t.true(config !== undefined && config.dataDir !== '' && config.port >= 0 && config.port <= 65_535 && config.backlog >= 1)
        t.true(config?.token === undefined || config.token.length >= 8)
        t.true(config?.frameAncestors.every((who) => /^(?:self|none|\*|https?:\/\/[^\s;,]+)$/.test(who)))
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        t.notRegex(error.message, /[\p{Cc}\u2028\u2029]/u)
        t.true(error.message.length > 0)
      }
    }),
    tries(t, 500),
  )
})

const MARKUP =
  '<b> </b> <i> <u> <s> <a href=" <a href="https://a.b"> javascript: https://a.b "> </a> <img src=x onerror=y> <script> </script> <style> </style> <svg> <math> <p> <div> </div> <br> <li> <ul> <table> <td> <pre> <code> </code> <!-- --> <![CDATA[ ]]> &lt; &gt; &amp; &#60; &quot; < > " \' = / \\ * ** _ ~~ ++ ` ``` [ ] ( ) ![ ](javascript:x) ](https://a.b) > # - | |- 1. \n \n\n \t \0 \u200b \u2028 重要！ x'.split(
    ' ',
  )

test('any text, as Markdown and through the editor’s door, becomes HTML of a chat and nothing else', (t) => {
  fc.assert(
    fc.property(fc.oneof(anyText, madeOf(...MARKUP, ' ')), (text) => {
      for (const source of [text, toMarkdown(text)]) {
        t.deepEqual(offences(toHtml(source)), [], source)
        t.deepEqual(offences(toHtml(`> - **${source}**`)), [], source)
      }
      t.is(renderMarkdown(text), renderMarkdown(text))
    }),
    tries(t, 500),
  )
})
