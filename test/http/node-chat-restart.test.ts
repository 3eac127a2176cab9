/** A restart of the server under node_chat's clients: they keep their id, and notice nothing. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import ava from 'ava'
import { messagesIn, poll, post, send, type Answer } from '../helpers/chat.ts'
import { freshDirectory, serve, serveProcess, type Served } from '../helpers/serve.ts'

const test = ava.serial

async function joinAs(url: string, nick: string): Promise<string> {
  return (JSON.parse((await send(`${url}/join?nick=${encodeURIComponent(nick)}`)).text) as { id: string }).id
}

const say = (url: string, id: string, text: string): Promise<Answer> => send(`${url}/send?id=${encodeURIComponent(id)}&text=${text}`)
const listen = (url: string, id: string, since: number): Promise<Answer> => send(`${url}/recv?since=${since}&id=${id}`)
const errorOf = ({ text }: Answer): string => (JSON.parse(text) as { error: string }).error
const whoIsHere = async (url: string): Promise<string[]> => (JSON.parse((await send(`${url}/who`)).text) as { nicks: string[] }).nicks

async function toldIn(server: Pick<Served, 'file'>): Promise<string[]> {
  return messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ type, nick, msg }) => `${type} ${nick} ${msg}`.trim())
}

test('after a restart /recv and /send go on with the id from before, and one joins once', async (t) => {
  const before = await serve(t)
  const id = await joinAs(before.url, 'Ryan 李')
  await say(before.url, id, 'one')
  await before.close()
  const server = await serve(t, {}, before.directory)
  const { url } = server
  const { timestamp } = await poll(url, 'lobby')
  const parked = listen(url, id, timestamp)
  const answers = await Promise.all([say(url, id, 'two'), say(url, id, 'three')])
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  )
  t.is((await parked).status, 200)
  t.deepEqual((await toldIn(server)).toSorted(), [
    'join Ryan 李',
    'join Ryan 李',
    'msg Ryan 李 one',
    'msg Ryan 李 three',
    'msg Ryan 李 two',
    'part Ryan 李', // the clean stop
  ])
  t.deepEqual(await whoIsHere(url), ['Ryan 李'])
  t.is((await stat(join(server.directory, '.roomfile', 'secret.key'))).mode & 0o777, 0o600)
})

test('after a kill nobody was told of a part, so nobody is told of a second join', async (t) => {
  const directory = await freshDirectory(t)
  const before = await serveProcess(t, [], directory)
  const id = await joinAs(before.url, 'ry')
  await before.stop('SIGKILL')
  const server = await serve(t, {}, directory)
  t.is((await say(server.url, id, 'hello')).status, 200)
  t.deepEqual(await toldIn(server), ['join ry', 'msg ry hello'])
  t.deepEqual(await whoIsHere(server.url), ['ry'])
})

test('a nick that somebody else took meanwhile is refused; who took it keeps it, and the other reads on', async (t) => {
  const before = await serve(t)
  const id = await joinAs(before.url, 'ry')
  await before.close()
  const { url } = await serve(t, {}, before.directory)
  await joinAs(url, 'RY')
  const refused = await say(url, id, 'hello')
  t.deepEqual([refused.status, errorOf(refused)], [400, 'Nick in use'])
  const parked = listen(url, id, (await poll(url, 'lobby')).timestamp)
  await post(url, 'lobby', { msg: 'to all' })
  t.regex((await parked).text, /to all/)
  t.deepEqual(await whoIsHere(url), ['RY'])
})

test('who parted is gone, with an id of before the restart as well', async (t) => {
  const before = await serve(t)
  const [first, second] = [await joinAs(before.url, 'ann'), await joinAs(before.url, 'bob')]
  await send(`${before.url}/part?id=${first}`)
  t.deepEqual([(await say(before.url, first, 'x')).status, await whoIsHere(before.url)], [400, ['bob']])
  await before.close()
  const { url } = await serve(t, {}, before.directory)
  await say(url, second, 'back')
  await send(`${url}/part?id=${second}`)
  const gone = await say(url, second, 'x')
  t.deepEqual([gone.status, errorOf(gone)], [400, 'No such session id'])
  t.deepEqual(await whoIsHere(url), [])
})

test('an id that was not given here names nobody, whatever it says', async (t) => {
  const { url } = await serve(t)
  const id = await joinAs(url, 'ann')
  const other = await serve(t)
  const [nick = '', cid = '', signature = ''] = id.split('.')
  const forged = [
    `${Buffer.from('bob').toString('base64url')}.${cid}.${signature}`,
    `${nick}.${cid.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}.${signature}`,
    `${nick}.${cid}.${'A'.repeat(43)}`,
    `${nick}.${cid}.`,
    await joinAs(other.url, 'ann'),
    '..',
    'a'.repeat(5000),
  ]
  for (const text of forged) {
    const answer = await say(url, text, 'x')
    t.deepEqual([answer.status, errorOf(answer)], [400, 'No such session id'], text)
  }
  t.deepEqual(await whoIsHere(url), ['ann'])
})

test('two servers that start on one directory at once have one key', async (t) => {
  const directory = await freshDirectory(t)
  const [one, two] = await Promise.all([serve(t, {}, directory), serve(t, {}, directory)])
  const [ann, bob] = await Promise.all([joinAs(one.url, 'ann'), joinAs(two.url, 'bob')])
  t.is((await say(two.url, ann, 'hello')).status, 200)
  t.is((await say(one.url, bob, 'hello')).status, 200)
})

test('with the memory store ids are good as long as the process', async (t) => {
  const { url } = await serve(t, { store: 'memory' })
  t.is((await say(url, await joinAs(url, 'ann'), 'hello')).status, 200)
})
