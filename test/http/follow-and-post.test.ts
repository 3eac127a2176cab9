/** `roomfile follow` and `roomfile post`: a room in a pipe. */
import { spawn } from 'node:child_process'
import { appendFile, readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setImmediate as immediate } from 'node:timers/promises'
import ava from 'ava'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { ended, endedProcess, runner, runnerProcess } from '../helpers/command.ts'
import { proxy } from '../helpers/proxy.ts'
import { BIN, run, serve } from '../helpers/serve.ts'

const test = ava.serial

test('follow prints the newest messages, then what comes, plainly in a pipe; Ctrl-C ends it with 0', async (t) => {
  const server = await serve(t)
  for (const msg of ['one', 'two', 'three']) await post(server.url, 'dev', { msg, nick: 'ann' })
  const bob = runnerProcess(t, ['follow', '-n', '2', server.url, 'dev'], 'SIGINT')
  t.regex((await bob.line()) ?? '', /^\d\d:\d\d ann: two$/)
  t.regex((await bob.line()) ?? '', /^\d\d:\d\d ann: three$/)
  await post(server.url, 'dev', { msg: '你好\nworld', nick: '李' })
  t.regex((await bob.line()) ?? '', /^\d\d:\d\d 李: 你好$/)
  t.is(await bob.line(), '      world')
  await appendFile(server.file('dev'), 'by hand\n')
  t.regex((await bob.line()) ?? '', /^\d\d:\d\d -: by hand$/)
  t.is(await bob.stop(), 0)
})

test('follow takes the address of the page, with its room, and --json prints the lines of the file', async (t) => {
  const server = await serve(t)
  await post(server.url, '开发', { msg: 'a\u2028b\u009b', nick: 'ann', cid: 'mine' })
  const { host } = new URL(server.url)
  const bob = runner(t, ['follow', '--json', `${host}/?room=${encodeURIComponent('开发')}`])
  t.is(`${await bob.line()}\n`, await readFile(server.file('开发'), 'utf8'))
})

test('what a message says to the terminal is not obeyed', async (t) => {
  const { url } = await serve(t)
  await post(url, 'lobby', { msg: '\u001b]0;owned\u0007\u001b[2J\u009b31m\rred\u007f' })
  const bob = runner(t, ['follow', url], true)
  const line = (await bob.line()) ?? ''
  t.true(line.startsWith('\u001b['), JSON.stringify(line))
  t.true(line.endsWith(': ␛]0;owned␇␛[2J\ufffd31m␍red␡'), JSON.stringify(line))
})

test('follow goes on across a restart of the server, says so on standard error, and repeats nothing', async (t) => {
  const first = await serve(t)
  await post(first.url, 'lobby', { msg: 'before' })
  const bob = runner(t, ['follow', first.url])
  t.regex((await bob.line()) ?? '', /before$/)
  await first.close()
  t.regex((await bob.note()) ?? '', /^roomfile: no connection, trying again: /)
  const second = await serve(t, { port: Number(new URL(first.url).port) }, first.directory)
  await post(second.url, 'lobby', { msg: 'after' })
  t.regex((await bob.line()) ?? '', /after$/)
  t.is(await bob.note(), 'roomfile: connected again')
  t.is(await bob.stop(), 0)
})

test('follow with a nick is seen in the room, and leaves it at Ctrl-C', async (t) => {
  const { url } = await serve(t)
  const bob = runner(t, ['follow', '--nick', 'bob', url])
  t.regex((await bob.line()) ?? '', /^\d\d:\d\d \* bob came in$/)
  const { code, err } = await ended(['follow', '--nick', 'Bob', url])
  t.is(code, 1)
  t.regex(err, /^roomfile: .*taken\n$/)
  t.is(await bob.stop(), 0)
  const { messages } = await poll(url, 'lobby')
  t.deepEqual(
    messages.map(({ type, nick }) => [type, nick]),
    [
      ['join', 'bob'],
      ['part', 'bob'],
    ],
  )
})

test('follow ends quietly when nobody reads it any more', async (t) => {
  const { url } = await serve(t)
  for (let n = 0; n < 10; n++) await post(url, 'lobby', { msg: String(n) })
  const child = spawn('/bin/sh', ['-c', '"$0" "$1" follow "$2" | head -n 1', process.execPath, BIN, url])
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  t.regex(String((await lines.next()).value), /0$/)
  const finished = endedProcess(child)
  await post(url, 'lobby', { msg: 'one more' })
  t.like(await finished, { code: 0, err: '' })
})

test('what cannot be followed ends with 1 and the reason', async (t) => {
  const { url } = await serve(t, { token: 'secret-of-ours' })
  t.like(await ended(['follow', url]), {
    code: 1,
    err: 'roomfile: a token is needed: as a bearer token, as the Basic password, or by the sign-in page\n',
  })
  const bad = await ended(['follow', '--token', 'secret-of-ours', url, 'no room'])
  t.is(bad.code, 1)
  t.regex(bad.err, /not a room name/)
})

test('post says its words, or what standard input says, or each of its lines', async (t) => {
  const server = await serve(t)
  const { url } = server
  t.deepEqual(await ended(['post', '--nick', 'ann', url, 'dev', '**two**', 'words']), { code: 0, out: '', err: '' })
  t.is((await ended(['post', url, 'dev'], 'a whole\ntext\n')).code, 0)
  t.is((await ended(['post', '--lines', url, 'dev'], 'first\n\nsecond\r\nthird')).code, 0)
  t.deepEqual(
    messagesIn(await readFile(server.file('dev'), 'utf8')).map(({ nick, msg }) => [nick, msg]),
    [
      ['ann', '**two** words'],
      ['', 'a whole\ntext'],
      ['', 'first'],
      ['', 'second'],
      ['', 'third'],
    ],
  )
})

test('post gets through while there is no server, once', async (t) => {
  const { url } = await serve(t)
  const network = await proxy(t, url)
  network.target = undefined
  const posting = ended(['post', '--tries', '0', network.url, 'lobby', 'patient'])
  while (network.asked.length === 0) await immediate()
  network.target = url
  t.is((await posting).code, 0)
  t.deepEqual(
    (await poll(url, 'lobby')).messages.map(({ msg }) => msg),
    ['patient'],
  )
})

test('a token comes by option or variable, and a text by the standard input of a process', async (t) => {
  const { url } = await serve(t, { token: 'secret-of-ours' })
  t.is((await ended(['post', url, 'lobby', 'a'])).code, 1)
  t.is((await ended(['post', '--token', 'secret-of-ours', url, 'lobby', 'b'])).code, 0)
  t.is((await endedProcess(run(['post', url, 'lobby'], { ROOMFILE_TOKEN: 'secret-of-ours' }), 'c\nd\n')).code, 0)
  const { text: answer } = await send(`${url}/rooms/lobby`, { headers: { Authorization: 'Bearer secret-of-ours' } })
  t.deepEqual(
    (JSON.parse(answer) as { messages: { msg: string }[] }).messages.map(({ msg }) => msg),
    ['b', 'c\nd'],
  )
})

const failures: readonly [args: readonly string[], code: number, says: RegExp][] = [
  [['post', 'localhost:8080'], 2, /missing.*room/],
  [['post', 'http://[', 'lobby', 'a'], 2, /"http:\/\/\[" is not an address/],
  [['post', '--colour', 'localhost', 'lobby', 'a'], 2, /--colour/],
  [['post', '--lines', 'localhost', 'lobby', 'a'], 2, /--lines/],
  [['follow'], 2, /missing.*url/],
  [['follow', '-n', 'all', 'localhost'], 2, /-n, --last.*all/],
  [['post', '--tries', '1', '127.0.0.1:9', 'lobby', 'a'], 1, /not posted/],
]

test('what makes no sense ends with 2, what could not be done with 1, in one line', async (t) => {
  for (const [args, code, says] of failures) {
    const command = args.join(' ')
    const found = await ended(args)
    t.like(found, { code, out: '' }, command)
    t.regex(found.err, says)
    t.is(found.err.trimEnd().split('\n').length, 1, command)
  }
  const [args = [], code, says = /^/] = failures[0] ?? []
  const found = await endedProcess(run(args))
  t.is(found.code, code ?? null)
  t.regex(found.err, says)
})

test('a refusal ends post with 1 and the reason', async (t) => {
  const { url } = await serve(t, { maxMessage: 1024 })
  const { code, err } = await ended(['post', url, 'lobby', 'x'.repeat(2000)])
  t.is(code, 1)
  t.regex(err, /^roomfile: not posted: .*2000 bytes; 1024/)
})

test('--help says how it is used', async (t) => {
  const { code, out } = await endedProcess(run(['follow', '--help']))
  t.is(code, 0)
  t.regex(out, /^Usage: roomfile follow /)
})
