/**
 * One contract for five protocols: what is said in one is heard in all, nothing is lost, and each keeps its own manners; and `/comet.php` as
 * the PHP tutorial's client speaks it: a form with `msg` posts, a form with `timestamp` polls.
 */
import { mkdir, readFile } from 'node:fs/promises'
import ava from 'ava'
import { messagesIn, poll, post, send, type Answer } from '../helpers/chat.ts'
import { hearUntil, SPEAKERS, type Speaker } from '../helpers/dialects.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const OPTIONS = { rateLimit: 0, backlog: 1000 }

async function comeIn(t: Parameters<typeof serve>[0], url: string): Promise<Speaker[]> {
  const speakers = SPEAKERS.map((Kind) => new Kind(url, 'ry'))
  t.teardown(() => speakers.forEach((speaker) => speaker.stop()))
  for (const speaker of speakers) await speaker.start()
  // Whoever came in early has not heard those who came later.
  await post(url, 'lobby', { msg: 'all are here' })
  await Promise.all(speakers.map((speaker) => hearUntil(speaker, (heard) => heard.includes('all are here'))))
  return speakers
}

test('5 senders, 5 receivers, all parked: 25 of 25', async (t) => {
  const { url } = await serve(t, OPTIONS)
  const speakers = await comeIn(t, url)
  for (const sender of speakers) {
    const text = `from ${sender.name}`
    const parked = speakers.map((receiver) => receiver.hear())
    await poll(url, 'lobby', { timestamp: 0 })
    await sender.say(text)
    t.deepEqual(
      await Promise.all(parked),
      speakers.map(() => [text]),
      sender.name,
    )
  }
})

test('3 bursts of 20 posts, senders mixed: everyone has all 60, once, in the order of the file', async (t) => {
  const server = await serve(t, OPTIONS)
  const speakers = await comeIn(t, server.url)
  const ears = speakers.map((speaker) => hearUntil(speaker, (heard) => heard.length >= 60))
  for (let burst = 0; burst < 3; burst++) {
    await Promise.all(Array.from({ length: 4 }, (_, n) => speakers.map((speaker, k) => speaker.say(`${burst}:${n * 5 + k}`))).flat())
  }
  const inFile = messagesIn(await readFile(server.file('lobby'), 'utf8'))
    .filter(({ msg }) => /^\d:\d+$/.test(msg))
    .map(({ msg }) => msg)
  t.is(new Set(inFile).size, 60)
  for (const [n, heard] of (await Promise.all(ears)).entries()) t.deepEqual(heard, inFile, speakers[n]?.name)
})

for (const Kind of SPEAKERS.slice(1)) {
  test(`of posts all at once, and of posts one after the other, one looping ${new Kind('', '').name} client loses 0`, async (t) => {
    const { url } = await serve(t, OPTIONS)
    await post(url, 'lobby', { msg: 'before' })
    const [listener, talker] = [new Kind(url, 'listener'), new Kind(url, 'talker')]
    t.teardown(() => [listener, talker].forEach((speaker) => speaker.stop()))
    await talker.start()
    await listener.start()
    const heard = hearUntil(listener, (all) => all.includes('the end'))
    await Promise.all(Array.from({ length: 40 }, (_, n) => talker.say(`message ${n}`)))
    for (let n = 40; n < 60; n++) await talker.say(`message ${n}`)
    await talker.say('the end')
    const all = await heard
    t.deepEqual(
      all.filter((text) => text.startsWith('message')).toSorted(),
      Array.from({ length: 60 }, (_, n) => `message ${n}`).toSorted(),
    )
  })
}

test('hostile text comes out of every dialect as the text that it is', async (t) => {
  const { url } = await serve(t, OPTIONS)
  const speakers = await comeIn(t, url)
  const hostile = [
    '<script>alert(1)</script>',
    `"onmouseover="alert(1)" '};alert(1);//`,
    '</textarea><svg onload=alert(1)>',
    'a\u2028b \\u003cb\\u003e',
    '<'.repeat(16_000),
  ]
  for (const text of hostile) {
    for (const sender of speakers.filter(({ name }) => name !== 'php')) {
      await sender.say(text)
      for (const receiver of speakers) {
        const [heard = ''] = await hearUntil(receiver, ({ length }) => length > 0)
        t.is(heard.replace(/\s+/g, ' '), text.replace(/\s+/g, ' '), `${sender.name} to ${receiver.name}`)
      }
    }
  }
})

test('node_chat: join, who, send, part, with its own answers', async (t) => {
  const { url } = await serve(t)
  const get = async (path: string): Promise<{ status: number; type: string | undefined; body: Record<string, unknown> }> => {
    const { status, headers, text } = await send(`${url}${path}`)
    return { status, type: headers['content-type'], body: JSON.parse(text) as Record<string, unknown> }
  }
  const joined = await get('/join?nick=ry')
  t.is(joined.status, 200)
  t.is(joined.type, 'text/json; charset=utf-8')
  t.deepEqual(Object.keys(joined.body), ['id', 'nick', 'rss', 'starttime'])
  t.like(await get('/join?nick=RY'), { status: 400, body: { error: 'Nick in use' } })
  t.like(await get('/join?nick='), { status: 400, body: { error: 'Bad nick.' } })
  t.like(await get('/join'), { status: 400, body: { error: 'Bad nick.' } })
  t.like(await get(`/join?nick=${'x'.repeat(51)}`), { status: 400, body: { error: 'Bad nick.' } })
  t.deepEqual((await get('/who')).body['nicks'], ['ry'])
  t.like(await get('/send?id=nobody&text=a'), { status: 400, body: { error: 'No such session id' } })
  t.like(await get(`/send?id=${String(joined.body['id'])}`), { status: 400, body: { error: 'No such session id' } })
  t.deepEqual(Object.keys((await get(`/send?id=${String(joined.body['id'])}&text=hi`)).body), ['rss'])
  t.like(await get('/recv'), { status: 400, body: { error: 'Must supply since parameter' } })
  const { messages } = (await get('/recv?since=-0.5')).body as { messages: { nick: string; type: string; text: string }[] }
  t.deepEqual(
    messages.map(({ nick, type, text }) => [nick, type, text]),
    [
      ['ry', 'join', ''],
      ['ry', 'msg', 'hi'],
    ],
  )
  t.deepEqual(Object.keys(messages[0] ?? {}), ['nick', 'type', 'text', 'timestamp'])
  t.is((await get(`/part?id=${String(joined.body['id'])}`)).status, 200)
  t.is((await get('/part?id=nobody')).status, 200)
  t.deepEqual((await get('/who')).body['nicks'], [])
})

test('node_chat: a place that no message has, behind an edit or in the future, waits and then hears', async (t) => {
  const server = await serve(t)
  await post(server.url, 'lobby', { msg: 'a' })
  const { timestamp } = await post(server.url, 'lobby', { msg: 'b' })
  const parked = [timestamp, timestamp + 1e9, 8e15].map((since) => send(`${server.url}/recv?since=${since}`))
  await poll(server.url, 'lobby', { timestamp: 0 })
  await post(server.url, 'lobby', { msg: 'c' })
  for (const answer of await Promise.all(parked)) {
    t.deepEqual(
      (JSON.parse(answer.text) as { messages: { text: string }[] }).messages.map(({ text }) => text),
      ['c'],
    )
  }
})

test('a poll that hears nothing ends in the manner of its protocol, with the place to go on from', async (t) => {
  const ms = 50
  const { url } = await serve(t, { times: { mochiwebPoll: ms, nodeChatPoll: ms, phpPoll: ms, geventPoll: ms } })
  const { id, timestamp } = await post(url, 'lobby', { msg: 'a' })
  const chat = await send(`${url}/chat`)
  t.is(chat.text, '{"error":"timeout"}')
  t.is(chat.headers['content-type'], 'text/javascript; charset=utf-8')
  t.like(JSON.parse((await send(`${url}/recv?since=${timestamp}`)).text), { messages: [] })
  const form = (path: string, body: string): Promise<Answer> => send(`${url}${path}`, { headers: FORM, body })
  t.deepEqual(JSON.parse((await form('/comet.php', `timestamp=${timestamp}`)).text), { msg: '', timestamp })
  t.deepEqual(JSON.parse((await form('/update', `cursor=${id}`)).text), { html: '', latest_cursor: id })
})

test('a client that asks again at once after an error is held back, and let go when it goes', async (t) => {
  const clients: readonly [path: string, body?: string][] = [['/comet.php', 'timestamp=NaN'], ['/update', 'cursor=%ff'], ['/chat']]
  const quick = await serve(t, { times: { errorPause: 200 } })
  await mkdir(quick.file('lobby')) // no room: whatever else a request says, it is an error
  for (const [path, body] of clients) {
    const began = performance.now()
    await send(quick.url + path, body === undefined ? {} : { headers: FORM, body })
    t.true(performance.now() - began >= 190, path)
  }
  const { url, close, file } = await serve(t, { times: { errorPause: 3_600_000, close: 3_600_000 } })
  await mkdir(file('lobby'))
  for (const [path, body] of clients) {
    const cut = new AbortController()
    const held = t.throwsAsync(send(url + path, { signal: cut.signal, ...(body === undefined ? {} : { headers: FORM, body }) }))
    await send(`${url}/healthz`)
    cut.abort()
    await held
  }
  await close()
})

test('gevent: an unknown cursor gets everything, as text/html that is no HTML', async (t) => {
  const { url } = await serve(t)
  await post(url, 'lobby', { msg: 'a', nick: '<b>' })
  const { id } = await post(url, 'lobby', { msg: 'b' })
  const answer = await send(`${url}/update`, { headers: FORM, body: 'cursor=nothing' })
  t.is(answer.headers['content-type'], 'text/html; charset=utf-8')
  t.notRegex(answer.text, /[<>\u2028\u2029]/)
  t.like(JSON.parse(answer.text), { latest_cursor: id })
  const posted = await send(`${url}/new`, { headers: FORM, body: 'msg=c' })
  t.deepEqual([posted.status, posted.text], [200, ''])
})

test('mochiweb: who has just come hears what comes, and not what was; what comes between two polls waits', async (t) => {
  const { url } = await serve(t)
  await post(url, 'lobby', { msg: 'old' })
  const first = send(`${url}/chat`)
  await poll(url, 'lobby', { timestamp: 0 })
  await post(url, 'lobby', { msg: 'one' })
  const answer = await first
  t.regex(answer.text, /one/)
  await post(url, 'lobby', { msg: 'two' })
  await post(url, 'lobby', { msg: 'three' })
  const Cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  const second = await send(`${url}/chat`, { headers: { Cookie } })
  t.regex(second.text, /two/)
  const third = await send(`${url}/chat`, { headers: { Cookie: second.headers['set-cookie']?.[0]?.split(';')[0] ?? '' } })
  t.regex(third.text, /three/)
})

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
