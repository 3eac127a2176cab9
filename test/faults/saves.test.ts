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

/** Saves of each kind in one room, and so many rooms: no room becomes larger than one that keeps some hundred messages. */
const OF_EACH = sized(2, 100)
const ROOMS = sized(1, 10)

/** Saves of each kind, one after the other in one room, where renames are slow or cannot exchange. */
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
    this.#loop = this.#run(() => attack.post(url, `post-${attack.tried}.`))
  }

  async #run(post: () => Promise<{ readonly status: number } | undefined>): Promise<void> {
    while (!this.#ending.signal.aborted) {
      this.#posts.push(post().then((answer) => this.#heard(answer?.status)))
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

/** All that posts and saves say: each of them once, unless somebody copied it. */
const SAID = /(?:post|line|mark)-\w+\./g

async function saidIn(path: string): Promise<string[]> {
  return [...(await readFile(path, 'utf8')).matchAll(SAID)].map(([said]) => said)
}

/** People who save in one room after the other, each of them among posts. */
class Saving {
  readonly #t: ExecutionContext
  readonly #attack: Attack
  readonly #random: () => number
  readonly #rooms: Room[] = []
  /** What they wrote. */
  readonly #marks: string[] = []
  /** What they saw in the room and took away: it may be nowhere in the end. */
  readonly #seen = new Set<string>()
  /** Of that, what was acknowledged before they looked: it must not be back. */
  readonly #taken = new Set<string>()

  constructor(t: ExecutionContext, title: string) {
    this.#t = t
    this.#attack = new Attack(title)
    this.#random = randomOf(t)
  }

  /** Posts go on, and each of these saves once, so many times. */
  async amongPosts(room: Room, saves: readonly Save[], times: number): Promise<void> {
    this.#rooms.push(room)
    const attack = this.#attack
    const poster = new Poster(attack, room.url)
    this.#t.teardown(() => poster.stop())
    for (let n = 0; n < times * saves.length; n++) {
      const save = saves[n % saves.length] as Save
      const [line, mark] = [`line-${attack.tried}.`, `mark-${attack.tried}.`]
      await attack.recover(room.url, line)
      await delay(this.#random() * POST_EVERY) // the instant is the point
      if (save.does === 'mark') this.#marks.push(mark)
      else this.#take(save.does === 'take all away' ? await saidIn(room.file('lobby')) : [line])
      // Every second time something is posted that whoever saves cannot have read.
      await save.save({ directory: room.directory, line, mark, think: () => (this.#random() < 0.5 ? poster.another() : Promise.resolve()) })
    }
    await poster.stop()
    await attack.recover(room.url, `post-${attack.tried}.`)
    await untilTold(room)
  }

  /** Somebody looks at the room, and takes this away. */
  #take(said: readonly string[]): void {
    const acknowledged = new Set(this.#attack.acknowledged)
    for (const one of said) {
      this.#seen.add(one)
      if (acknowledged.has(one)) this.#taken.add(one)
    }
  }

  /** Checks the rooms and their aside/, with no server there any more. @param mayUndo whether a save may be undone */
  async judge(mayUndo = false): Promise<void> {
    const [t, attack, seen, taken] = [this.#t, this.#attack, this.#seen, this.#taken]
    const inRooms = (await Promise.all(this.#rooms.map((room) => saidIn(room.file('lobby'))))).flat()
    const found = new Set(inRooms)
    const aside = new Set((await Promise.all(this.#rooms.map((room) => saidAside(room.directory)))).flat())
    const undone = this.#marks.filter((mark) => !found.has(mark) && !aside.has(mark) && !seen.has(mark))
    const back = inRooms.filter((said) => taken.has(said))
    const more = [
      `${this.#marks.length} marks`,
      `${attack.acknowledged.filter((msg) => !found.has(msg) && aside.has(msg)).length} posts only aside`,
      ...(taken.size > 0 ? [`${taken.size} taken away, ${[...taken].filter((said) => aside.has(said)).length} of them aside`] : []),
      ...(mayUndo ? [`${undone.length} saves undone, ${back.length} messages back`] : []),
    ].join('; ')
    t.log({ tried: attack.tried, acknowledged: attack.acknowledged.length, inRooms: inRooms.length, undone, back, more })
    if (!mayUndo) t.deepEqual(undone, [], 'saves were undone')
    if (!mayUndo) t.deepEqual(back, [], 'what was taken away is back')
    for (const room of this.#rooms) await eachIdOnce(t, room)
    const elsewhere = [...aside, ...seen].filter((said) => !found.has(said))
    attack.end(t, [...inRooms, ...new Set(elsewhere)], more)
  }
}

async function eachIdOnce(t: ExecutionContext, room: Room): Promise<void> {
  const ids = (await readFile(room.file('lobby'), 'utf8')).match(/^\{"id":"[^"]+"/gm) ?? []
  t.is(new Set(ids).size, ids.length, 'two messages have one id')
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

async function saidAside(directory: string): Promise<string[]> {
  const aside = join(directory, 'aside')
  const found = await readdir(aside, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  return (await Promise.all(files.map(saidIn))).flat()
}

for (const save of SAVES) {
  const title = `${save.name}, ${ROOMS * OF_EACH} times among posts`
  needing(...save.needs)(`${title}: nothing is lost, doubled, or undone`, async (t) => {
    const saving = new Saving(t, title)
    for (let n = 0; n < ROOMS; n++) {
      const server = await serve(t, { rateLimit: 0, backlog: 1_000_000, maxFile: 64 * 1024 * 1024, times: TIMES })
      await saving.amongPosts(server, [save], OF_EACH)
      await server.close()
    }
    await saving.judge()
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
    const saving = new Saving(t, title)
    const args = ['--rate-limit', 'off', '--backlog', '1000000', '--max-file', '64m']
    const server = await serveProcess(t, args, undefined, [...meddled(fault), ...hurried(TIMES)])
    await saving.amongPosts(server, SAVES, OF_EACH_TRACED)
    t.is(await server.stop(), 0)
    await saving.judge(mayUndo)
  })
}
