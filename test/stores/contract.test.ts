/** What server/stores/store.ts promises, held against every store there is. */
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Limits } from '../../server/room/backlog.ts'
import type { RoomName } from '../../server/room/room-name.ts'
import type { Store } from '../../server/stores/store.ts'
import { fileStore } from '../../server/stores/file/file-store.ts'
import { memoryStore } from '../../server/stores/memory.ts'
import { RoomLock } from '../../server/stores/file/room-lock.ts'
import { messagesIn } from '../helpers/chat.ts'
import { TEST_LIMIT_MS } from '../helpers/limits.ts'
import { needing } from '../helpers/needing.ts'
import { UTIL_LINUX } from '../helpers/programs.ts'
import { freshDirectory } from '../helpers/serve.ts'

const LOBBY = 'lobby' as RoomName
const LIMITS: Limits = { backlog: 5, maxMessage: 1000, maxFile: 100_000 }

const stores: Record<string, (t: ExecutionContext, limits: Limits) => Promise<Store>> = {
  memory: (_t, limits) => Promise.resolve(memoryStore(limits)),
  file: async (t, limits) => fileStore({ directory: await freshDirectory(t), limits, warn: (message) => t.fail(message) }),
}

for (const [kind, open] of Object.entries(stores)) {
  const opened = async (t: ExecutionContext, limits = LIMITS): Promise<Store> => {
    const store = await open(t, limits)
    t.teardown(() => store.close())
    return store
  }

  test(`${kind}: a room that does not exist is empty, and not in the list`, async (t) => {
    const store = await opened(t)
    t.deepEqual(await store.read(LOBBY), { timestamp: 1, messages: [], edited: 0, dropped: 0 })
    t.is(await store.file(LOBBY), undefined)
    t.deepEqual(await store.list(), [])
  })

  test(`${kind}: drafts of one append share its timestamp and are counted from 0`, async (t) => {
    const store = await opened(t)
    const before = Date.now()
    const { backlog, posted } = await store.append(LOBBY, [
      { msg: 'a', nick: 'alice' },
      { msg: 'b' },
      { msg: '', type: 'join', nick: 'carol' },
    ])
    const { timestamp } = backlog
    t.true(timestamp >= before && timestamp <= Date.now())
    t.deepEqual(posted, [
      { id: `${timestamp}-0`, timestamp, type: 'msg', nick: 'alice', msg: 'a' },
      { id: `${timestamp}-1`, timestamp, type: 'msg', nick: '', msg: 'b' },
      { id: `${timestamp}-2`, timestamp, type: 'join', nick: 'carol', msg: '' },
    ])
    t.deepEqual(backlog.messages, posted)
    t.is(await store.read(LOBBY), backlog)
  })

  test(`${kind}: timestamps rise from append to append, even within one tick of the clock`, async (t) => {
    const store = await opened(t)
    const timestamps: number[] = []
    for (let n = 0; n < 50; n++) timestamps.push((await store.append(LOBBY, [{ msg: String(n) }])).backlog.timestamp)
    t.deepEqual(
      timestamps,
      [...new Set(timestamps)].toSorted((a, b) => a - b),
    )
  })

  test(`${kind}: appends that are made at once are all kept, one behind the other`, async (t) => {
    const store = await opened(t, { ...LIMITS, backlog: 100 })
    const appends = await Promise.all(Array.from({ length: 30 }, (_, n) => store.append(LOBBY, [{ msg: String(n) }])))
    const { messages } = await store.read(LOBBY)
    t.deepEqual(
      messages.map(({ id }) => id),
      appends.flatMap(({ posted }) => posted.map(({ id }) => id)),
    )
  })

  test(`${kind}: only the newest are kept, and what fell out is on record`, async (t) => {
    const store = await opened(t)
    const { posted } = await store.append(LOBBY, [{ msg: 'oldest' }])
    await store.append(LOBBY, [{ msg: '1' }, { msg: '2' }])
    const { backlog } = await store.append(LOBBY, [{ msg: '3' }, { msg: '4' }, { msg: '5' }])
    t.deepEqual(
      backlog.messages.map(({ msg }) => msg),
      ['1', '2', '3', '4', '5'],
    )
    t.is(backlog.dropped, posted[0]?.timestamp ?? 0)
  })

  test(`${kind}: a room never outgrows its file, and the newest message always fits`, async (t) => {
    const store = await opened(t, { backlog: 100, maxMessage: 1000, maxFile: 1000 })
    for (let n = 0; n < 10; n++) await store.append(LOBBY, [{ msg: String(n).repeat(300) }])
    t.true(((await store.file(LOBBY))?.bytes.length ?? Infinity) <= 1000)
    const { backlog } = await store.append(LOBBY, [{ msg: 'x'.repeat(2000) }])
    t.deepEqual(
      backlog.messages.map(({ msg }) => msg.length),
      [2000],
    )
  })

  test(`${kind}: a cid that is kept is answered with the earlier message, within one append and between two`, async (t) => {
    const store = await opened(t)
    const first = await store.append(LOBBY, [
      { msg: 'a', cid: 'x' },
      { msg: 'again', cid: 'x' },
    ])
    const second = await store.append(LOBBY, [{ msg: 'once more', cid: 'x' }])
    t.is(first.posted[1], first.posted[0])
    t.deepEqual(second.posted[0], first.posted[0])
    t.deepEqual(
      (await store.read(LOBBY)).messages.map(({ msg }) => msg),
      ['a'],
    )
  })

  test(`${kind}: the file says what the room holds, and the list knows its size`, async (t) => {
    const store = await opened(t)
    const { backlog } = await store.append(LOBBY, [{ msg: '你好 \u2028 "quoted"\n\u0007', nick: '李' }])
    await store.append('dev' as RoomName, [{ msg: '1' }, { msg: '2' }])
    const content = await store.file(LOBBY)
    t.is(content?.timestamp, backlog.timestamp)
    t.deepEqual(messagesIn(content?.bytes.toString() ?? ''), [...backlog.messages])
    t.regex(content?.bytes.toString() ?? '', /"nick":"李","msg":"你好 \\u2028 /)
    const list = await store.list()
    t.deepEqual(
      list.map((room) => [room.name, 'messages' in room && room.messages]),
      [
        ['dev', 2],
        ['lobby', 1],
      ],
    )
    t.like(list[1], { timestamp: backlog.timestamp })
  })

  test(`${kind}: rooms do not know of each other, and a released room is as it was`, async (t) => {
    const store = await opened(t)
    const { backlog } = await store.append(LOBBY, [{ msg: 'here', cid: 'x' }])
    await store.append('dev' as RoomName, [{ msg: 'there', cid: 'x' }])
    await store.release(LOBBY)
    await setImmediate()
    const again = await store.read(LOBBY)
    t.deepEqual([again.timestamp, again.messages], [backlog.timestamp, backlog.messages])
  })
}

/** The files of a directory that this process has open: Linux tells. */
async function openIn(directory: string): Promise<string[]> {
  const files = await readdir('/proc/self/fd')
  const paths = await Promise.all(files.map((file) => readlink(`/proc/self/fd/${file}`).catch(() => '')))
  return paths.filter((path) => path.startsWith(directory))
}

needing(UTIL_LINUX)('file: when a store is closed nothing is open, though a look waited behind the last commit', async (t) => {
  const directory = await freshDirectory(t)
  const store = await fileStore({ directory, limits: LIMITS, warn: (message) => t.fail(message) })
  await store.append(LOBBY, [{ msg: 'before' }])
  const lock = new RoomLock(() => join(directory, '.roomfile', 'lobby'), TEST_LIMIT_MS)
  const all = await lock.hold(async () => {
    const looked = store.append(LOBBY, [{ msg: 'the last' }]).then(() => store.read(LOBBY))
    const closed = store.close()
    while ((await openIn(directory)).includes(directory)) await delay(1) // the watch is gone: it waits for the commit
    return { ended: Promise.all([looked, closed]) }
  })
  await all.ended
  lock.close()
  t.deepEqual(await openIn(directory), [])
})
