/** Addresses that change something by GET, as node_chat has them: a page of another site can point anything at them. */
import ava from 'ava'
import { poll, send } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

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
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const signedIn = await send(`${url}/sign-in`, { body: 'token=open-sesame', headers: form })
  const Cookie = signedIn.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  // SameSite=Lax: a browser sends the cookie with the opening of a window.
  for (const headers of POINTED) t.is((await send(`${url}/join?nick=evil`, { headers: { ...headers, Cookie } })).status, 403)
  t.is((await send(`${url}/join?nick=ann`, { headers: { ...BROWSER, 'X-Requested-With': 'XMLHttpRequest', Cookie } })).status, 200)
})
