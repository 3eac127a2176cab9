/**
 * The rules against chance: any sequence of posts, hand edits, restarts and clock steps, in two processes on one file, with a client at each.
 * The model is small: after every poll a client shows what the file says. (It may show more joins and parts: old ones leave the file first.)
 */
import * as fc from 'fast-check'
import test from 'ava'
import { commit, EMPTY, newsFrom, standingOf, type Backlog, type Limits, type Standing } from '../../server/room/backlog.ts'
import { lineOf, readLine, type Draft, type Message } from '../../server/room/message.ts'
import { takeIn } from '../../server/room/take-in.ts'
import { tries } from '../helpers/random.ts'

const RUNS = Number(process.env['MODEL_RUNS'] ?? 2000)
const LIMITS: Limits = { backlog: 6, maxMessage: 1000, maxFile: 100_000 }
const START = 1_795_219_764_123

/** The file as it lies there, undefined when there is none, and what `.roomfile` holds. */
class Disk {
  file: { lines: string[]; mtime: number } | undefined
  edited = 0
  /** Where the room stood after each change. The last one is written down. */
  readonly standings = [standingOf(EMPTY)]
  isStandingLost = false
  now = START

  get standing(): Standing {
    return this.standings.at(-1) as Standing
  }

  /** A power cut: the file is made to last, where the room stands is not. */
  lose(standings: number): void {
    this.standings.length = Math.max(1, this.standings.length - standings)
    this.isStandingLost = true
  }

  get signature(): string {
    return JSON.stringify(this.file)
  }

  /** The timestamps that the room has had. */
  readonly had = new Set<number>()

  /** The newest message that a post pushed out. */
  pushedOut = 0

  /** A person writes the file, as the kernel stamps it: hardly in the very millisecond of a commit, when nobody was there to see it. */
  write(lines: string[]): void {
    while (this.had.has(this.now)) this.now += 1
    this.file = { lines, mtime: this.now }
  }
}

/** What room-file.ts does, without its waiting. */
class Process {
  readonly disk: Disk
  known: Backlog | undefined
  #signature = ''

  constructor(disk: Disk) {
    this.disk = disk
  }

  look(): Backlog {
    const { disk } = this
    if (this.known && this.#signature === disk.signature) return this.known
    if (!this.known && !disk.file && disk.standing.timestamp === 0)
      return this.#keep({ ...EMPTY, timestamp: Math.max(EMPTY.timestamp, disk.edited), edited: disk.edited })
    const lines = (disk.file?.lines ?? []).map((line) => readLine(line, LIMITS.maxMessage))
    const found = { lines, clean: true, legible: true, mtime: disk.file?.mtime ?? 0, edited: disk.edited, standing: disk.standing }
    const { backlog, rewrite, edit } = takeIn(this.known, found, LIMITS, disk.now)
    if (edit) disk.edited = backlog.edited
    if (rewrite && disk.file) disk.file = { lines: backlog.messages.map(lineOf), mtime: backlog.timestamp }
    return this.#keep(backlog)
  }

  post(draft: Draft): void {
    const before = this.look()
    const { backlog } = commit(before, [draft], LIMITS, this.disk.now)
    const stays = saidIn(backlog.messages).length
    if (draft.type && stays < Math.min(LIMITS.backlog, saidIn(before.messages).length)) throw new Error('a join pushed out what was said')
    const kept = new Set(backlog.messages)
    const out = saidIn(before.messages).findLast((message) => !kept.has(message))
    this.disk.pushedOut = Math.max(this.disk.pushedOut, out?.timestamp ?? 0)
    this.disk.file = { lines: backlog.messages.map(lineOf), mtime: backlog.timestamp }
    this.#keep(backlog)
  }

  restart(): void {
    this.known = undefined
  }

  #keep(backlog: Backlog): Backlog {
    this.disk.had.add(backlog.timestamp)
    this.known = backlog
    this.#signature = this.disk.signature
    this.disk.standings.push(standingOf(backlog))
    this.disk.isStandingLost = false
    return backlog
  }
}

const saidIn = (messages: readonly Message[]): Message[] => messages.filter(({ type }) => type === 'msg')

class Client {
  timestamp = 0
  shown: Message[] = []

  /** Polls once. @returns what is wrong with what it shows then, if anything */
  poll(process: Process): string | undefined {
    const backlog = process.look()
    const news = newsFrom(backlog, this.timestamp)
    if (news) {
      const isToldAll = this.timestamp === 0 || this.timestamp >= process.disk.pushedOut || news.reset || news.gap
      if (!isToldAll) return 'is not told of a gap'
      const ids = new Set(news.messages.map(({ id }) => id))
      const before = news.reset || this.timestamp === 0 ? [] : news.gap ? this.shown.filter(({ id }) => !ids.has(id)) : this.shown
      this.shown = [...before, ...news.messages]
      this.timestamp = news.timestamp
    }
    const there = new Set(backlog.messages.map(({ id }) => id))
    const said = saidIn(backlog.messages)
    const same =
      JSON.stringify(this.shown.filter(({ id }) => there.has(id))) === JSON.stringify(backlog.messages) &&
      JSON.stringify(said) === JSON.stringify(said.length > 0 ? saidIn(this.shown).slice(-said.length) : [])
    return same ? undefined : `shows ${JSON.stringify(this.shown)} where the room has ${JSON.stringify(backlog.messages)}`
  }
}

const text = fc.constantFrom(
  'hello',
  'a b',
  '{"msg":"json"}',
  '{"half":',
  '{"id":"1-0","timestamp":1,"msg":"old stamp"}',
  '{"id":"9000000000000-0","timestamp":9000000000000,"msg":"future"}',
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('post' as const), by: fc.nat(1), text: fc.constantFrom('x', 'y', 'z') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('come' as const), by: fc.nat(1), times: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('poll' as const), by: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('echo' as const), text }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('splice' as const),
      at: fc.nat(8),
      remove: fc.nat(2),
      insert: fc.array(text, { maxLength: 2 }),
    }),
  },
  fc.record({ do: fc.constant('swap' as const), at: fc.nat(8) }),
  fc.record({ do: fc.constant('touch' as const), mtime: fc.constantFrom(1, START - 5000, START + 50, START + 1e11) }),
  fc.record({ do: fc.constant('rm' as const) }),
  fc.record({ do: fc.constant('restart' as const), by: fc.nat(1) }),
  fc.record({ do: fc.constant('power cut' as const), loses: fc.nat(8) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('clock' as const), by: fc.constantFrom(1, 7, 1000, 3_600_000, -1, -3_600_000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Somebody at the file. */
function byHand(disk: Disk, action: Step): boolean {
  const lines = [...(disk.file?.lines ?? [])]
  switch (action.do) {
    case 'echo':
      disk.write([...lines, action.text])
      return true
    case 'splice':
      lines.splice(action.at, action.remove, ...action.insert)
      disk.write(lines)
      return true
    case 'swap':
      if (action.at + 1 >= lines.length) return false
      disk.write(lines.with(action.at, lines[action.at + 1] ?? '').with(action.at + 1, lines[action.at] ?? ''))
      return true
    case 'touch':
      if (disk.file) disk.file = { lines, mtime: action.mtime }
      return true
    case 'rm':
      disk.file = undefined
      return true
    default:
      return false
  }
}

test(`after ${RUNS} sequences of posts, edits, restarts and clock steps every client shows what the file says`, (t) => {
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const disk = new Disk()
    const processes = [new Process(disk), new Process(disk)] as const
    const clients = [new Client(), new Client()] as const
    for (const action of steps) {
      const before = processes.map(({ known }) => known?.timestamp ?? 0)
      if (action.do === 'post') processes[action.by ? 1 : 0].post({ msg: action.text })
      if (action.do === 'come')
        for (let n = 0; n < action.times; n++) processes[action.by ? 1 : 0].post({ type: n % 2 ? 'part' : 'join', nick: 'ann', msg: '' })
      if (action.do === 'restart') processes[action.by ? 1 : 0].restart()
      if (action.do === 'power cut') {
        for (const process of processes) process.restart()
        disk.lose(action.loses)
      }
      if (action.do === 'clock') disk.now = Math.max(START - 4_000_000, disk.now + action.by)
      // Where nobody knows how far clients were told, a room that is changed may come to an old timestamp: that is not for the model.
      if (disk.isStandingLost && processes.every(({ known }) => !known)) {
        if (action.do === 'rm') continue
        disk.now = Math.max(disk.now, ...disk.had)
      }
      // A person is slower than the news of a commit: whoever runs has been told of it before the next edit.
      if (!['post', 'poll', 'restart', 'power cut', 'clock'].includes(action.do))
        for (const process of processes) if (process.known) process.look()
      if (byHand(disk, action)) {
        // Whoever runs is told of it: all settle on one file, and leave it alone then.
        for (const process of processes) if (process.known) process.look()
        const settled = disk.signature
        for (const process of processes) if (process.known) process.look()
        if (disk.signature !== settled) throw new Error('two processes write against each other')
      }
      for (const [n, { known }] of processes.entries()) if (known && known.timestamp < (before[n] ?? 0)) throw new Error('a timestamp fell')
      if (action.do !== 'poll') continue
      const n = action.by ? 1 : 0
      const wrong = clients[n].poll(processes[n])
      if (wrong !== undefined) throw new Error(wrong)
      const { messages, timestamp } = processes[n].look()
      if (new Set(messages.map(({ id }) => id)).size !== messages.length) throw new Error('two messages have one id')
      if (disk.file && disk.file.mtime !== timestamp) throw new Error('the mtime is not the timestamp')
      if (disk.file && JSON.stringify(disk.file.lines) !== JSON.stringify(messages.map(lineOf)))
        throw new Error('the file says something else')
    }
  })
  const { failed, counterexample, errorInstance } = fc.check(property, tries(t, RUNS))
  t.false(failed, `${String(errorInstance)} after ${JSON.stringify(counterexample)}`)
})
