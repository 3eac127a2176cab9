/** Rooms that are asked for by the hundred, and rooms that are large: nobody else is told less for it. */
import { writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import ava, { type ExecutionContext } from 'ava'
import { BUDGETS } from '../../server/budgets.ts'
import { readConfig } from '../../server/config.ts'
import { poll, post, send, type Polled } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const MIB = 1024 * 1024

/** Parks polls for 100 rooms each that nobody wrote to. They end with the test. */
function parkMany(t: ExecutionContext, url: string, count: number): { readonly statuses: Promise<number | undefined>[] } {
  const gone = new AbortController()
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => {
    gone.abort()
    agent.destroy()
  })
  const statuses = Array.from({ length: count }, async (_, n) => {
    const rooms = Array.from({ length: 100 }, (_room, i) => `r${n}-${i}:1`).join(',')
    const answer = await send(`${url}/rooms?wait=60&poll=${rooms}`, { agent, signal: gone.signal }).catch(() => undefined)
    return answer?.status
  })
  return { statuses }
}

test('six parked polls of 100 rooms that nobody wrote to: sessions live, nicks have one owner, polls are woken', async (t) => {
  const { url, held } = await serve(t, { rateLimit: 0 })
  parkMany(t, url, 6)
  while (held().rooms < 600) await poll(url, 'other', { wait: 0 })
  const { timestamp } = await post(url, 'lobby', { msg: 'before' })
  const parked = poll(url, 'lobby', { timestamp, wait: 60 })
  const headers = { 'Content-Type': 'application/json' }
  const join = (): ReturnType<typeof send> => send(`${url}/rooms/ops/sessions`, { headers, body: '{"nick":"ann"}' })
  const session = JSON.parse((await join()).text) as { id: string }
  t.is((await join()).status, 409)
  const typing = await send(`${url}/rooms/ops/typing`, { headers, body: JSON.stringify({ session: session.id }) })
  t.is(typing.status, 204)
  await post(url, 'lobby', { msg: 'after' })
  t.deepEqual(
    (await parked).messages.map(({ msg }) => msg),
    ['after'],
  )
})

test('an address can park in so many rooms, and another poll is told so', async (t) => {
  const { url } = await serve(t, { store: 'memory' })
  const most = BUDGETS.parkedRooms / 100
  const { statuses } = parkMany(t, url, most + 1)
  t.is(await Promise.race(statuses), 429)
  const { status, text, headers } = await send(`${url}/rooms?poll=lobby:1&wait=60`)
  t.is(status, 429)
  t.regex(text, /"too_many_polls"/)
  t.truthy(headers['retry-after'])
})

test('rooms that are too large for one answer are told by the next, and none is told twice', async (t) => {
  const { url, file, held } = await serve(t, { rateLimit: 0, memory: 64 * MIB, maxMessage: 64 * 1024 })
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) await writeFile(file(name), `${'x'.repeat(40_000)}\n`.repeat(200))
  const at = new Map(names.map((name) => [name, 0]))
  const told: string[][] = []
  for (;;) {
    const questions = [...at].map(([name, timestamp]) => `${name}:${timestamp}`).join(',')
    const { status, text } = await send(`${url}/rooms?wait=0&poll=${questions}`)
    t.is(status, 200)
    t.true(Buffer.byteLength(text) <= BUDGETS.manyRoomsAnswer + 1000, `${text.length} bytes`)
    t.true(held().memory <= 64 * MIB)
    const { rooms } = JSON.parse(text) as { rooms: Record<string, Polled> }
    if (Object.keys(rooms).length === 0) break
    for (const [name, { timestamp, messages }] of Object.entries(rooms)) {
      t.is(messages.length, 200)
      at.set(name, timestamp)
    }
    told.push(Object.keys(rooms))
  }
  t.deepEqual(
    told.map(({ length }) => length),
    [4, 1],
  )
  t.deepEqual(told.flat().toSorted(), names)
})

test('many rooms may be looked at: what is kept of them has a budget', async (t) => {
  const { url, file, held } = await serve(t, { rateLimit: 0, memory: 8 * MIB })
  for (let n = 0; n < 10; n++) await writeFile(file(`r${n}`), `${'x'.repeat(16_000)}\n`.repeat(50))
  for (let n = 0; n < 10; n++) {
    const { status, headers } = await send(`${url}/rooms/r${n}`, { method: 'HEAD' })
    t.is(status, 200)
    t.truthy(headers.etag)
    t.true(held().memory <= 8 * MIB)
  }
  t.true(held().rooms <= 2, `${held().rooms} rooms of 5 MB each in 8 MiB`)
  for (let n = 0; n < 10; n++) t.is((await poll(url, `r${n}`, { wait: 0 })).messages.length, 50)
})

test('--memory is a size', (t) => {
  t.is(readConfig(['--memory', '100m'])?.memory, 100 * MIB)
  const usual = readConfig([])?.memory ?? 0
  t.true(usual >= 64 * MIB && usual <= 1024 * MIB)
  t.throws(() => readConfig(['--memory', 'much']), { message: /--memory.*much/ })
})
