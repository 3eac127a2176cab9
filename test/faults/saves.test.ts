/**
 * People and tools save the room's file while posts go on: what was posted and what was written by hand is in the room afterwards or in aside/,
 * nothing is there twice, and no save is undone without a trace.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ExecutionContext } from 'ava'
import { Attack, sized } from '../helpers/attack.ts'
import { messagesIn, poll } from '../helpers/chat.ts'
import { needing } from '../helpers/needing.ts'
import { JQ, STRACE, VIM } from '../helpers/programs.ts'
import { randomOf } from '../helpers/random.ts'
import { SAVES, type Save } from '../helpers/saves.ts'
import { serve, serveProcess, type Served } from '../helpers/serve.ts'
import { hurried, meddled } from '../helpers/under.ts'

/** Saves of each kind, in a room of their own; and one after the other in one room, where renames are slow or cannot exchange. */
const OF_EACH = sized(2, 1000)
const OF_EACH_TRACED = sized(1, 20)

/** Milliseconds from one post to the next, whatever becomes of the first. */
const POST_EVERY = 33

/** Shorter than the usual ones, so that a save need not wait long for the one before it. */
const TIMES = { quiet: 25, carry: 25 }

type Room = Pick<Served, 'url' | 'directory' | 'file'>

/** Somebody who posts, and does not wait for the answers. */
class Poster {
  readonly #ending = new AbortController()
  readonly #posts: Promise<unknown>[] = []
  readonly #loop: Promise<void>
  #waiting: (() => void)[] = []

  constructor(attack: Attack, url: string) {
    this.#loop = this.#run((n) => attack.post(url, `post-${n}.`))
  }

  async #run(post: (n: number) => Promise<{ readonly status: number } | undefined>): Promise<void> {
    for (let n = 0; !this.#ending.signal.aborted; n++) {
      this.#posts.push(post(n).then((answer) => this.#heard(answer?.status)))
      await delay(POST_EVERY) // a rate is the point
    }
  }

  #heard(status: number | undefined): void {
    if (status !== 201) return
    for (const heard of this.#waiting.splice(0)) heard()
  }

  /** Resolves when the next post is acknowledged. */
  another(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when all of them are answered. */
  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#loop
    await Promise.all(this.#posts)
  }
}

/** What people did to the room. */
interface Deeds {
  /** What they wrote. */
  readonly marks: string[]
  /** What they saw in the room and took away: it may be nowhere in the end. */
  readonly seen: Set<string>
  /** Of that, what was acknowledged before they looked: it must not be back. */
  readonly taken: Set<string>
}

/** All that posts and saves say: each of them once, unless somebody copied it. */
const SAID = /(?:post|line|mark)-\w+\./g

async function saidIn(path: string): Promise<string[]> {
  return [...(await readFile(path, 'utf8')).matchAll(SAID)].map(([said]) => said)
}

/** Posts go on, and each of these saves once, so many times. */
async function saveAmongPosts(t: ExecutionContext, attack: Attack, room: Room, saves: readonly Save[], times: number): Promise<Deeds> {
  const random = randomOf(t)
  const deeds: Deeds = { marks: [], seen: new Set(), taken: new Set() }
  const poster = new Poster(attack, room.url)
  t.teardown(() => poster.stop())
  for (let n = 0; n < times * saves.length; n++) {
    const save = saves[n % saves.length] as Save
    const [line, mark] = [`line-${n}.`, `mark-${n}.`]
    await attack.recover(room.url, line)
    await delay(random() * POST_EVERY) // the instant is the point
    if (save.does === 'mark') deeds.marks.push(mark)
    else await look(attack, room, deeds, save.does === 'take all away' ? undefined : line)
    // Every second time something is posted that whoever saves cannot have read.
    await save.save({ directory: room.directory, line, mark, think: () => (random() < 0.5 ? poster.another() : Promise.resolve()) })
  }
  await poster.stop()
  await attack.recover(room.url, 'post-last.')
  await untilTold(room)
  return deeds
}

/** Somebody looks at the room and takes away what they see, or a line of it. */
async function look(attack: Attack, room: Room, { seen, taken }: Deeds, line: string | undefined): Promise<void> {
  const acknowledged = new Set(attack.acknowledged)
  for (const said of line === undefined ? await saidIn(room.file('lobby')) : [line]) {
    seen.add(said)
    if (acknowledged.has(said)) taken.add(said)
  }
}

/** Resolves once a poll tells what the file says: all that was written there is taken in. */
async function untilTold({ url, file }: Room): Promise<void> {
  for (;;) {
    const { messages } = await poll(url, 'lobby')
    if (isDeepStrictEqual(messages, linesIn(await readFile(file('lobby'), 'utf8')))) return
    await delay(10, undefined, { ref: false })
  }
}

/** The messages in a file; what is none of them yet is left as it is. */
function linesIn(text: string): unknown[] {
  try {
    return messagesIn(text)
  } catch {
    return text.split('\n')
  }
}

async function saidAside(directory: string): Promise<Set<string>> {
  const aside = join(directory, 'aside')
  const said = new Set<string>()
  const found = await readdir(aside, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of found.filter((one) => one.isFile())) {
    for (const one of await saidIn(join(entry.parentPath, entry.name))) said.add(one)
  }
  return said
}

/** Checks the room and aside/, with no server there any more. @param mayUndo whether a save may be undone */
async function judge(t: ExecutionContext, attack: Attack, room: Room, { marks, seen, taken }: Deeds, mayUndo = false): Promise<void> {
  const inRoom = await saidIn(room.file('lobby'))
  const aside = await saidAside(room.directory)
  const anywhere = new Set([...inRoom, ...aside])
  const undone = marks.filter((mark) => !anywhere.has(mark) && !seen.has(mark))
  const back = inRoom.filter((said) => taken.has(said))
  const ids = (await readFile(room.file('lobby'), 'utf8')).match(/^\{"id":"[^"]+"/gm) ?? []
  const more = [
    `${marks.length} marks`,
    `${attack.acknowledged.filter((msg) => !inRoom.includes(msg) && aside.has(msg)).length} posts only aside`,
    ...(taken.size > 0 ? [`${taken.size} taken away, ${[...taken].filter((said) => aside.has(said)).length} of them aside`] : []),
    ...(mayUndo ? [`${undone.length} saves undone, ${back.length} messages back`] : []),
  ].join('; ')
  t.log({ tried: attack.tried, acknowledged: attack.acknowledged.length, inRoom: inRoom.length, undone, back, more })
  if (!mayUndo) t.deepEqual(undone, [], 'saves were undone')
  if (!mayUndo) t.deepEqual(back, [], 'what was taken away is back')
  t.is(new Set(ids).size, ids.length, 'two messages have one id')
  const elsewhere = [...aside, ...seen].filter((said) => !inRoom.includes(said))
  attack.end(t, [...inRoom, ...new Set(elsewhere)], more)
}

for (const save of SAVES) {
  needing(...save.needs)(`${save.name}, ${OF_EACH} times among posts: nothing is lost, doubled, or undone`, async (t) => {
    const attack = new Attack(`${save.name}, ${OF_EACH} times among posts`)
    const server = await serve(t, { rateLimit: 0, backlog: 1_000_000, maxFile: 64 * 1024 * 1024, times: TIMES })
    const deeds = await saveAmongPosts(t, attack, server, [save], OF_EACH)
    await server.close()
    await judge(t, attack, server, deeds)
  })
}

interface Meddling {
  readonly name: string
  readonly fault: string
  /** Whether a save may be undone that comes in the last instant before a rename. */
  readonly mayUndo: boolean
}

const meddlings: readonly Meddling[] = [
  { name: 'each rename is 50 ms late', fault: 'renameat2,rename:delay_enter=50000', mayUndo: false },
  { name: 'two names cannot be exchanged', fault: 'renameat2:error=EINVAL', mayUndo: true },
]

for (const { name, fault, mayUndo } of meddlings) {
  const title = `${SAVES.length * OF_EACH_TRACED} saves of all kinds among posts, where ${name}`
  needing(
    STRACE,
    JQ,
    VIM,
  )(`${title}: nothing is lost or doubled${mayUndo ? '' : ', or undone'}`, async (t) => {
    const attack = new Attack(title)
    const args = ['--rate-limit', 'off', '--backlog', '1000000', '--max-file', '64m']
    const server = await serveProcess(t, args, undefined, [...meddled(fault), ...hurried(TIMES)])
    const deeds = await saveAmongPosts(t, attack, server, SAVES, OF_EACH_TRACED)
    t.is(await server.stop(), 0)
    await judge(t, attack, server, deeds, mayUndo)
  })
}
