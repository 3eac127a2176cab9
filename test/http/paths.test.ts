/** Addresses that try to leave the directory: of the rooms, of the page. Links that an administrator made, and files that go while they are read. */
import { once } from 'node:events'
import { mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import ava from 'ava'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { besiege, head, request, statusesIn, talk } from '../helpers/raw.ts'
import { freshDirectory, serve } from '../helpers/serve.ts'

const test = ava.serial

/** Names that are no room's, as they stand in an address. */
const NO_ROOMS = [
  '..',
  '.',
  '...',
  '%2e%2e',
  '%2E%2e',
  '.%2e',
  '..%2flobby',
  '..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd',
  '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  '..%5c..%5cetc',
  '%2fetc%2fpasswd',
  'a%2fb',
  'a%5cb',
  'lobby%00',
  'lobby%00.jsonl',
  'lobby.jsonl',
  'lobby%2ejsonl',
  '.roomfile',
  '.roomfile%2flobby',
  'aside%2flobby',
  '.lobby',
  'lobby%20',
  '%20lobby',
  'lobby%0a',
  'lobby%0d%0aX-A:%20b',
  'a:b',
  'a,b',
  'a~',
  '~root',
  '$HOME',
  '*',
  '%3f',
  '%23',
  '%252e%252e',
  '%25%32%65',
  '%c0%ae%c0%ae',
  '%u002e%u002e',
  '..;',
  '%ef%bc%8e%ef%bc%8e', // ．． fullwidth full stops
  '%e2%80%a4%e2%80%a4', // ․․ one dot leaders
  '%e3%80%82', // 。
  'a%ef%bc%8fb', // ／
  'a%e2%88%95b', // ∕
  'a%e2%81%84b', // ⁄
  'a%ef%bc%bcb', // ＼
  'a%e2%80%8bb', // a zero width space
  'a%e2%80%aeb', // right-to-left override
  'a%ef%bb%bfb',
  '%cc%81a', // begins with a mark
  '%f0%9f%98%80',
  'a'.repeat(65),
  encodeURIComponent('𠀀'.repeat(60)), // 240 bytes
]

test(`${NO_ROOMS.length} names that are no room's are refused, to readers and writers, and nothing is made anywhere`, async (t) => {
  const { url, unharmed, standsAfter } = await besiege(t)
  for (const name of NO_ROOMS) {
    const attacks = [
      head(`GET /rooms/${name}?wait=0`),
      request(`POST /rooms/${name}`, 'a'),
      head(`GET /rooms/${name}/file`),
      request(`POST /rooms/${name}/sessions`, 'nick=a', 'Content-Type: application/x-www-form-urlencoded'),
      request(`DELETE /rooms/${name}/sessions/a`, ''),
      request(`POST /rooms/${name}/typing`, 'session=a', 'Content-Type: application/x-www-form-urlencoded'),
      head(`GET /rooms/${name}/who`),
      head(`GET /rooms?poll=${name.replaceAll(/[:,#]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)}:0`),
    ]
    for (const attack of attacks) {
      const answer = await talk(url, attack)
      t.regex(answer, /(?:^HTTP\/1\.1 400 [^]*|"error":\{"status":400,)"code":"bad_(?:room|poll|encoding|timestamp)"/, attack)
      t.notRegex(answer, /^X-A:/m)
    }
    await unharmed(name)
  }
  await standsAfter()
})

test('a room may be called like our folders or a file of the system, and is a room', async (t) => {
  const { url, directory } = await serve(t)
  for (const room of ['aside', 'roomfile', 'etc', 'con', 'null', 'index', 'a-_b', '_-', '__']) {
    await post(url, room, { msg: 'here' })
    t.deepEqual(
      messagesIn(await readFile(join(directory, `${room}.jsonl`), 'utf8')).map(({ msg }) => msg),
      ['here'],
      room,
    )
  }
  t.is((await send(`${url}/rooms/e%CC%81`, { body: 'composed' })).status, 201)
  t.true((await readdir(directory)).includes('é.jsonl'))
})

test('to ask for a room makes nothing: readers cannot fill the disk', async (t) => {
  const { url, directory } = await serve(t)
  const before = await readdir(directory, { recursive: true })
  for (let i = 0; i < 20; i++) {
    t.deepEqual((await poll(url, `room-${i}`)).messages, [])
    await send(`${url}/rooms/room-${i}/who`)
    await send(`${url}/rooms?poll=room-${i}:0,other-${i}:0&wait=0`)
    t.is((await send(`${url}/rooms/room-${i}/file`)).status, 404)
    t.is((await send(`${url}/rooms/room-${i}/typing`, { body: 'session=a' })).status, 404)
  }
  t.deepEqual(await readdir(directory, { recursive: true }), before)
  // Whoever waits for a room to begin hears its first message, from another process as well, as nothing but that.
  const parked = poll(url, 'room-1', { timestamp: 1, wait: 20 })
  const other = await serve(t, {}, directory)
  await post(other.url, 'room-1', { msg: 'the first' })
  const { messages, ...rest } = await parked
  t.deepEqual(Object.keys(rest), ['timestamp', 'msg'])
  t.is(messages.length, 1)
})

test('a link that an administrator put among the rooms is followed, to read and to write, and stays a link', async (t) => {
  const { url, file } = await serve(t)
  const elsewhere = await freshDirectory(t)
  const target = join(elsewhere, 'notes.txt')
  await writeFile(target, 'from elsewhere\n')
  await symlink(target, file('linked'))
  t.deepEqual(
    (await poll(url, 'linked')).messages.map(({ msg }) => msg),
    ['from elsewhere'],
  )
  await post(url, 'linked', { msg: 'through the link' })
  t.is(await readlink(file('linked')), target)
  const kept = await readFile(target, 'utf8')
  t.deepEqual(
    messagesIn(kept).map(({ msg }) => msg),
    ['from elsewhere', 'through the link'],
  )
  t.is((await send(`${url}/rooms/linked/file`)).text, kept)
})

test('what cannot stay in a file behind a link is kept aside as it was, and not the link to it', async (t) => {
  const { url, file, directory } = await serve(t, { maxMessage: 1024 })
  const target = join(await freshDirectory(t), 'notes.txt')
  const long = `${'long '.repeat(1000)}\n`
  await writeFile(target, long)
  await symlink(target, file('linked'))
  await post(url, 'linked', { msg: 'after it' })
  const [aside = ''] = await readdir(join(directory, 'aside'))
  t.is(await readFile(join(directory, 'aside', aside), 'utf8'), long)
})

/** Addresses below the page that try to leave it. */
const ESCAPES = [
  '/../package.json',
  '/../../package.json',
  '/..%2f..%2fpackage.json',
  '/%2e%2e/%2e%2e/package.json',
  '/%2e%2e%2f%2e%2e%2fpackage.json',
  '/..%5c..%5cpackage.json',
  '/..\\..\\package.json',
  '/assets/../../../package.json',
  '/assets/..%2f..%2f',
  '/assets/%2e%2e/%2e%2e/%2e%2e/package.json',
  '//etc/passwd',
  '///etc/passwd',
  '/etc/passwd',
  '/%2fetc%2fpasswd',
  '/../../../../../../../../etc/passwd',
  '/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '/..;/..;/package.json',
  '/%c0%ae%c0%ae/package.json',
  '/%252e%252e/package.json',
  '/.%00./package.json',
  '/index.html%00',
  '/index.html%00.js',
  '/secret.html%00',
  '/%ef%bc%8e%ef%bc%8e/package.json',
  '/.env',
  '/.git/config',
  '/%2egit/config',
  '/a/../.env',
  '/%2e%2e/',
  '/%2e%2e/secret.html',
  '/%2e%2e/secret',
  '/out/secret.html',
  '/out/secret',
  '/out/',
  '/out',
  '/link.html',
  '/link',
  '/dangling.html',
  'http://localhost/../package.json',
  'file:///etc/passwd',
  '*',
]

test(`${ESCAPES.length} addresses that lead out of the page's directory, dot-files, and links out of it are not found`, async (t) => {
  const parent = await freshDirectory(t)
  const own = join(parent, 'page')
  await mkdir(join(own, '.git'), { recursive: true })
  await mkdir(join(own, 'sub'))
  await writeFile(join(parent, 'secret.html'), 'secret')
  await writeFile(join(parent, 'index.html'), 'secret')
  await writeFile(join(parent, 'package.json'), 'secret')
  await writeFile(join(own, '.env'), 'secret')
  await writeFile(join(own, '.git', 'config'), 'secret')
  await writeFile(join(own, 'index.html'), 'ours')
  await writeFile(join(own, 'sub', 'index.html'), 'below')
  await symlink(parent, join(own, 'out'))
  await symlink(join(parent, 'secret.html'), join(own, 'link.html'))
  await symlink(join(parent, 'nowhere'), join(own, 'dangling.html'))
  await symlink('index.html', join(own, 'inside.html'))
  const theirs = await serve(t, { client: own })
  const ours = await serve(t)
  for (const { url } of [theirs, ours]) {
    for (const address of ESCAPES) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await talk(url, head(`${method} ${address}`))
        t.deepEqual(statusesIn(answer), [404], `${method} ${address}`)
        t.notRegex(answer, /secret|root:/, address)
      }
    }
    t.is((await send(`${url}/healthz`)).status, 200)
  }
  const found = ['/', '/index.html', '/index', '/inside', '/inside.html', '/sub', '/sub/', '/%69ndex.html']
  for (const address of found) t.regex(await talk(theirs.url, head(`GET ${address}`)), /^HTTP\/1\.1 200 [^]*(?:ours|below)$/, address)
})

test('a directory of pages may itself be reached by a link, and be exchanged', async (t) => {
  const parent = await freshDirectory(t)
  for (const release of ['one', 'two']) {
    await mkdir(join(parent, release))
    await writeFile(join(parent, release, 'index.html'), release)
  }
  await symlink('one', join(parent, 'current'))
  const { url } = await serve(t, { client: join(parent, 'current') })
  t.is((await send(`${url}/`)).text, 'one')
  await rm(join(parent, 'current'))
  t.is((await send(`${url}/`)).status, 404)
  await symlink('two', join(parent, 'current'))
  t.is((await send(`${url}/`)).text, 'two')
})

test('a range that is none is not heeded, and one that is gets its part', async (t) => {
  const own = await freshDirectory(t)
  await writeFile(join(own, 'index.html'), '0123456789')
  const { url } = await serve(t, { client: own })
  for (const range of [
    'bytes=5-2',
    'bytes=x',
    'bytes=-',
    'bytes=',
    'bytes=5',
    'bytes=1e1-',
    'lines=1-2',
    'bytes=--1',
    'bytes=0-1,3-4',
    'bytes=-3',
    `bytes=${'9'.repeat(40)}-`,
  ]) {
    const { status, text } = await send(`${url}/`, { headers: { Range: range } })
    t.deepEqual([status, text], [200, '0123456789'], range)
  }
  const part = await send(`${url}/`, { headers: { Range: 'bytes=2-4' } })
  t.deepEqual([part.status, part.text], [206, '234'])
  t.is((await send(`${url}/`, { headers: { Range: 'bytes=10-' } })).status, 416)
})

test('a file of the page that cannot be read costs that request, and not the server', async (t) => {
  const own = await freshDirectory(t)
  await writeFile(join(own, 'index.html'), 'ours')
  // It can be looked at and not opened, like a file that goes in between or that we may not read; this holds for root, too.
  const socket = createServer().listen(join(own, 'unreadable.txt'))
  t.teardown(() => socket.close())
  await once(socket, 'listening')
  const { url, log } = await serve(t, { client: own })
  t.is(await talk(url, head('GET /unreadable.txt')), '')
  t.is((await send(`${url}/`)).text, 'ours')
  t.deepEqual(log, [])
})
