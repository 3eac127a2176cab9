/** One file under several names, and under several servers: what all of them say is one room, and one edit is one reset. */
import { exec } from 'node:child_process'
import { readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import ava, { type ExecutionContext } from 'ava'
import { messagesIn, poll, post, type Polled } from '../helpers/chat.ts'
import { freshDirectory, serve, type Served, type ServeOptions } from '../helpers/serve.ts'
import { until } from '../helpers/until.ts'

const test = ava.serial

const sh = promisify(exec)

const POSTS = 100
const OPTIONS: ServeOptions = { backlog: 1000, rateLimit: 0 }

interface Linked {
  readonly name: string
  readonly servers: 1 | 2
  /** Makes the file and two names for it, the rooms `one` and `two`, and says where the file is. */
  readonly make: (t: ExecutionContext, directory: string) => Promise<string>
}

/** A file in another directory, and two rooms that are links to it. */
async function twoLinks(t: ExecutionContext, directory: string): Promise<string> {
  const file = join(await freshDirectory(t), 'shared.jsonl')
  await writeFile(file, '')
  for (const room of ['one', 'two']) await symlink(file, join(directory, `${room}.jsonl`))
  return file
}

/** A room, and a link to its file beside it. */
async function aLinkToARoom(_t: ExecutionContext, directory: string): Promise<string> {
  const file = join(directory, 'two.jsonl')
  await writeFile(file, '')
  await symlink('two.jsonl', join(directory, 'one.jsonl'))
  return file
}

const linked: readonly Linked[] = [
  { name: 'two links to one file', servers: 1, make: twoLinks },
  { name: 'a room and a link to its file', servers: 1, make: aLinkToARoom },
  { name: 'two links to one file, each on a server of its own', servers: 2, make: twoLinks },
]

for (const { name, servers, make } of linked) {
  test(`${name}: ${POSTS} posts to each room at once are all in the file, once`, async (t) => {
    const directory = await freshDirectory(t)
    const file = await make(t, directory)
    const { url: first } = await serve(t, OPTIONS, directory)
    const { url: second } = servers === 2 ? await serve(t, OPTIONS, directory) : { url: first }
    const rooms = [
      { room: 'one', url: first },
      { room: 'two', url: second },
    ]
    const posts = await Promise.all(
      rooms.map(async ({ room, url }) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 10 })
        const posted = await Promise.all(Array.from({ length: POSTS }, (_, n) => post(url, room, { msg: `${room} ${n}` }, agent)))
        agent.destroy()
        return posted.map(({ id }, n) => ({ id, msg: `${room} ${n}` }))
      }),
    )
    const messages = messagesIn(await readFile(file, 'utf8'))
    const inFile = new Map(messages.map(({ id, msg }) => [id, msg]))
    t.deepEqual(
      posts.flat().filter(({ id, msg }) => inFile.get(id) !== msg),
      [],
      'lost',
    )
    t.deepEqual([messages.length, inFile.size], [2 * POSTS, 2 * POSTS])
    for (const { room, url } of rooms) await until(async () => isDeepStrictEqual((await poll(url, room)).messages, messages))
  })
}

interface Edit {
  readonly name: string
  /** Done in the directory, where `older` is a copy of the room from before its last message. */
  readonly edit: (server: Served) => Promise<unknown>
  readonly shows: readonly string[]
}

const edits: readonly Edit[] = [
  { name: 'rm', edit: ({ file }) => rm(file('lobby')), shows: [] },
  {
    name: 'mv of an older copy over the room',
    edit: ({ directory }) => sh('mv older lobby.jsonl', { cwd: directory }),
    shows: ['one', 'two'],
  },
]

const texts = ({ messages }: Polled): string[] => messages.map(({ msg }) => msg)

for (const { name, edit, shows } of edits) {
  test(`${name}, under two servers: both tell one timestamp, and a client of both is told once to start anew`, async (t) => {
    const options = { ...OPTIONS, times: { backup: 0 } } // the copy counts as one of long ago
    const one = await serve(t, options)
    const two = await serve(t, options, one.directory)
    for (const msg of ['one', 'two']) await post(one.url, 'lobby', { msg })
    await sh('cp -p lobby.jsonl older', { cwd: one.directory })
    let { timestamp } = await post(two.url, 'lobby', { msg: 'three' })
    const before = timestamp
    for (const { url } of [one, two]) t.is((await poll(url, 'lobby', { timestamp: 0, wait: 0 })).timestamp, before)

    let resets = 0
    let known = ['one', 'two', 'three']
    /** The client asks both in turn. */
    const ask = async (): Promise<void> => {
      for (const { url } of [one, two]) {
        const news = await poll(url, 'lobby', { timestamp, wait: 0 })
        timestamp = news.timestamp
        known = news.reset ? texts(news) : [...known, ...texts(news)]
        if (news.reset) resets += 1
      }
    }
    /** Both tell what the edit left, under one timestamp. */
    const agree = async (): Promise<boolean> => {
      const told = await Promise.all([one, two].map(({ url }) => poll(url, 'lobby', { timestamp: 0, wait: 0 })))
      return told.every((each) => each.timestamp === told[0]?.timestamp && isDeepStrictEqual(texts(each), shows))
    }
    await edit(one)
    await until(async () => {
      await ask()
      return agree()
    })
    await ask()
    t.true(timestamp > before)
    t.deepEqual(known, shows)
    t.is(resets, 1)

    const posted = await post(two.url, 'lobby', { msg: 'four' })
    await ask()
    t.deepEqual([timestamp, known, resets], [posted.timestamp, [...shows, 'four'], 1])
    t.is(Math.round((await stat(one.file('lobby'))).mtimeMs), posted.timestamp)
  })
}
