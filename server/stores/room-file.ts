/**
 * One room's file: read when it changed, rewritten by each commit, open to everybody's pen.
 * Knows the file and its lock. What the room holds is decided in backlog.ts; nobody waits here.
 */
import { isUtf8 } from 'node:buffer'
import { stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { commit, EMPTY, takeIn, type Backlog, type Found, type Limits, type TakenIn } from '../backlog.ts'
import { fromSystem, isOutOfSpace } from '../errors.ts'
import { lineOf, placed, readLine, type Draft, type FoundLine, type Timestamp } from '../message.ts'
import type { Appended, RoomContent } from '../store.ts'
import type { Times } from '../times.ts'
import {
  beginsWith,
  claimFile,
  digestOf,
  keepAside,
  openFile,
  readExactly,
  replaceFile,
  signatureOf,
  stateOf,
  syncDirectory,
  timestampOf,
  unlessMissing,
  type Digest,
  type Signature,
} from './durable.ts'
import { OldInodes } from './old-inodes.ts'
import { RoomLock } from './room-lock.ts'
import type { Warn } from '../warn.ts'

/** How many times a post waits for an edit to become quiet, before it takes the file as it is. */
const PATIENCE = 3

const MISSING: Signature = 'missing'
const BOM = /^\ufeff/

export interface RoomFileOptions {
  /** Whether it is known that nobody wrote to the room until now. */
  readonly wasEmpty: boolean
  /** Called when the lock was opened or used. */
  readonly lockOpened: () => void
  readonly path: string
  readonly lockPath: string
  /** The directory for files as they were found, when not all of them can stay in place. */
  readonly aside: string
  readonly limits: Limits
  readonly times: Times
  /** Called when the file should be looked at again though nothing happens to it. */
  readonly lookAgain: () => void
  readonly warn: Warn
}

/** The file at one moment. */
interface Snapshot {
  /** Still open, to see what comes to this inode after its name went to another; undefined when there is no file. */
  readonly handle: FileHandle | undefined
  readonly signature: Signature
  readonly mtime: Timestamp
  readonly bytes: Buffer
  /** Whether `bytes` are only the last part of a file above the limit. */
  readonly cut: boolean
}

/** What stays of a file's content when it is let go: enough to know it again. */
interface LetGo {
  readonly backlog: Omit<Backlog, 'messages'>
  readonly digest: Digest
  /** Where an answer is still being sent, the bytes are there. */
  readonly bytes: WeakRef<Buffer>
}

/** What a snapshot says, and the bytes behind its last newline that are not taken as a line yet. */
type Seen = TakenIn & { readonly tail: Buffer }

export class RoomFile {
  readonly #options: RoomFileOptions
  readonly #lock: RoomLock
  readonly #old: OldInodes
  /** The end of the queue in which the looks and commits of this process stand. */
  #queue: Promise<unknown> = Promise.resolve()
  #known: Backlog | undefined
  /** In place of `#known` and its bytes, when they were let go. */
  #letGo: LetGo | undefined
  /** The state of the file that `#known` tells of, and its bytes. */
  #signature: Signature | undefined
  #bytes: Buffer = Buffer.alloc(0)
  /** A state that waits to be quiet, and when it was first seen (monotonic). */
  #unquiet: { readonly signature: Signature; readonly seen: number } | undefined
  #lookTimer: NodeJS.Timeout | undefined
  #carryTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: RoomFileOptions) {
    this.#options = options
    this.#lock = new RoomLock(options.lockPath, options.times.lock, options.lockOpened)
    this.#old = new OldInodes({ path: options.path, grace: options.times.grace, rescue: (bytes) => this.#rescue(bytes) })
    if (options.wasEmpty) this.#beginEmpty()
  }

  /**
   * What the room holds. The file is read only if it changed. What cannot be taken in now does not end reading: the room is as it was
   * known last, or as its file stands.
   */
  read(): Promise<Backlog> {
    return this.#inTurn(async () => {
      try {
        return await this.#look()
      } catch (error) {
        const backlog = this.#known ?? (await this.#asItStands(error))
        this.#options.warn('could not take in what was written to a room', { room: this.#name, error })
        return backlog
      }
    }).catch((error: unknown) => {
      throw fromSystem(error, 'not_readable')
    })
  }

  async #look(): Promise<Backlog> {
    if (this.#known && !this.#unquiet && (await this.#signatureNow()) === this.#signature) return this.#known
    if (!this.#known && !this.#letGo && !(await this.#everWas())) return this.#beginEmpty() // to ask for a room makes nothing, not even its lock
    for (let patience = PATIENCE; ; patience--) {
      const settled = await this.#lock.hold(() => this.#settle([], this.#known !== undefined || patience > 0))
      const backlog = settled?.backlog ?? this.#known
      if (backlog) return backlog
      await delay(this.#options.times.quiet) // what was known is let go: nothing can be said until the edit is quiet
    }
  }

  /** A room that was never read, where nothing can be locked or written: its file says all, if it is as a commit left it. */
  async #asItStands(error: unknown): Promise<Backlog> {
    const snapshot = await this.#snapshot()
    try {
      const seen = snapshot.handle && (await this.#see(snapshot, true))
      if (!seen || seen.rewrite || seen.edit) throw error
      await this.#adopt(snapshot, seen.backlog)
      return seen.backlog
    } finally {
      await snapshot.handle?.close()
    }
  }

  /** The bytes of the file where they are known already: one copy for all who ask, however slowly they take it. */
  async content(): Promise<RoomContent | undefined> {
    const stats = await stat(this.#options.path, { bigint: true }).catch(unlessMissing)
    const bytes = this.#letGo ? this.#letGo.bytes.deref() : this.#bytes
    if (!bytes || !stats || signatureOf(stats) !== this.#signature) return undefined
    return { bytes, timestamp: timestampOf(stats.mtimeNs) }
  }

  /** Adds messages in one commit, behind whatever others have written until then. */
  append(drafts: readonly Draft[]): Promise<Appended> {
    return this.#inTurn(async () => {
      for (let patience = PATIENCE; ; patience--) {
        const appended = await this.#lock.hold(() => this.#settle(drafts, patience > 0))
        if (appended) return appended
        await delay(this.#options.times.quiet)
      }
    }).catch((error: unknown) => {
      throw fromSystem(error, 'not_kept')
    })
  }

  /** Whether the file is still what it was at this timestamp, and nothing waits to be taken in. */
  async isAt(timestamp: Timestamp): Promise<boolean> {
    const known = this.#known ?? this.#letGo?.backlog
    return known?.timestamp === timestamp && !this.#unquiet && (await this.#signatureNow()) === this.#signature
  }

  /** Lets go of what the room holds, which is in the file. */
  letGo(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#known || this.#unquiet || this.#signature === MISSING) return
      const { timestamp, edited, dropped } = this.#known
      this.#letGo = { backlog: { timestamp, edited, dropped }, digest: digestOf(this.#bytes), bytes: new WeakRef(this.#bytes) }
      this.#known = undefined
      this.#bytes = Buffer.alloc(0)
    })
  }

  /** How many bytes have to be read to know again what was let go. */
  get unread(): number {
    return this.#letGo?.digest.length ?? 0
  }

  /** Closes the lock's file until it is needed again. */
  closeLock(): Promise<void> {
    return this.#inTurn(() => this.#lock.close())
  }

  async close(): Promise<void> {
    this.#isClosed = true // whatever is still before it in the queue sets no timer any more
    clearTimeout(this.#lookTimer)
    clearTimeout(this.#carryTimer)
    await this.#inTurn(async () => {
      try {
        if (!this.#old.isEmpty) await this.#lock.hold(() => this.#old.close())
      } finally {
        await this.#lock.close()
      }
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined) // whoever waits for `turn` hears of it
    return turn
  }

  /**
   * Takes in what others wrote, adds the drafts, and writes the file if it then says something else. Only under the lock.
   * @returns undefined while somebody is still writing an edit, and `patient` says to wait for its end
   */
  async #settle(drafts: readonly Draft[], patient: boolean): Promise<Appended | undefined> {
    const snapshot = await this.#snapshot()
    let kept = snapshot.handle
    try {
      const seen = await this.#see(snapshot, patient)
      if (!seen) return undefined
      const appended = commit(seen.backlog, drafts, this.#options.limits, Date.now())
      if (seen.edit) await this.#lock.writeEdited(seen.backlog.edited)
      if (appended.backlog !== seen.backlog || seen.rewrite) {
        // Where there is no file, whoever makes one just now shall find ours, and write there.
        kept ??= await claimFile(this.#options.path)
        if (!kept) return await this.#settle(drafts, patient)
        await this.#write({ ...snapshot, handle: kept }, seen, appended.backlog)
        kept = undefined // with the old inodes now
      } else if (snapshot.signature !== this.#signature) {
        await this.#adopt(snapshot, seen.backlog)
      }
      return appended
    } finally {
      await kept?.close()
    }
  }

  /** What a snapshot says, or undefined while it is an edit that is still being written. */
  async #see(snapshot: Snapshot, patient: boolean): Promise<Seen | undefined> {
    this.#recall(snapshot)
    const known = this.#known
    if (known && !this.#unquiet && snapshot.signature === this.#signature) return unchanged(known)
    const edited = await this.#lock.readEdited()
    if (!known && !this.#letGo && !snapshot.handle) return unchanged({ ...EMPTY, timestamp: Math.max(EMPTY.timestamp, edited), edited })

    const end = snapshot.bytes.lastIndexOf('\n') + 1
    const waits = end < snapshot.bytes.length && !this.#isQuiet(snapshot)
    const found = this.#found(snapshot, waits ? end : snapshot.bytes.length, edited)
    // A line that is still being written explains an mtime that no message has.
    const taken = this.#takeIn(known, waits && known ? { ...found, mtime: known.timestamp } : found)
    const isFirst = known === undefined && this.#letGo === undefined
    const early = taken.edit && patient && !isFirst && !this.#isQuiet(snapshot)
    if (waits || early) this.#lookAgainSoon()
    else this.#unquiet = undefined
    if (early) return undefined
    return {
      ...taken,
      rewrite: taken.rewrite && snapshot.handle !== undefined,
      tail: snapshot.bytes.subarray(waits ? end : snapshot.bytes.length),
    }
  }

  #takeIn(known: Backlog | undefined, found: Found): TakenIn {
    const { limits } = this.#options
    const taken = takeIn(known, found, limits, Date.now())
    const last = this.#letGo?.backlog.timestamp ?? 0
    // What was known is let go, and the file does not begin with it: whatever it says, the room's timestamp rises.
    const isBehind = !known && (taken.backlog.timestamp < last || (taken.edit && taken.backlog.timestamp === last))
    return isBehind ? takeIn(known, { ...found, edited: Math.max(found.edited, last) }, limits, Date.now()) : taken
  }

  /** Knows again what was let go, if the file still begins with it. */
  #recall({ bytes }: Snapshot): void {
    if (!this.#letGo || this.#known) return
    const { backlog, digest, bytes: before } = this.#letGo
    if (!beginsWith(bytes, digest)) return
    const lines = this.#linesIn(bytes.toString('utf8', 0, digest.length))
    const messages = lines.flatMap(({ saying, stamp }) => (stamp ? [placed(saying, stamp)] : []))
    if (messages.length < lines.length || (messages.at(-1)?.timestamp ?? 0) > backlog.timestamp) return
    this.#known = { ...backlog, messages }
    this.#bytes = before.deref() ?? Buffer.from(bytes.subarray(0, digest.length))
    this.#letGo = undefined
  }

  #found({ bytes, cut, mtime }: Snapshot, end: number, edited: Timestamp): Found {
    const text = bytes.toString('utf8', 0, end)
    const lines = this.#linesIn(text)
    return {
      lines,
      clean: !cut && text === lines.map((line) => `${line.text}\n`).join(''),
      legible: !cut && isUtf8(bytes.subarray(0, end)),
      mtime,
      edited,
    }
  }

  #linesIn(text: string): FoundLine[] {
    return text
      .replace(BOM, '')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .map((line) => readLine(line, this.#options.limits.maxMessage))
  }

  /** Whether the file has stayed in one state for a moment. */
  #isQuiet({ signature, mtime }: Snapshot): boolean {
    if (!this.#known && Date.now() - mtime > this.#options.times.quiet) return true
    if (this.#unquiet?.signature !== signature) this.#unquiet = { signature, seen: performance.now() }
    return performance.now() - this.#unquiet.seen >= this.#options.times.quiet
  }

  async #snapshot(): Promise<Snapshot> {
    const handle = await openFile(this.#options.path)
    if (!handle) return { handle, signature: MISSING, mtime: 0, bytes: Buffer.alloc(0), cut: false }
    try {
      const { signature, size, mtime, isFile } = await stateOf(handle)
      if (!isFile) throw new Error(`${basename(this.#options.path)} is not a file`)
      if (signature === this.#signature && !this.#letGo) return { handle, signature, mtime, bytes: this.#bytes, cut: false }
      const from = Math.max(0, size - this.#options.limits.maxFile)
      const bytes = await readExactly(handle, from, size - from)
      return { handle, signature, mtime, bytes: from === 0 ? bytes : bytes.subarray(bytes.indexOf('\n') + 1), cut: from > 0 }
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Replaces the file by what the backlog says, and keeps an eye on the inode that it replaces. Takes over the snapshot's handle. */
  async #write({ handle, signature, bytes: before }: Snapshot, { tail, loses }: Seen, backlog: Backlog): Promise<void> {
    const { path, aside, warn } = this.#options
    if (loses) {
      const copy = await keepAside(aside, `${this.#name}-${backlog.timestamp}`, path)
      warn('not all of a room could stay in its file: it was kept as it was found', { room: this.#name, copy })
    }
    const bytes = Buffer.concat([Buffer.from(backlog.messages.map((message) => `${lineOf(message)}\n`).join('')), tail])
    this.#signature = await this.#replace(bytes, backlog.timestamp)
    this.#bytes = bytes
    this.#known = backlog
    this.#letGo = undefined
    if (!handle) return
    this.#old.add(handle, signature, before)
    this.#carrySoon()
    await this.#carryOver(() => this.#old.lookAtNewest())
  }

  /** Carries late lines over. What fails is tried again soon: the commit before it is made, whatever comes of them. */
  async #carryOver(look: () => Promise<boolean>): Promise<void> {
    try {
      if (await look()) this.#options.lookAgain()
    } catch (error) {
      this.#options.warn('could not look for late lines', { room: this.#name, error })
    }
  }

  /** Replaces the file. On a full disk what we hold ourselves goes first. */
  async #replace(bytes: Buffer, mtime: Timestamp): Promise<Signature> {
    try {
      return await replaceFile(this.#options.path, bytes, mtime)
    } catch (error) {
      if (!isOutOfSpace(error) || this.#old.isEmpty) throw error
      if (await this.#old.close()) this.#options.lookAgain()
      return replaceFile(this.#options.path, bytes, mtime)
    }
  }

  /** Takes the file as it stands. It is made to last first: no poll shows what a power cut could take back (PROTOCOL.md, What holds, 4). */
  async #adopt({ handle, signature, bytes }: Snapshot, backlog: Backlog): Promise<void> {
    await handle?.sync()
    if (handle || this.#known) await syncDirectory(dirname(this.#options.path))
    this.#signature = signature
    this.#bytes = bytes
    this.#known = backlog
    this.#letGo = undefined
  }

  async #signatureNow(): Promise<Signature> {
    const stats = await stat(this.#options.path, { bigint: true }).catch(unlessMissing)
    return stats ? signatureOf(stats) : MISSING
  }

  #beginEmpty(): Backlog {
    this.#signature = MISSING
    this.#known = EMPTY
    return this.#known
  }

  /** Whether there is a file, or was one. */
  async #everWas(): Promise<boolean> {
    return (await this.#signatureNow()) !== MISSING || this.#lock.exists()
  }

  get #name(): string {
    return basename(this.#options.path, '.jsonl')
  }

  async #rescue(bytes: Buffer): Promise<void> {
    const copy = await keepAside(this.#options.aside, `${this.#name}-${Date.now()}`, bytes)
    this.#options.warn('a room was written over while a post replaced its file: what was written is kept aside', { room: this.#name, copy })
  }

  #lookAgainSoon(): void {
    if (this.#isClosed) return
    // A timer may fire a moment early, and the file would have to be quiet for as long again.
    this.#lookTimer ??= setTimeout(() => {
      this.#lookTimer = undefined
      this.#options.lookAgain()
    }, this.#options.times.quiet + 5)
  }

  #carrySoon(): void {
    if (this.#isClosed) return
    this.#carryTimer ??= setTimeout(() => {
      this.#carryTimer = undefined
      void this.#inTurn(async () => {
        if (this.#isClosed) return // its end comes first, or has looked already
        await this.#carryOver(() => this.#lock.hold(() => this.#old.look()))
        if (!this.#old.isEmpty) this.#carrySoon()
      })
    }, this.#options.times.carry)
  }
}

function unchanged(backlog: Backlog): Seen {
  return { backlog, rewrite: false, loses: false, edit: false, tail: Buffer.alloc(0) }
}
