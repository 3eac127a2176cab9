/** `/comet.php` as the PHP tutorial's client speaks it: a form with `msg` posts, a form with `timestamp` polls. */
import { readFile } from 'node:fs/promises'
import ava from 'ava'
import { messagesIn, poll, post, send, type Answer } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const HEADERS = { 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8' }

function comet(url: string, fields: Record<string, string>): Promise<Answer> {
  return send(`${url}/comet.php`, { headers: HEADERS, body: new URLSearchParams(fields).toString() })
}

async function cometPoll(url: string, timestamp: number): Promise<{ msg: string; timestamp: number }> {
  const answer = await comet(url, { timestamp: String(timestamp) })
  return JSON.parse(answer.text) as { msg: string; timestamp: number }
}

test('a post answers 200 with nothing, as text/html, and is in the lobby for everyone', async (t) => {
  const { url } = await serve(t)
  const answer = await comet(url, { msg: '你好' })
  t.is(answer.status, 200)
  t.is(answer.text, '')
  t.is(answer.headers['content-type'], 'text/html; charset=utf-8')
  t.is((await poll(url, 'lobby')).msg, '你好')
})

test('a poll without a timestamp, with 0, or with an empty msg gets all there is, as text/html', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'hello', nick: 'ann' })
  for (const fields of [{}, { timestamp: '0' }, { timestamp: '' }, { msg: '', timestamp: '0' }] as Record<string, string>[]) {
    const answer = await comet(url, fields)
    t.is(answer.headers['content-type'], 'text/html; charset=utf-8')
    const told = JSON.parse(answer.text) as { msg: string; timestamp: number }
    t.is(told.timestamp, timestamp)
    t.regex(told.msg, /<b><bdi>ann<\/bdi><\/b>: .*hello/s)
  }
})

test('a parked poll is told of everything newer, joined, and goes on from there', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'before' })
  const parked = cometPoll(url, timestamp)
  await poll(url, 'lobby', { timestamp: 0 })
  await comet(url, { msg: 'one' })
  const first = await parked
  t.regex(first.msg, /one/)
  t.notRegex(first.msg, /before/)
  for (const msg of ['two', 'three']) await comet(url, { msg })
  const second = await cometPoll(url, first.timestamp)
  t.regex(second.msg, /two[^]*three/)
  t.notRegex(second.msg, /one/)
})

test('what the rich editor posts is Markdown in the file, and formatted again for the client', async (t) => {
  const server = await serve(t)
  await comet(server.url, {
    msg: '<b>重要</b> <i>it</i> <u>under</u><br><ul><li>a</li><li>b</li></ul><a href="https://example.org/">x</a>',
  })
  const [message] = messagesIn(await readFile(server.file('lobby'), 'utf8'))
  t.notRegex(message?.msg ?? '<', /</)
  t.regex(message?.msg ?? '', /\*\*重要\*\*[^]*\[x\]\(https:\/\/example\.org\/\)/)
  const { msg } = await cometPoll(server.url, 0)
  for (const shown of [/<strong>重要<\/strong>/, /<em>it<\/em>/, /<u>under<\/u>/, /<li>a<\/li>/, /<a href="https:\/\/example\.org\/"/])
    t.regex(msg, shown)
})

test('hostile markup never reaches the client as markup, from whichever side it comes', async (t) => {
  const { url } = await serve(t)
  await comet(url, { msg: '<img src=x onerror=alert(1)>seen<script>alert(2)</script>' })
  await post(url, 'lobby', { msg: '<script>alert(3)</script> [x](javascript:alert(4))', nick: '<b onclick=alert(5)>' })
  const { msg } = await cometPoll(url, 0)
  t.notRegex(msg, /<script|<img|<b onclick|href="javascript/i)
  t.regex(msg, /seen/)
  t.regex(msg, /&lt;script&gt;/)
})

test('an editor that is empty posts nothing, and is not left waiting', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'a' })
  t.is((await comet(url, { msg: '<br>' })).status, 200)
  t.is((await comet(url, { msg: '\u200b' })).status, 200)
  t.is((await poll(url, 'lobby', { timestamp: 0 })).timestamp, timestamp)
})

test('an error answer to a poll is JSON with a timestamp that the client can go on from', async (t) => {
  const { url } = await serve(t, { times: { errorPause: 0 } })
  const answer = await comet(url, { timestamp: 'NaN' })
  t.is(answer.status, 400)
  t.is(answer.headers['content-type'], 'text/html; charset=utf-8')
  t.like(JSON.parse(answer.text), { msg: '', timestamp: 0, error: { code: 'bad_timestamp' } })
})
