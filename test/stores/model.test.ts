/**
 * The promises on real files against chance: any sequence of posts, reads, hand edits, saves of older copies, programs that hold the file open,
 * rooms let go and servers begun anew, with two or three stores on one directory. Whatever happens, what was posted or written by hand is in
 * the room or aside, once; what was read and removed stays away, what was not read is put back; and all tell what the file says.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import ava from 'ava'
import * as fc from 'fast-check'
import { newsFrom, type Backlog, type Limits } from '../../server/room/backlog.ts'
import { lineOf, type Message } from '../../server/room/message.ts'
import type { RoomName } from '../../server/room/room-name.ts'
import type { Store } from '../../server/stores/store.ts'
import { timestampOf } from '../../server/stores/file/durable.ts'
import { fileStore } from '../../server/stores/file/file-store.ts'
import { TIMES } from '../../server/times.ts'
import { sized } from '../helpers/attack.ts'
import { tries } from '../helpers/random.ts'

const test = ava.serial

const RUNS = Number(process.env['MODEL_RUNS'] ?? sized(25, 2000))
const ROOM = 'lobby' as RoomName
const LIMITS: Limits = { backlog: 1000, maxMessage: 1000, maxFile: 1_000_000 }
const QUICK = { ...TIMES, quiet: 10, carry: 10, grace: 40, backup: 60 }

/** The world settles within this time, or never will. */
const PATIENCE_MS = Number(process.env['MODEL_PATIENCE'] ?? 30_000)

/** All that posts and people say: each of them once, unless somebody copied it. */
const SAID = /[ph]\d+\./g

const saidIn = (text: string): string[] => text.match(SAID) ?? []
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

const by = fc.nat(2)
const at = fc.nat(6)
const slot = fc.nat(1)
const how = fc.constantFrom('rename' as const, 'in place' as const, 'slowly' as const)
/** What an editor does to a line. */
const what = fc.constantFrom('remove' as const, 'change' as const, 'add' as const)

/** Saves what was read some steps before. */
const save = fc.record({ does: fc.constant('save' as const), how, slot, at, what: fc.option(what) })

/** What people do to the file at one stroke. */
const deed = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant('echo' as const), copies: fc.option(at, { freq: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('edit' as const), how, at, what }) },
  { weight: 4, arbitrary: save },
  fc.record({ does: fc.constant('only' as const), how }),
  fc.record({ does: fc.constant('rm' as const) }),
  fc.record({ does: fc.constant('restore' as const), how: fc.constantFrom('cp -p' as const, 'mv' as const), slot }),
  fc.record({ does: fc.constant('touch' as const), to: fc.constantFrom('now' as const, 'past' as const, 'future' as const) }),
)
type Save = typeof save extends fc.Arbitrary<infer T> ? T : never
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never

/** Tenths of a millisecond from the start of a post to what happens in the middle of it; or its end, before any other server has heard of it. */
const after = fc.option(fc.nat(60), { freq: 3 })

/** A server that does not have the room in memory when it happens. */
const without = fc.record({ by, how: fc.constantFrom('let go' as const, 'release' as const, 'reopen' as const) })

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('post' as const), by: fc.array(by, { minLength: 1, maxLength: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), by }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('let go' as const), by }) },
  fc.record({ do: fc.constant('release' as const), by }),
  fc.record({ do: fc.constant('reopen' as const), by }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant('look' as const), slot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('copy' as const), slot }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deed' as const), deed, without: fc.option(without) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('collide' as const), deed, by, after }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('edit late' as const), by, save, without: fc.option(without) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), slot }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), slot, half: fc.boolean() }) },
  fc.record({ do: fc.constant('close' as const), slot }),
)
type Without = typeof without extends fc.Arbitrary<infer T> ? T : never
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const sequence = fc.record({
  stores: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(step, { minLength: 1, maxLength: 16, size: 'max' }),
})

type Sequence = typeof sequence extends fc.Arbitrary<infer T> ? T : never

/** Sequences that failed once: each is tried some times before those of chance, because its steps have to meet. */
const FAILED_ONCE: readonly Sequence[] = [
  // Two servers carried over what a program wrote to a version that one had replaced, and the other had never seen replaced.
  {
    stores: 2,
    steps: [
      { do: 'open', slot: 0 },
      { do: 'collide', deed: { does: 'only', how: 'rename' }, by: 0, after: null },
      { do: 'read', by: 0 },
      { do: 'write', slot: 0, half: false },
      { do: 'edit late', by: 0, save: { does: 'save', how: 'rename', slot: 0, at: 0, what: null }, without: { by: 0, how: 'let go' } },
    ],
  },
  // One server took in an edit of a room that it did not have in memory, and went on: the other one did not keep aside what that had removed.
  {
    stores: 2,
    steps: [
      { do: 'post', by: [0] },
      { do: 'post', by: [0] },
      { do: 'deed', deed: { does: 'edit', how: 'rename', at: 0, what: 'remove' }, without: { by: 0, how: 'release' } },
      { do: 'post', by: [0, 0] },
    ],
  },
]

type Act = () => void | Promise<void>

interface Server {
  store: Store
  /** The newest timestamp that it has told. */
  told: number
  /** What a client shows that polls it, and where the client stands. */
  shown: readonly Message[]
  timestamp: number
}

interface Pen {
  readonly fd: number
  /** The file that it writes to. */
  readonly ino: bigint
}

class World {
  readonly #directory: string
  readonly #path: string
  readonly #servers: Server[] = []
  /** What was acknowledged, and what people wrote. */
  readonly #said = new Set<string>()
  /** What somebody copied within the room. */
  readonly #copied = new Set<string>()
  /** What somebody had read, and took out. */
  readonly #removed = new Set<string>()
  /** Posts that nobody has read in the file, and of which all servers know that. */
  readonly #unread = new Set<string>()
  /** What editors have in their windows. */
  readonly #copies = new Map<number, string>()
  readonly #backups = new Map<number, { readonly path: string; readonly text: string }>()
  readonly #pens = new Map<number, Pen>()
  readonly #log: string[] = []
  /** Whether what was saved last has no line in common with the room. */
  #replacesAll = false
  #count = 0

  constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, `${ROOM}.jsonl`)
  }

  async begin(stores: number): Promise<void> {
    for (let n = 0; n < stores; n++) this.#servers.push({ store: await this.#open(), told: 0, shown: [], timestamp: 0 })
    for (const server of this.#servers) await this.#poll(server)
  }

  #open(): Promise<Store> {
    return fileStore({
      directory: this.#directory,
      limits: LIMITS,
      times: QUICK,
      warn: (message, details) => void this.#log.push(`warns: ${message} ${JSON.stringify(details)}`),
    })
  }

  async take(action: Step): Promise<void> {
    this.#log.push(JSON.stringify(action))
    switch (action.do) {
      case 'post':
        return this.#posts(action.by)
      case 'read':
        await this.#poll(this.#server(action.by))
        return
      case 'let go':
        this.#server(action.by).store.letGo(ROOM)
        return
      case 'release':
        await this.#endOrphans()
        this.#unread.clear()
        return this.#release(this.#server(action.by))
      case 'reopen':
        await this.#endOrphans()
        this.#unread.clear()
        return this.#reopen(this.#server(action.by))
      case 'look':
        return this.#look(action.slot)
      case 'copy':
        await this.settle()
        this.#backUp(action.slot)
        return
      case 'deed':
        return this.#do(action.deed, action.without)
      case 'collide':
        return this.#collide(action.deed, action)
      case 'edit late':
        await this.#look(action.save.slot)
        await this.#posts([action.by])
        return this.#do(action.save, action.without)
      case 'open':
        return this.#hold(action.slot)
      case 'write':
        this.#write(action.slot, action.half)
        return
      case 'close':
        this.#letGo(action.slot)
        return
    }
  }

  #server(n: number): Server {
    return this.#servers[n % this.#servers.length] as Server
  }

  #new(prefix: 'p' | 'h'): string {
    return `${prefix}${++this.#count}.`
  }

  /** Something that a person writes. */
  #line(): string {
    const text = this.#new('h')
    this.#said.add(text)
    return text
  }

  async #posts(servers: readonly number[]): Promise<void> {
    const isAlone = servers.length === 1
    if (isAlone) await this.settle()
    const texts = await Promise.all(servers.map((n) => this.#post(this.#server(n))))
    if (!isAlone) return
    for (const server of this.#servers) await this.#poll(server)
    for (const text of texts) this.#unread.add(text)
  }

  async #post({ store }: Server): Promise<string> {
    const text = this.#new('p')
    await store.append(ROOM, [{ msg: text }])
    this.#log.push(`acknowledged: ${text}`)
    this.#said.add(text)
    return text
  }

  #release(server: Server): Promise<void> {
    return server.store.release(ROOM)
  }

  async #reopen(server: Server): Promise<void> {
    await server.store.close()
    server.store = await this.#open()
  }

  /** Programs whose file a person has replaced are heard by the server that saw it happen, and by nobody after it. */
  async #endOrphans(ends = true): Promise<void> {
    await this.settle()
    if (!ends) return
    const there = statSync(this.#path, { bigint: true, throwIfNoEntry: false })
    for (const [n, { ino, fd }] of this.#pens) if (ino !== there?.ino && fstatSync(fd).nlink === 0) this.#letGo(n)
  }

  /** A client asks. */
  async #poll(server: Server): Promise<Backlog> {
    const backlog = await server.store.read(ROOM)
    if (backlog.timestamp < server.told) throw this.#wrong(`the timestamp fell from ${server.told} to ${backlog.timestamp}`)
    server.told = backlog.timestamp
    const news = newsFrom(backlog, server.timestamp)
    if (news) {
      server.shown = news.reset || server.timestamp === 0 ? news.messages : [...server.shown, ...news.messages]
      server.timestamp = news.timestamp
    }
    return backlog
  }

  // What people do.

  /** Somebody reads the file. */
  #readBy(): string {
    this.#unread.clear()
    try {
      return readFileSync(this.#path, 'utf8')
    } catch {
      return ''
    }
  }

  /** Somebody opens the file in an editor. */
  async #look(n: number): Promise<void> {
    await this.settle()
    this.#copies.set(n, this.#readBy())
  }

  #backUp(n: number): void {
    const there = statSync(this.#path, { throwIfNoEntry: false })
    if (!there) return
    const text = this.#readBy()
    const path = join(this.#directory, `.backup-${++this.#count}`)
    copyFileSync(this.#path, path)
    utimesSync(path, there.atime, there.mtime)
    this.#backups.set(n, { path, text })
  }

  async #hold(n: number): Promise<void> {
    this.#letGo(n)
    await this.settle()
    const fd = openSync(this.#path, 'a')
    this.#pens.set(n, { fd, ino: fstatSync(fd, { bigint: true }).ino })
  }

  #write(n: number, half: boolean): void {
    const pen = this.#pens.get(n)
    if (pen) writeSync(pen.fd, half ? `${this.#line()} and ` : `${this.#line()}\n`)
  }

  #letGo(n: number): void {
    const pen = this.#pens.get(n)
    if (pen) closeSync(pen.fd)
    this.#pens.delete(n)
  }

  /** Does something to the file. @param lacks a server that does not have the room in memory by then: another one has */
  async #do(doing: Deed, lacks: Without | null): Promise<void> {
    await this.#endOrphans(lacks !== null)
    const act = this.#prepare(doing)
    if (!act) return
    const unread = [...this.#unread]
    if (lacks && this.#servers.length > 1) await this.#lack(lacks)
    // Should the one that lacks it be the first to take in that a person replaced the file, nobody watches what was there before.
    if (lacks && lacks.how !== 'let go') for (const pen of this.#pens.keys()) this.#letGo(pen)
    await this.#untilTick()
    await act()
    await this.#judgeDeed(doing, unread)
    if (lacks && lacks.how !== 'let go') this.#unread.clear() // a server that begins anew takes all for read
  }

  async #lack({ by: n, how: way }: Without): Promise<void> {
    const server = this.#server(n)
    if (way === 'let go') server.store.letGo(ROOM)
    if (way === 'release') await this.#release(server)
    if (way === 'reopen') await this.#reopen(server)
  }

  /** Does something to the file in the midst of a post, or right behind it, when no other server has heard of that. */
  async #collide(doing: Deed, { by: n, after: tenths }: { readonly by: number; readonly after: number | null }): Promise<void> {
    await this.settle()
    const act = this.#prepare(doing)
    if (!act) return
    const unread = [...this.#unread]
    const post = this.#post(this.#server(n))
    if (tenths === null) {
      const text = await post
      await this.#untilTick()
      await act()
      return this.#judgeDeed(doing, [...unread, text])
    }
    const until = performance.now() + tenths / 10
    while (performance.now() < until) await turn()
    await act()
    await post
    this.#unread.clear()
  }

  /** Whoever saves an older copy takes nothing away that nobody has read. */
  async #judgeDeed(doing: Deed, unread: readonly string[]): Promise<void> {
    if (doing.does === 'save' && doing.how !== 'slowly' && !this.#replacesAll) {
      await this.settle()
      const there = saidIn(this.#content())
      for (const text of unread) if (!there.includes(text)) throw this.#wrong(`${text} was not read by anybody, and is not put back`)
    } else if (doing.does !== 'echo') this.#unread.clear()
  }

  /** Until the kernel's clock, which stamps files, is ahead of the room. */
  async #untilTick(): Promise<void> {
    const newest = Date.now()
    const path = join(this.#directory, '.tick')
    for (;;) {
      writeFileSync(path, '')
      if (statSync(path).mtimeMs > newest) return
      await turn()
    }
  }

  /** Gets everything ready for what is then done at one stroke; undefined where it cannot be done. */
  #prepare(doing: Deed): Act | undefined {
    switch (doing.does) {
      case 'echo':
        return this.#echoing(doing.copies)
      case 'edit':
        return this.#putting(doing.how, this.#edited(this.#readBy(), doing.at, doing.what))
      case 'save':
        return this.#saving(doing)
      case 'only':
        return this.#putting(doing.how, `${this.#line()}\n`)
      case 'rm':
        return () => rmSync(this.#path, { force: true })
      case 'restore':
        return this.#restoring(doing.how, doing.slot)
      case 'touch':
        return this.#touching({ now: 0, past: -86_400, future: 86_400 }[doing.to])
      default:
        return undefined
    }
  }

  /** @param copies the line of the room that is said again; null for a new one */
  #echoing(copies: number | null): Act {
    const lines = copies === null ? [] : linesOf(this.#readBy())
    const copied = lines[(copies ?? 0) % lines.length]
    for (const text of saidIn(copied ?? '')) this.#copied.add(text)
    const line = copied ?? this.#line()
    return () => writeFileSync(this.#path, `${line}\n`, { flag: 'a' })
  }

  #saving({ how: way, slot: n, at: place, what: change }: Save): Act | undefined {
    const copy = this.#copies.get(n)
    if (copy === undefined) return undefined
    for (const text of saidIn(copy)) this.#removed.delete(text)
    const saved = change === null ? copy : this.#edited(copy, place, change)
    const there = new Set(linesOf(this.#content()))
    this.#replacesAll = !linesOf(saved).some((line) => there.has(line))
    return this.#putting(way, saved)
  }

  #restoring(way: 'cp -p' | 'mv', n: number): Act | undefined {
    const backup = this.#backups.get(n)
    if (!backup) return undefined
    this.#backups.delete(n)
    for (const text of saidIn(backup.text)) this.#removed.delete(text)
    return way === 'mv' ? () => renameSync(backup.path, this.#path) : () => this.#copyOver(backup.path)
  }

  #touching(later: number): Act {
    const seconds = Date.now() / 1000 + later
    return () => {
      if (statSync(this.#path, { throwIfNoEntry: false })) utimesSync(this.#path, seconds, seconds)
    }
  }

  /** A text with one of its lines changed; or with one more. */
  #edited(text: string, n: number, change: 'remove' | 'change' | 'add'): string {
    const lines = linesOf(text)
    const place = n % (lines.length + 1)
    const line = lines[place]
    if (line === undefined || change === 'add') return `${lines.toSpliced(place, 0, this.#line()).join('\n')}\n`
    const gone = saidIn(line)
    for (const said of gone) if (!this.#copied.has(said)) this.#removed.add(said)
    const changed = change === 'change' ? [gone.reduce((rest, said) => rest.replace(said, this.#line()), line)] : []
    const left = lines.toSpliced(place, 1, ...changed)
    return left.map((one) => `${one}\n`).join('')
  }

  #putting(way: 'rename' | 'in place' | 'slowly', text: string): Act {
    if (way === 'in place') return () => writeFileSync(this.#path, text)
    if (way === 'slowly') return () => this.#writeSlowly(text)
    const beside = join(this.#directory, `.beside-${++this.#count}`)
    return () => {
      writeFileSync(beside, text)
      renameSync(beside, this.#path)
    }
  }

  async #writeSlowly(text: string): Promise<void> {
    const fd = openSync(this.#path, 'w')
    for (const line of linesOf(text)) {
      await delay(1) // slowness is the point
      writeSync(fd, `${line}\n`)
    }
    closeSync(fd)
  }

  #copyOver(path: string): void {
    const { atime, mtime } = statSync(path)
    writeFileSync(this.#path, readFileSync(path))
    utimesSync(this.#path, atime, mtime)
  }

  // What comes of it.

  /** What the file says, without a trace of our reading it. */
  #content(): string {
    let fd: number
    try {
      fd = openSync(this.#path, constants.O_RDONLY | (constants.O_NOATIME ?? 0))
    } catch {
      return ''
    }
    try {
      return readFileSync(fd, 'utf8')
    } finally {
      closeSync(fd)
    }
  }

  async #aside(): Promise<string> {
    const names = await readdir(join(this.#directory, 'aside')).catch((): string[] => [])
    return (await Promise.all(names.map((name) => readFile(join(this.#directory, 'aside', name), 'utf8')))).join('\n')
  }

  /** Until all servers tell what the file says, and nothing that was said is on its way. */
  async settle(): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    for (let before = ''; ;) {
      const backlogs = await Promise.all(this.#servers.map((server) => this.#poll(server)))
      const wrong = await this.#unsettled(backlogs)
      const now = JSON.stringify(backlogs.map(({ timestamp }) => timestamp))
      if (wrong === undefined && now === before) return
      if (performance.now() > end) throw this.#wrong(wrong ?? 'it never ends to change')
      before = wrong === undefined ? now : ''
      await delay(wrong === undefined ? 0 : 2)
    }
  }

  async #unsettled(backlogs: readonly Backlog[]): Promise<string | undefined> {
    const content = this.#content()
    const mtime = statSync(this.#path, { bigint: true, throwIfNoEntry: false })?.mtimeNs
    for (const { timestamp, messages } of backlogs) {
      if (messages.map((message) => `${lineOf(message)}\n`).join('') !== content) return 'a server and the file do not say the same'
      if (mtime !== undefined && timestampOf(mtime) !== timestamp) return `the mtime is ${timestampOf(mtime)}, the timestamp ${timestamp}`
      if (mtime !== undefined && timestamp !== backlogs[0]?.timestamp) return 'two servers tell different timestamps'
    }
    const there = new Set(saidIn(content))
    const missing = [...this.#said].filter((text) => !there.has(text))
    if (missing.length === 0) return undefined
    const aside = new Set(saidIn(await this.#aside()))
    const lost = missing.filter((text) => !aside.has(text))
    return lost.length > 0 ? `lost: ${lost.join(' ')}` : undefined
  }

  /** The end: everybody leaves. */
  async end(): Promise<void> {
    for (const n of this.#pens.keys()) this.#letGo(n)
    await this.settle()
    for (const { shown } of this.#servers)
      if (shown.map((message) => `${lineOf(message)}\n`).join('') !== this.#content())
        throw this.#wrong(`a client shows ${JSON.stringify(shown.map(({ msg }) => msg))}`)
    this.#judge()
    const before = this.#content()
    await this.close()
    const left = await readdir(join(this.#directory, '.roomfile', '.versions'), { recursive: true }).catch(() => [])
    if (left.length > 0) throw this.#wrong(`versions are left: ${left.join(' ')}`)
    await this.begin(1)
    await this.settle()
    // What was written to a file that is aside by its name may have come to the room as well, at the very end.
    if (!this.#content().startsWith(before)) throw this.#wrong(`after a restart the file is another one than before:\n${before}`)
    this.#judge()
  }

  #judge(): void {
    const content = this.#content()
    const texts = saidIn(content)
    const twice = texts.filter((text, n) => texts.indexOf(text) !== n && !this.#copied.has(text))
    if (twice.length > 0) throw this.#wrong(`twice: ${twice.join(' ')}`)
    const back = texts.filter((text) => this.#removed.has(text))
    if (back.length > 0) throw this.#wrong(`came back: ${back.join(' ')}`)
    let last = [0, -1]
    for (const { id } of linesOf(content).map((line) => JSON.parse(line) as Message)) {
      const [timestamp = 0, n = 0] = id.split('-').map(Number)
      if (timestamp < (last[0] ?? 0) || (timestamp === last[0] && n <= (last[1] ?? 0))) throw this.#wrong(`the id ${id} does not rise`)
      last = [timestamp, n]
    }
  }

  async close(): Promise<void> {
    for (const n of this.#pens.keys()) this.#letGo(n)
    await Promise.all(this.#servers.splice(0).map(({ store }) => store.close()))
  }

  #wrong(message: string): Error {
    return new Error(`${message}\n${this.#log.join('\n')}\nThe file:\n${this.#content()}`)
  }
}

test(`after ${RUNS} sequences of posts, hand edits, late writers and restarts nothing is lost or doubled, and all tell what the file says`, async (t) => {
  const property = fc.asyncProperty(sequence, async ({ stores, steps }) => {
    const directory = await mkdtemp(join(tmpdir(), 'roomfile-test-'))
    const world = new World(directory)
    try {
      await world.begin(stores)
      for (const action of steps) await world.take(action)
      await world.end()
    } finally {
      await world.close()
      await rm(directory, { recursive: true, force: true })
    }
  })
  const examples = FAILED_ONCE.flatMap((example) => Array.from({ length: 8 }, (): [Sequence] => [example]))
  const { failed, counterexample, errorInstance } = await fc.check(property, { ...tries(t, RUNS + examples.length), examples })
  t.false(failed, `${String(errorInstance)} after ${JSON.stringify(counterexample)}`)
})
