/** What the tutorials' clients are told when there is much to tell, or when a person has changed what they have: they can only append. */
import { readFile, writeFile } from 'node:fs/promises'
import ava from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { serve, type Served } from '../helpers/serve.ts'

const test = ava.serial

/** Enough for an edit at one stroke: that nobody touches the file. */
const QUIET = 10

const HEADERS = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** One poll from a place: what it was told, where to go on from, and how long the answer was. */
type Poll = (url: string, place: string) => Promise<{ text: string; place: string; bytes: number }>

async function form(url: string, fields: Record<string, string>): Promise<{ json: Record<string, unknown>; bytes: number }> {
  const { text } = await send(url, { headers: HEADERS, body: new URLSearchParams(fields).toString() })
  return { json: JSON.parse(text) as Record<string, unknown>, bytes: Buffer.byteLength(text) }
}

const POLLS: Readonly<Record<string, { readonly first: string; readonly poll: Poll }>> = {
  php: {
    first: '0',
    async poll(url, place) {
      const { json, bytes } = await form(`${url}/comet.php`, { timestamp: place })
      return { text: String(json['msg']), place: String(json['timestamp']), bytes }
    },
  },
  gevent: {
    first: '',
    async poll(url, place) {
      const { json, bytes } = await form(`${url}/update`, { cursor: place })
      return { text: String(json['html']), place: String(json['latest_cursor']), bytes }
    },
  },
  node_chat: {
    first: '1',
    async poll(url, place) {
      const { text } = await send(`${url}/recv?since=${place}`)
      const { messages } = JSON.parse(text) as { messages: { text: string; timestamp: number }[] }
      const newest = Math.max(Number(place), ...messages.map(({ timestamp }) => timestamp))
      return { text: messages.map((message) => message.text).join('\n'), place: String(newest), bytes: Buffer.byteLength(text) }
    },
  },
}

/** Writes a room's file with so many messages of this length, `each` of them with one timestamp. */
async function fill(server: Served, count: number, length: number, each = 1): Promise<string[]> {
  const start = Date.now() - 1_000_000
  const words = Array.from({ length: count }, (_, n) => `number-${n}-`)
  const lines = words.map((word, n) => {
    const timestamp = start + Math.floor(n / each)
    const msg = word + `${'some words '.repeat(9)}<\n`.repeat(length / 101)
    return JSON.stringify({ id: `${timestamp}-${n % each}`, timestamp, type: 'msg', nick: 'ann', msg })
  })
  await writeFile(server.file('lobby'), `${lines.join('\n')}\n`)
  return words
}

const numbersIn = (text: string): string[] => text.match(/number-\d+-/g) ?? []

/** All that a client hears until `isEnough`. */
async function hear(
  url: string,
  { first, poll: ask }: (typeof POLLS)[string],
  isEnough: (text: string) => boolean,
): Promise<{ text: string; sizes: number[] }> {
  let [text, place] = ['', first]
  const sizes: number[] = []
  while (!isEnough(text)) {
    const told = await ask(url, place)
    sizes.push(told.bytes)
    ;[text, place] = [`${text}${told.text}\n`, told.place]
  }
  return { text, sizes }
}

for (const [name, kind] of Object.entries(POLLS)) {
  test(`${name}: a large room is told in answers of a megabyte, each message once, in order`, async (t) => {
    const server = await serve(t, { backlog: 1000 })
    const words = await fill(server, 330, 10_000)
    const { text, sizes } = await hear(server.url, kind, (heard) => heard.includes('number-329-'))
    t.deepEqual(numbersIn(text), words)
    t.true(sizes.length > 3)
    t.true(Math.max(...sizes) <= BUDGETS.dialectAnswer + 1000, sizes.join(' '))
  })

  test(`${name}: what has one timestamp and is too much for an answer is told, or at least how much of it there is`, async (t) => {
    const server = await serve(t, { backlog: 1000, maxFile: 32 * 1024 ** 2 })
    const words = await fill(server, 320, 14_000, 320)
    const { url } = server
    const { text, sizes } = await hear(url, kind, (heard) => heard.includes('number-319-') || /\d+ messages, too many at once/.test(heard))
    t.true(Math.max(...sizes) <= BUDGETS.dialectTimestamp + 1000, sizes.join(' '))
    const [, left = '0'] = /(\d+) messages, too many at once/.exec(text) ?? []
    t.is(left === '0', name === 'gevent') // its place is an id
    t.deepEqual(numbersIn(text), words.slice(0, words.length - Number(left)))
    // And it goes on.
    await post(url, 'lobby', { msg: 'number-900-' })
    const all = await hear(url, kind, (heard) => heard.includes('number-900-'))
    t.is(numbersIn(all.text).at(-1), 'number-900-')
  })

  test(`${name}: after a line was deleted by hand, it is told what is new, and nothing twice`, async (t) => {
    const server = await serve(t, { times: { quiet: QUIET } })
    const { url } = server
    for (const n of [0, 1, 2, 3]) await post(url, 'lobby', { msg: `number-${n}-` })
    for (const deleted of [1, 3]) {
      const { place } = await kind.poll(url, kind.first)
      const before = (await poll(url, 'lobby')).timestamp
      const text = await readFile(server.file('lobby'), 'utf8')
      await writeFile(server.file('lobby'), text.replace(new RegExp(`^.*number-${deleted}-.*\\n`, 'm'), ''))
      t.true((await poll(url, 'lobby', { timestamp: before, wait: 20 })).reset)
      const parked = kind.poll(url, place)
      await poll(url, 'lobby', { timestamp: 0 })
      await post(url, 'lobby', { msg: `number-${deleted + 10}-` })
      t.deepEqual(numbersIn((await parked).text), [`number-${deleted + 10}-`])
    }
    const all = await kind.poll(url, kind.first)
    t.deepEqual(numbersIn(all.text), ['number-0-', 'number-2-', 'number-11-', 'number-13-'])
  })
}

test('php: a room that was edited by hand later than all its messages were said is told in pages, to its end', async (t) => {
  const server = await serve(t, { backlog: 1000 })
  const words = await fill(server, 220, 10_000)
  const { url } = server
  const before = (await poll(url, 'lobby')).timestamp
  await writeFile(server.file('lobby'), (await readFile(server.file('lobby'), 'utf8')).replace(/^.*number-7-.*\n/m, ''))
  t.true((await poll(url, 'lobby', { timestamp: before, wait: 20 })).reset)
  const { text } = await hear(url, POLLS['php'] as (typeof POLLS)[string], (heard) => heard.includes('number-219-'))
  t.deepEqual(
    numbersIn(text),
    words.filter((word) => word !== 'number-7-'),
  )
})

test('a single message that is too long for an answer is its source text, or said to be left out', async (t) => {
  const { url } = await serve(t, { maxMessage: 4 * 1024 ** 2, maxFile: 32 * 1024 ** 2 })
  await post(url, 'lobby', { msg: `number-0-${'x'.repeat(1_200_000)}` })
  await post(url, 'lobby', { msg: `number-1-${'<'.repeat(750_000)}` })
  await post(url, 'lobby', { msg: 'number-2-' })
  for (const [name, kind] of Object.entries(POLLS)) {
    const { text, sizes } = await hear(url, kind, (heard) => heard.includes('number-2-'))
    t.true(numbersIn(text).includes('number-0-'), name)
    t.true(numbersIn(text).includes('number-1-') || text.includes('a message that is too long is left out'), name)
    t.true(Math.max(...sizes) <= BUDGETS.dialectTimestamp + 1000, name)
  }
})

test('answers are made once for all who are told the same', async (t) => {
  const server = await serve(t, { backlog: 1000 })
  await fill(server, 50, 10_000)
  const ask = (): Promise<unknown> => Promise.all(Object.values(POLLS).map((kind) => kind.poll(server.url, kind.first)))
  await ask()
  const { stringify } = JSON
  let bytes = 0
  t.teardown(() => (JSON.stringify = stringify))
  JSON.stringify = ((...args: Parameters<typeof stringify>) => {
    const text = stringify(...args)
    bytes += text.length
    return text
  }) as typeof stringify
  for (let n = 0; n < 20; n++) await ask()
  JSON.stringify = stringify
  t.true(bytes < 10_000)
})

test('gevent: an empty post is answered 200, as by the original, and nothing is added', async (t) => {
  const { url } = await serve(t)
  for (const body of ['msg=', 'msg=%20%0A', 'message=other', '']) {
    const answer = await send(`${url}/new`, { headers: HEADERS, body, method: 'POST' })
    t.deepEqual([answer.status, answer.text], [200, ''], body)
  }
  t.deepEqual((await poll(url, 'lobby')).messages, [])
})

/** Every character that turns the direction of writing. */
const TURNING = ['\u061c', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069']

test('a nick that turns the direction of writing is refused, and isolated where a person wrote it into the file', async (t) => {
  const server = await serve(t)
  const { url } = server
  const json = { 'Content-Type': 'application/json' }
  for (const turning of TURNING) {
    const nick = `a${turning}b`
    const answers = await Promise.all([
      send(`${url}/rooms/lobby/sessions`, { headers: json, body: JSON.stringify({ nick }) }),
      send(`${url}/rooms/lobby`, { headers: json, body: JSON.stringify({ nick, msg: 'x' }) }),
      send(`${url}/join?nick=${encodeURIComponent(nick)}`),
    ])
    t.deepEqual(
      answers.map(({ status }) => status),
      [400, 400, 400],
      JSON.stringify(nick),
    )
    t.regex(answers[2]?.text ?? '', /Bad nick\./)
  }
  const { timestamp } = await post(url, 'lobby', { nick: 'אבג', msg: 'x' })
  await writeFile(server.file('lobby'), `{"nick":"ann\u202e","msg":"by hand"}\n`)
  t.true((await poll(url, 'lobby', { timestamp, wait: 20 })).reset)
  t.regex((await form(`${url}/comet.php`, { timestamp: '0' })).json['msg'] as string, /<bdi>ann\u202e<\/bdi>/)
  t.regex((await form(`${url}/update`, { cursor: '' })).json['html'] as string, /<bdi>ann\u202e<\/bdi>/)
  const { messages } = JSON.parse((await send(`${url}/recv?since=1`)).text) as { messages: { nick: string }[] }
  t.deepEqual(
    messages.map(({ nick }) => nick),
    ['ann_'],
  )
  t.is(messagesIn(await readFile(server.file('lobby'), 'utf8'))[0]?.nick, 'ann\u202e')
})
