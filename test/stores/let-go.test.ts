/** A room whose messages were let go from memory is the same room: it goes on as if they had stayed, whatever happens to its file meanwhile. */
import { appendFile, copyFile, readdir, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import ava, { type ExecutionContext } from 'ava'
import { newsFrom, type Backlog, type Limits } from '../../server/room/backlog.ts'
import type { RoomName } from '../../server/room/room-name.ts'
import type { Store } from '../../server/stores/store.ts'
import { fileStore } from '../../server/stores/file/file-store.ts'
import { freshDirectory } from '../helpers/serve.ts'

const test = ava.serial

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const OPS = 'ops' as RoomName
const LIMITS: Limits = { backlog: 5, maxMessage: 1000, maxFile: 100_000 }

interface LetGo {
  readonly store: Store
  readonly directory: string
  readonly path: string
  /** What the room held when it was let go. */
  readonly before: Backlog
}

async function letGo(t: ExecutionContext): Promise<LetGo> {
  const directory = await freshDirectory(t)
  const store = await fileStore({ directory, limits: LIMITS, warn: (message) => t.log(message) })
  t.teardown(() => store.close())
  for (let n = 1; n <= 6; n++) await store.append(OPS, [{ msg: `post ${n}`, nick: 'ann', cid: `cid-${n}` }])
  const before = await store.read(OPS)
  store.letGo(OPS)
  return { store, directory, path: join(directory, 'ops.jsonl'), before }
}

const textsOf = ({ messages }: Backlog): string[] => messages.map(({ msg }) => msg)

/** Reads until an edit was quiet for long enough to be taken in. */
async function readAfter(store: Store, before: Backlog): Promise<Backlog> {
  for (;;) {
    const backlog = await store.read(OPS)
    if (backlog.timestamp !== before.timestamp) return backlog
  }
}

test('nothing happens: the room is at its timestamp without being read, and what it held comes back', async (t) => {
  const { store, before, path } = await letGo(t)
  t.true(await store.isAt(OPS, before.timestamp))
  t.false(await store.isAt(OPS, before.timestamp - 1))
  t.deepEqual(await store.read(OPS), before)
  t.deepEqual((await store.file(OPS))?.bytes, await readFile(path))
  const again = await store.read(OPS)
  t.is(await store.read(OPS), again) // it is kept again
})

test('an older copy is moved over it: what came since is put back, and what it lacks besides is aside', async (t) => {
  const directory = await freshDirectory(t)
  const store = await fileStore({ directory, limits: LIMITS, warn: (message) => t.log(message) })
  t.teardown(() => store.close())
  const path = join(directory, 'ops.jsonl')
  for (const msg of ['one', 'two']) await store.append(OPS, [{ msg }])
  const lines = (await readFile(path, 'utf8')).split(/(?<=\n)/)
  const { backlog } = await store.append(OPS, [{ msg: 'three' }])
  store.letGo(OPS)
  await writeFile(`${path}.new`, lines[1] ?? '')
  await rename(`${path}.new`, path)
  t.deepEqual(textsOf(await readAfter(store, backlog)), ['two', 'three'])
  const [name = ''] = await readdir(join(directory, 'aside'))
  t.is(await readFile(join(directory, 'aside', name), 'utf8'), lines[0] ?? '')
})

test('a post goes behind what there was, and nothing is read twice as an edit', async (t) => {
  const { store, before } = await letGo(t)
  const { backlog } = await store.append(OPS, [{ msg: 'post 7' }])
  t.deepEqual(textsOf(backlog), ['post 3', 'post 4', 'post 5', 'post 6', 'post 7'])
  t.like(backlog, { edited: before.edited, dropped: before.messages[0]?.timestamp })
  t.deepEqual(newsFrom(backlog, before.timestamp), { timestamp: backlog.timestamp, messages: backlog.messages.slice(-1) })
  const { posted } = await store.append(OPS, [{ msg: 'again', cid: 'cid-4' }])
  t.is(posted[0]?.msg, 'post 4')
})

test('a line by echo is a new message, and no reset', async (t) => {
  const { store, before, path } = await letGo(t)
  await appendFile(path, 'by hand\n')
  t.false(await store.isAt(OPS, before.timestamp))
  const backlog = await readAfter(store, before)
  t.is(textsOf(backlog).at(-1), 'by hand')
  t.is(backlog.edited, before.edited)
  t.is(newsFrom(backlog, before.timestamp)?.messages.length, 1)
})

test('what another process posts is taken as it stands', async (t) => {
  const { store, directory, before } = await letGo(t)
  const other = await fileStore({ directory, limits: LIMITS, warn: (message) => t.fail(message) })
  t.teardown(() => other.close())
  for (let n = 7; n <= 9; n++) await other.append(OPS, [{ msg: `post ${n}` }])
  const backlog = await readAfter(store, before)
  t.deepEqual(textsOf(backlog), ['post 5', 'post 6', 'post 7', 'post 8', 'post 9'])
  t.is(backlog.edited, 0)
  t.deepEqual(
    newsFrom(backlog, before.timestamp)?.messages.map(({ msg }) => msg),
    ['post 7', 'post 8', 'post 9'],
  )
})

const edits: Record<string, (file: LetGo) => Promise<void>> = {
  'a line taken out': async ({ path }) => writeFile(path, (await readFile(path, 'utf8')).replace(/.*post 3.*\n/, '')),
  'an older copy with its old time': async ({ path }) => {
    const older = (await readFile(path, 'utf8')).split('\n').slice(0, 2).join('\n')
    await writeFile(path, `${older}\n`)
    await utimes(path, new Date('1999-01-01'), new Date('1999-01-01'))
  },
  'the file removed': ({ path }) => rm(path),
  'the file emptied': ({ path }) => truncate(path),
  'another file in its place': async ({ path, directory }) => {
    await writeFile(join(directory, 'draft.txt'), 'only this\n')
    await copyFile(join(directory, 'draft.txt'), path)
  },
  'its time set back': ({ path }) => utimes(path, new Date('1999-01-01'), new Date('1999-01-01')),
  'its time set to later': ({ path }) => utimes(path, new Date('2099-01-01'), new Date('2099-01-01')),
}

for (const [name, edit] of Object.entries(edits)) {
  test(`${name}: whoever was there is told all anew, and timestamps rise`, async (t) => {
    const file = await letGo(t)
    const { store, before } = file
    await edit(file)
    t.false(await store.isAt(OPS, before.timestamp))
    const backlog = await readAfter(store, before)
    t.true(backlog.timestamp > before.timestamp)
    t.true(newsFrom(backlog, before.timestamp)?.reset)
    const { backlog: after } = await store.append(OPS, [{ msg: 'goes on' }])
    t.deepEqual(textsOf(after), [...textsOf(backlog), 'goes on'].slice(-LIMITS.backlog))
    t.true(after.timestamp > backlog.timestamp)
  })
}

test('a room that was edited before is emptied and removed, and its bytes are nowhere any more: timestamps rise', async (t) => {
  const { store, before, path } = await letGo(t)
  await utimes(path, new Date('1999-01-01'), new Date('1999-01-01'))
  const edited = await readAfter(store, before)
  const { backlog } = await store.append(OPS, [{ msg: 'goes on' }])
  t.true(edited.edited > 0 && backlog.timestamp > edited.timestamp)
  store.letGo(OPS)
  await truncate(path)
  await rm(path)
  collectGarbage() // of what was let go, memory may still have had the bytes
  const empty = await store.read(OPS)
  t.deepEqual(empty.messages, [])
  t.true(empty.timestamp > backlog.timestamp)
  t.true(newsFrom(empty, backlog.timestamp)?.reset)
})

test('whoever still reads the file and whoever asks later have the same bytes', async (t) => {
  const { store } = await letGo(t)
  await store.read(OPS)
  const content = await store.file(OPS)
  store.letGo(OPS)
  await store.read(OPS)
  t.is((await store.file(OPS))?.bytes, content?.bytes)
})
