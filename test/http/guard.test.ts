/** Who is let in: with a token, from another site's page, under another name; and what such a page can point at that changes something by GET. */
import ava from 'ava'
import { poll, post, send, type Answer, type Send } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const TOKEN = 'open sesame 芝麻'
const codeOf = ({ text }: Answer): string => (JSON.parse(text) as { error: { code: string } }).error.code
const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${Buffer.from(token).toString('latin1')}` })

const form = (token: string): Send => ({
  body: new URLSearchParams({ token }).toString(),
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
})

const ADDRESSES: readonly [path: string, options?: Send][] = [
  ['/rooms'],
  ['/rooms/lobby?wait=0'],
  ['/rooms/lobby', { body: 'a' }],
  ['/rooms/lobby/file'],
  ['/rooms/lobby/who'],
  ['/rooms/lobby/sessions', { body: 'nick=a', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }],
  ['/comet.php', { body: 'msg=a' }],
  ['/join?nick=a'],
  ['/who'],
  ['/recv?since=1'],
  ['/new', { body: 'msg=a' }],
  ['/update', { body: 'cursor=' }],
  ['/chat', { body: 'message=a' }],
  ['/'],
  ['/favicon.svg'],
  ['/nowhere'],
]

test('with a token, every address but /healthz asks for it, and nothing is written without it', async (t) => {
  const { url } = await serve(t, { token: 'open-sesame', trustProxy: ['loopback'] })
  for (const [i, [path, options]] of ADDRESSES.entries()) {
    const address = { 'X-Forwarded-For': `10.0.0.${i}` } // nobody may try often
    for (const headers of [{}, bearer('open-sesam'), bearer('open-sesame-'), { Cookie: 'roomfile-token=open-sesame' }]) {
      const answer = await send(`${url}${path}`, { ...options, headers: { ...options?.headers, ...address, ...headers } })
      t.is(answer.status, 401, path)
      t.is(codeOf(answer), 'no_token', path)
    }
  }
  t.is((await send(`${url}/healthz`)).status, 200)
  t.deepEqual((await poll(url, 'lobby', {}, { headers: bearer('open-sesame') })).messages, [])
})

test('the token is taken as a bearer, and as a Basic password of any user', async (t) => {
  const { url } = await serve(t, { token: TOKEN })
  const basic = { Authorization: `Basic ${Buffer.from(`anyone:${TOKEN}`).toString('base64')}` }
  t.is((await send(`${url}/rooms/lobby`, { body: 'a', headers: basic })).status, 201)
  t.is((await send(`${url}/rooms/lobby`, { body: Buffer.from('a'), headers: bearer(TOKEN) })).status, 201)
})

const from = (address: string, headers: Record<string, string> = {}): Send => ({ headers: { 'X-Forwarded-For': address, ...headers } })

test('an address that tries wrong tokens is heard ten times a minute, then not even with the right one; others are', async (t) => {
  const { url } = await serve(t, { token: TOKEN, trustProxy: ['loopback'], rateLimit: 0 })
  const signIn = (address: string, token: string): Promise<Answer> =>
    send(`${url}/sign-in`, { ...form(token), headers: { ...form(token).headers, 'X-Forwarded-For': address } })
  const [cookie = ''] = (await signIn('10.0.0.1', TOKEN)).headers['set-cookie'] ?? []
  const tries: (() => Promise<Answer>)[] = [
    () => send(`${url}/rooms`, from('10.0.0.1', bearer('wrong'))),
    () => send(`${url}/rooms`, from('10.0.0.1', { Authorization: `Basic ${Buffer.from(':wrong').toString('base64')}` })),
    () => signIn('10.0.0.1', 'wrong'),
  ]
  const statuses = (await Promise.all(Array.from({ length: 30 }, (_, i) => (tries[i % 3] as () => Promise<Answer>)()))).map(
    ({ status }) => status,
  )
  t.is(statuses.filter((status) => status === 401 || status === 403).length, 10)
  t.is(statuses.filter((status) => status === 429).length, 20)
  const [asked, signedIn] = [await send(`${url}/rooms`, from('10.0.0.1', bearer(TOKEN))), await signIn('10.0.0.1', TOKEN)]
  t.is(codeOf(asked), 'too_many_tries')
  t.regex(signedIn.text, /<p role="alert">Too many wrong tokens/)
  for (const answer of [asked, signedIn]) {
    t.is(answer.status, 429)
    t.regex(answer.headers['retry-after'] ?? '', /^[1-9]\d?$/)
    t.is(answer.headers['set-cookie'], undefined)
  }
  t.is((await send(`${url}/rooms`, from('10.0.0.1', { Cookie: cookie.split(';')[0] ?? '' }))).status, 200, 'who is signed in stays so')
  t.is((await send(`${url}/rooms`, from('10.0.0.2', bearer(TOKEN)))).status, 200)
  t.is((await signIn('10.0.0.2', TOKEN)).status, 303)
})

test('the sign-in page takes the token and gives a cookie that scripts cannot read and other sites do not send', async (t) => {
  const { url } = await serve(t, { token: TOKEN })
  const page = await send(`${url}/`, { headers: { Accept: 'text/html' } })
  t.is(page.status, 401)
  t.regex(page.text, /<form method="post" action="sign-in">/)
  const wrong = await send(`${url}/sign-in`, form('open says me'))
  t.is(wrong.status, 403)
  t.is(wrong.headers['set-cookie'], undefined)
  const right = await send(`${url}/sign-in`, form(TOKEN))
  t.is(right.status, 303)
  const [setCookie = ''] = right.headers['set-cookie'] ?? []
  t.regex(setCookie, /HttpOnly/)
  t.regex(setCookie, /SameSite=Lax/)
  t.notRegex(decodeURIComponent(setCookie), /sesame/)
  t.notRegex(setCookie, /Secure/)
  const overTls = { ...form(TOKEN).headers, Origin: 'https://chat.example.org', 'Sec-Fetch-Site': 'same-origin' }
  t.regex((await send(`${url}/sign-in`, { ...form(TOKEN), headers: overTls })).headers['set-cookie']?.[0] ?? '', /; Secure/)
  const Cookie = setCookie.split(';')[0] ?? ''
  t.is((await send(`${url}/`, { headers: { Accept: 'text/html', Cookie } })).status, 200)
  t.is((await send(`${url}/rooms/lobby`, { body: 'a', headers: { Cookie } })).status, 201)
})

const foreign: readonly Record<string, string>[] = [
  { Origin: 'https://evil.example' },
  { Origin: 'null' },
  { 'Sec-Fetch-Site': 'cross-site' },
  { 'Sec-Fetch-Site': 'same-site', Origin: 'http://127.0.0.1:1' },
]

test('a page of another site can post nothing, in no protocol', async (t) => {
  const { url } = await serve(t)
  const writes = ADDRESSES.filter(([path, options]) => options?.body !== undefined && path !== '/update').concat([
    ['/join?nick=a'],
    ['/join/?nick=a'],
    ['/JOIN?nick=a'],
    ['/Join/?nick=a#'],
    ['/part?id=a'],
    ['/PART/?id=a'],
    ['/send?id=a&text=b'],
    ['/Send/?id=a&text=b'],
    ['/rooms/lobby/sessions/a', { method: 'DELETE' }],
  ])
  for (const [path, options] of writes) {
    for (const headers of foreign) {
      const answer = await send(`${url}${path}`, { ...options, headers: { ...options?.headers, ...headers } })
      t.is(answer.status, 403, path)
      t.is(codeOf(answer), 'foreign_origin', path)
    }
  }
  t.deepEqual((await poll(url, 'lobby')).messages, [])
  for (const headers of [
    { Origin: url },
    { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://proxy.example' },
    { 'Sec-Fetch-Site': 'none' },
  ])
    t.is((await send(`${url}/rooms/lobby`, { body: 'a', headers })).status, 201, JSON.stringify(headers))
})

test('a page of another site cannot read, unless --cors names it: then it can read and post', async (t) => {
  const { url } = await serve(t, { cors: ['https://friend.example'] })
  const read = await send(`${url}/rooms/lobby?wait=0`, { headers: { Origin: 'https://evil.example' } })
  t.is(read.headers['access-control-allow-origin'], undefined)
  t.is(read.headers['cross-origin-resource-policy'], 'same-origin')
  const Origin = 'https://friend.example'
  const preflight = await send(`${url}/rooms/lobby`, { method: 'OPTIONS', headers: { Origin, 'Access-Control-Request-Method': 'POST' } })
  t.is(preflight.status, 204)
  t.is(preflight.headers['access-control-allow-origin'], Origin)
  const posted = await send(`${url}/rooms/lobby`, { body: 'hello', headers: { Origin, 'Sec-Fetch-Site': 'cross-site' } })
  t.is(posted.status, 201)
  t.is(posted.headers['access-control-allow-origin'], Origin)
  t.is((await send(`${url}/rooms/lobby`, { body: 'a', headers: { Origin: 'https://evil.example' } })).status, 403)
})

test('on localhost, a name that somebody made to point here is refused', async (t) => {
  const { url } = await serve(t)
  const { port } = new URL(url)
  await post(url, 'lobby', { msg: 'a' })
  for (const Host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil.example'])
    t.is(codeOf(await send(`${url}/rooms/lobby`, { headers: { Host } })), 'foreign_host', Host)
  for (const Host of [`localhost:${port}`, '127.0.0.1', '[::1]:80', 'chat.localhost'])
    t.is((await send(`${url}/rooms/lobby`, { headers: { Host } })).status, 200, Host)
})

test('open to the network, or behind a proxy, any name is ours', async (t) => {
  const behind = await serve(t, { trustProxy: ['loopback'] })
  t.is((await send(`${behind.url}/rooms/lobby`, { headers: { Host: 'chat.example.org' } })).status, 200)
})

const BROWSER = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36' }
const LANGUAGE = { 'Accept-Language': 'en-GB,en;q=0.9' }
const REFERER = { Referer: 'http://evil.example/' }

/** What browsers send for an image, a frame, a form, a link or a window of another site's page; over plain http nothing says where it is from. */
const POINTED: readonly Record<string, string>[] = [
  { ...BROWSER, ...LANGUAGE, ...REFERER, Accept: 'image/avif,image/webp,*/*;q=0.8' },
  { ...BROWSER, ...LANGUAGE, Accept: '*/*' },
  { ...BROWSER },
  { ...BROWSER, ...LANGUAGE, Accept: 'text/html,application/xhtml+xml', 'Upgrade-Insecure-Requests': '1' },
  { 'User-Agent': 'Opera/9.80 (X11; Linux x86_64) Presto/2.12.388 Version/12.16', ...LANGUAGE },
  { 'User-Agent': 'Lynx/2.9.0', ...LANGUAGE },
  { ...LANGUAGE }, // the name was taken out on the way
  { ...BROWSER, 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }, // a link in a mail
  { ...BROWSER, 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }, // a link in a message
  { ...BROWSER, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'image' },
  { ...BROWSER, 'X-Requested-With': 'XMLHttpRequest', Origin: 'http://evil.example' },
]

/** Our own page's scripts, of 2010 and of today, and programs. */
const ASKED: readonly Record<string, string>[] = [
  { ...BROWSER, ...LANGUAGE, 'X-Requested-With': 'XMLHttpRequest' },
  { ...BROWSER, ...LANGUAGE, 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' },
  { 'User-Agent': 'curl/8.14.1', Accept: '*/*' },
  {},
]

test('what another site’s page points at /join, /part or /send changes nothing', async (t) => {
  const { url } = await serve(t, { rateLimit: 0 })
  const { id } = JSON.parse((await send(`${url}/join?nick=ann`)).text) as { id: string }
  for (const [n, headers] of POINTED.entries()) {
    for (const path of [`/join?nick=evil${n}`, `/JOIN/?nick=evil${n}`, `/send?id=${id}&text=evil`, `/part?id=${id}`]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await send(`${url}${path}`, { headers, method })
        t.is(answer.status, 403, `${method} ${path} ${JSON.stringify(headers)}`)
      }
    }
  }
  t.deepEqual(
    (await poll(url, 'lobby')).messages.map(({ type, nick }) => [type, nick]),
    [['join', 'ann']],
  )
})

test('the pages that are served here, and programs, join, say and part', async (t) => {
  const { url } = await serve(t)
  for (const [n, headers] of ASKED.entries()) {
    const joined = await send(`${url}/join?nick=ann${n}`, { headers })
    t.is(joined.status, 200, JSON.stringify(headers))
    const { id } = JSON.parse(joined.text) as { id: string }
    t.is((await send(`${url}/send?id=${id}&text=hello`, { headers })).status, 200)
    t.is((await send(`${url}/part?id=${id}`, { headers })).status, 200)
  }
  t.is((await poll(url, 'lobby')).messages.length, ASKED.length * 3)
})

test('a page that --cors names may join; what it only points here may not', async (t) => {
  const friend = 'https://friend.example'
  const { url } = await serve(t, { cors: [friend] })
  const asked = { ...BROWSER, ...LANGUAGE, Origin: friend, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'empty' }
  t.is((await send(`${url}/join?nick=ann`, { headers: asked })).status, 200)
  t.is((await send(`${url}/join?nick=bob`, { headers: { ...BROWSER, ...LANGUAGE, Referer: `${friend}/` } })).status, 403)
})

test('with a token’s cookie, a window that another site’s page opens does not join', async (t) => {
  const { url } = await serve(t, { token: 'open-sesame' })
  const signedIn = await send(`${url}/sign-in`, form('open-sesame'))
  const Cookie = signedIn.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  // SameSite=Lax: a browser sends the cookie with the opening of a window.
  for (const headers of POINTED) t.is((await send(`${url}/join?nick=evil`, { headers: { ...headers, Cookie } })).status, 403)
  t.is((await send(`${url}/join?nick=ann`, { headers: { ...BROWSER, 'X-Requested-With': 'XMLHttpRequest', Cookie } })).status, 200)
})
