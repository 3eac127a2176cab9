/** What answers say to a browser about themselves, so that no other page can use them, and who may show the page in a frame. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ava from 'ava'
import { post, send } from '../helpers/chat.ts'
import { freshDirectory, serve, type ServeOptions } from '../helpers/serve.ts'

const test = ava.serial

const policyOf = (headers: Record<string, unknown>): string[] => String(headers['content-security-policy']).split('; ')

test('the page allows nothing but its own files, no inline script, no eval, and HTML only from whom it names', async (t) => {
  const { url } = await serve(t)
  const { headers, text } = await send(url)
  const policy = policyOf(headers)
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'self'",
    "require-trusted-types-for 'script'",
    'trusted-types lit-html dompurify emoji-picker roomfile-worker',
  ])
    t.true(policy.includes(rule), rule)
  t.notRegex(policy.join(), /unsafe|\*|https?:/)
  t.is(headers['referrer-policy'], 'no-referrer')
  t.is(headers['cross-origin-opener-policy'], 'same-origin')
  t.is(headers['cross-origin-resource-policy'], 'same-origin')
  const [, script = ''] = /src="([^"]+\.js)"/.exec(text) ?? []
  t.regex((await send(`${url}/${script}`)).headers['cache-control'] ?? '', /immutable/)
})

test('every answer says that it is what it says it is, and that other sites cannot have it', async (t) => {
  const { url } = await serve(t)
  const { timestamp } = await post(url, 'lobby', { msg: 'a' })
  const answers = await Promise.all([
    ...[
      '/',
      '/favicon.svg',
      '/healthz',
      '/rooms',
      '/rooms/lobby',
      '/rooms/lobby/file',
      '/rooms/lobby/who',
      '/who',
      '/nowhere',
      '/rooms/..',
    ].map((path) => send(url + path)),
    send(`${url}/recv?since=1`),
    send(`${url}/rooms/lobby?wait=0`, { headers: { 'If-None-Match': `"${timestamp}"` } }),
    send(`${url}/rooms/lobby`, { method: 'OPTIONS' }),
    send(`${url}/rooms/lobby`, { method: 'DELETE' }),
    send(`${url}/rooms/lobby`, { body: 'a' }),
    send(`${url}/comet.php`, { body: 'timestamp=' }),
    send(`${url}/update`, { body: 'cursor=' }),
    send(`${url}/chat`, { body: 'message=a' }),
  ])
  for (const { status, headers, text } of answers) {
    t.is(headers['x-content-type-options'], 'nosniff', `${status} ${text}`)
    if (text !== '') t.is(headers['cross-origin-resource-policy'], 'same-origin', `${status} ${text}`)
    t.is(headers['access-control-allow-origin'], undefined)
    t.is(headers['x-powered-by'], undefined)
  }
})

test('who may show the page, the sign-in page and a page of one’s own in a frame is as the operator says', async (t) => {
  const own = await freshDirectory(t)
  await mkdir(join(own, 'a'))
  await writeFile(join(own, 'a', 'index.html'), 'own')
  const cases: readonly [options: ServeOptions, policy: string][] = [
    [{}, "'self'"],
    [{ frameAncestors: ['none'] }, "'none'"],
    [{ frameAncestors: ['*'] }, '*'],
    [{ frameAncestors: ['self', 'https://example.org'] }, "'self' https://example.org"],
  ]
  for (const [options, policy] of cases) {
    const pages = [
      await send((await serve(t, options)).url),
      await send((await serve(t, { ...options, token: 'open-sesame' })).url, { headers: { Accept: 'text/html' } }),
      await send(`${(await serve(t, { ...options, client: own })).url}/a/`),
    ]
    for (const { headers } of pages) {
      t.true(policyOf(headers).includes(`frame-ancestors ${policy}`), String(headers['content-security-policy']))
      t.is(headers['x-frame-options'], undefined)
    }
  }
})

test('what a page of one’s own may do is its own affair', async (t) => {
  const own = await freshDirectory(t)
  await writeFile(join(own, 'index.html'), '<script>1</script>')
  const { url } = await serve(t, { client: own })
  t.deepEqual(policyOf((await send(url)).headers), ["frame-ancestors 'self'"])
})
