/** Names that every JavaScript object has, wherever a name may stand: as room, nick, key, session, cookie, in every dialect and by hand in the file. */
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import ava from 'ava'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
  'toJSON',
  'then',
  'length',
]
const JSON_TYPE = { 'Content-Type': 'application/json' }
const FORM_TYPE = { 'Content-Type': 'application/x-www-form-urlencoded' }

test('a room of such a name is a room like any other', async (t) => {
  const { url, file } = await serve(t)
  for (const room of NAMES) {
    t.deepEqual(await poll(url, room), { timestamp: 1, msg: '', messages: [] })
    const { timestamp } = await post(url, room, { msg: `in ${room}`, nick: room, cid: room })
    t.is((await poll(url, room, { timestamp: 0 })).msg, `in ${room}`)
    t.is((await post(url, room, { msg: 'again', nick: room, cid: room })).timestamp, timestamp, 'a cid is stored once')
    t.is((await send(`${url}/rooms/${room}/file`)).text, await readFile(file(room), 'utf8'))
    await appendFile(file(room), 'by hand\n')
    t.is((await poll(url, room, { timestamp, wait: 20 })).msg, 'by hand')
  }
  const all = (await send(`${url}/rooms`)).text
  for (const room of NAMES) t.regex(all, new RegExp(`"${room}":\\{"timestamp":\\d+,"messages":2,"people":0\\}`))
  const wanted = NAMES.map((room) => `${room}:0`).join(',')
  const { rooms } = JSON.parse((await send(`${url}/rooms?poll=${wanted}`)).text) as { rooms: object }
  t.deepEqual(Object.keys(rooms).toSorted(), NAMES.toSorted())
})

test('somebody of such a name comes, speaks and goes like anybody else', async (t) => {
  const { url } = await serve(t)
  for (const nick of NAMES) {
    const { id } = JSON.parse((await send(`${url}/rooms/lobby/sessions`, { headers: JSON_TYPE, body: JSON.stringify({ nick }) })).text) as {
      id: string
    }
    t.regex((await send(`${url}/rooms/lobby/who`)).text, new RegExp(`"who":\\["${nick}"\\]`))
    const posted = await send(`${url}/rooms/lobby`, { headers: JSON_TYPE, body: JSON.stringify({ msg: 'hi', session: id }) })
    t.is(posted.status, 201)
    t.is((await poll(url, 'lobby')).messages.at(-1)?.nick, nick)
    t.is((await send(`${url}/join?nick=${nick}`)).status, 400)
    t.is((await send(`${url}/rooms/lobby/sessions/${id}`, { method: 'DELETE' })).status, 204)
    const joined = await send(`${url}/join?nick=${nick}`)
    t.is(joined.status, 200)
    t.is((await send(`${url}/part?id=${(JSON.parse(joined.text) as { id: string }).id}`)).status, 200)
  }
})

test('such a name names no session, no cookie, no field and no parameter', async (t) => {
  const { url, file } = await serve(t, { rateLimit: 0, times: { errorPause: 0 } })
  const refused: readonly [path: string, body: string | undefined, headers: Record<string, string>, status: number][] = NAMES.flatMap(
    (name) => [
      ['/rooms/lobby', JSON.stringify({ msg: 'a', session: name }), JSON_TYPE, 404],
      ['/rooms/lobby', `{"${name}":{"msg":"a"}}`, JSON_TYPE, 400],
      ['/rooms/lobby', `{"msg":{"${name}":"a"}}`, JSON_TYPE, 400],
      ['/rooms/lobby', `{"msg":"a","nick":{"${name}":"a"}}`, JSON_TYPE, 400],
      ['/rooms/lobby', `msg=a&session=${name}`, FORM_TYPE, 404],
      ['/rooms/lobby/typing', `session=${name}`, FORM_TYPE, 404],
      ['/rooms/lobby/sessions', `{"${name}":"ann"}`, JSON_TYPE, 400],
      [`/rooms/lobby?wait=0&session=${name}`, undefined, {}, 404],
      [`/rooms/lobby?timestamp=${name}`, undefined, {}, 400],
      [`/rooms?poll=${name}`, undefined, {}, 400],
      [`/send?id=${name}&text=a`, undefined, {}, 400],
      [`/recv?since=${name}`, undefined, {}, 400],
      [`/${name}`, undefined, {}, 404],
      [`/rooms/lobby/${name}`, undefined, {}, 404],
      [`/assets/${name}`, undefined, {}, 404],
    ],
  )
  for (const [path, body, headers, status] of refused)
    t.is((await send(url + path, { headers, ...(body === undefined ? {} : { body }) })).status, status, `${path} ${body}`)
  t.deepEqual((await poll(url, 'lobby')).messages, [])
  for (const name of NAMES) {
    t.is((await send(`${url}/rooms/lobby?wait=0&${name}=1&${name}[${name}]=1`)).status, 200)
    t.is(
      (await send(`${url}/rooms/lobby`, { headers: JSON_TYPE, body: `{"msg":"json","${name}":{"nick":"mallory"},"__proto__":null}` }))
        .status,
      201,
    )
    t.is((await send(`${url}/rooms/lobby`, { headers: FORM_TYPE, body: `msg=form&${name}=x&__proto__[nick]=mallory` })).status, 201)
    t.is((await send(`${url}/new`, { headers: FORM_TYPE, body: `msg=gevent&${name}=x` })).status, 200)
    const chat = await send(`${url}/rooms/lobby?wait=0`, {
      headers: { Cookie: `${name}=1; roomfile-chat=${name}; roomfile-token=${name}` },
    })
    t.is(chat.status, 200)
  }
  for (const line of messagesIn(await readFile(file('lobby'), 'utf8')))
    t.deepEqual(Object.keys(line), ['id', 'timestamp', 'type', 'nick', 'msg'])
  t.true((await poll(url, 'lobby')).messages.every(({ nick }) => nick === ''))
})

test('such a name opens no door, and a cookie of an odd name stops no poll', async (t) => {
  const guarded = await serve(t, { token: 'open-sesame', trustProxy: ['loopback'] })
  for (const [i, name] of NAMES.entries()) {
    const from = { 'X-Forwarded-For': `10.0.0.${i}` }
    const tries = [
      { Cookie: `${name}=x` },
      { Cookie: `roomfile-token=${name}` },
      { Authorization: `Bearer ${name}` },
      { Authorization: name },
    ]
    for (const headers of tries) t.is((await send(`${guarded.url}/rooms`, { headers: { ...from, ...headers } })).status, 401)
  }
  const { url } = await serve(t)
  await post(url, 'lobby', { msg: 'one' })
  const { timestamp } = await post(url, 'lobby', { msg: 'two' })
  const odd = Array.from({ length: 30 }, (_, i) => `roomfile-chat-(${i})=1; roomfile-chat-\u00e9${i}=1`)
  const Cookie = [`roomfile-chat-0123456789abcdef=${timestamp - 1}-0`, ...odd, 'roomfile-chat-=1', '__proto__=1'].join('; ')
  const { text, headers } = await send(`${url}/chat`, { headers: { Cookie } })
  t.regex(text, /two/)
  t.true(headers['set-cookie']?.every((cookie) => /^roomfile-chat-0123456789abcdef=\d+-0; /.test(cookie)))
})

test('lines by hand with such keys are messages, keep their keys, and change nothing else', async (t) => {
  const { url, file } = await serve(t)
  const lines = NAMES.flatMap((name) => [
    `{"msg":"a","${name}":{"polluted":true}}`,
    `{"${name}":1,"msg":"b","nick":"${name}"}`,
    `{"msg":"c","type":"${name}","cid":"${name}"}`,
  ])
  await writeFile(file('lobby'), `${lines.join('\n')}\n`)
  const { messages } = await poll(url, 'lobby')
  t.is(messages.length, lines.length)
  const kept = await readFile(file('lobby'), 'utf8')
  for (const name of NAMES) t.true(kept.includes(`"${name}":{"polluted":true}}`), name)
  const answer = await post(url, 'lobby', { msg: 'after' })
  t.false('polluted' in answer)
  t.is(({} as { polluted?: boolean }).polluted, undefined)
  t.is((await poll(url, 'lobby', { timestamp: answer.timestamp - 1 })).messages.at(-1)?.msg, 'after')
})
