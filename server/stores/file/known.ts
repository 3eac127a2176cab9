/**
 * The version of a room's file that is known: what the room held then, its bytes, and that version itself, open. What it held may be let go:
 * then enough is kept to know it again. And the lines that left the room before it, as far as they are remembered.
 * Knows one version; which one comes next is decided in committer.ts.
 */
import { hash } from 'node:crypto'
import { fstatSync } from 'node:fs'
import { EMPTY, type Backlog, type Limits } from '../../room/backlog.ts'
import { BUDGETS } from '../../budgets.ts'
import { lineOf, placed } from '../../room/message.ts'
import type { Found } from '../../room/take-in.ts'
import { disk } from './disk.ts'
import { beginsWith, closeFile, digestOf, type Descriptor, type Digest, type Signature } from './durable.ts'
import { linesIn, MISSING, type KnownVersion } from './snapshot.ts'

/** What stays of a version that is let go. */
interface LetGo {
  readonly backlog: Omit<Backlog, 'messages'>
  readonly digest: Digest
  /** Where an answer is still being sent, the bytes are there. */
  readonly bytes: WeakRef<Buffer>
}

const NO_BYTES = Buffer.alloc(0)

export class Known {
  #backlog: Backlog | undefined
  /** In place of the backlog and its bytes, when they were let go. */
  #letGo: LetGo | undefined
  #bytes: Buffer = NO_BYTES
  #signature: Signature | undefined
  #fd: Descriptor | undefined
  readonly dropped = new Dropped()

  /** What the room holds; undefined at first, and when it was let go. */
  get backlog(): Backlog | undefined {
    return this.#backlog
  }

  /** Where the room stands, also when what it holds was let go. */
  get standing(): Omit<Backlog, 'messages'> | undefined {
    return this.#backlog ?? this.#letGo?.backlog
  }

  get isLetGo(): boolean {
    return this.#letGo !== undefined
  }

  /** The state in which the file is that version; undefined when it was changed at once. */
  get signature(): Signature | undefined {
    return this.#signature
  }

  /** Empty when they were let go. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** The same, also when they were let go and somebody still has them. */
  get bytesAnywhere(): Buffer | undefined {
    return this.#letGo ? this.#letGo.bytes.deref() : this.#bytes
  }

  get fd(): Descriptor | undefined {
    return this.#fd
  }

  /** What need not be read again. */
  get version(): KnownVersion | undefined {
    return this.#letGo ? undefined : { fd: this.#fd, signature: this.#signature, bytes: this.#bytes }
  }

  /** How many bytes have to be read to know again what was let go. */
  get unread(): number {
    return this.#letGo?.digest.length ?? 0
  }

  /** Nobody ever wrote to the room. */
  beginEmpty(): Backlog {
    this.#signature = MISSING
    this.#backlog = EMPTY
    return EMPTY
  }

  /** Knows another version from now on. Its open file is handed in by `hold`. */
  become(backlog: Backlog, bytes: Buffer, signature: Signature | undefined): void {
    this.#backlog = backlog
    this.#bytes = bytes
    this.#signature = signature
    this.#letGo = undefined
  }

  /** Takes over the open file of the version. */
  hold(fd: Descriptor | undefined): void {
    this.#fd = fd
  }

  /** Gives the open file up to whoever asks. */
  giveUp(): Descriptor | undefined {
    const fd = this.#fd
    this.#fd = undefined
    return fd
  }

  async close(): Promise<void> {
    const fd = this.giveUp()
    if (fd !== undefined) await closeFile(fd)
  }

  /** Lets go of what the room holds, which is in the file. */
  letGo(): void {
    if (!this.#backlog || this.#signature === MISSING) return
    const { timestamp, edited, dropped } = this.#backlog
    this.#letGo = { backlog: { timestamp, edited, dropped }, digest: digestOf(this.#bytes), bytes: new WeakRef(this.#bytes) }
    this.#backlog = undefined
    this.#bytes = NO_BYTES
    this.dropped.forget()
  }

  /** Knows again what was let go, if the file still begins with it, or the version is still there that did. @param now what the file says */
  async recall(now: Buffer, limits: Limits): Promise<void> {
    if (!this.#letGo) return
    const { backlog, digest, bytes: before } = this.#letGo
    const bytes = before.deref() ?? (beginsWith(now, digest) ? Buffer.from(now.subarray(0, digest.length)) : await this.#read(digest))
    if (!bytes || !beginsWith(bytes, digest)) return
    const lines = linesIn(bytes.toString('utf8', 0, digest.length), limits)
    const messages = lines.flatMap(({ saying, stamp }) => (stamp ? [placed(saying, stamp)] : []))
    if (messages.length < lines.length || (messages.at(-1)?.timestamp ?? 0) > backlog.timestamp) return
    this.#backlog = { ...backlog, messages }
    this.#bytes = bytes
    this.#letGo = undefined
  }

  async #read({ length }: Digest): Promise<Buffer | undefined> {
    if (this.#fd === undefined) return undefined
    return disk.readExactly(this.#fd, 0, Math.min(fstatSync(this.#fd).size, length))
  }
}

/**
 * The lines that left a full room last, as far as they are remembered. A copy of the room from before still has them: they are not taken
 * for something that its author wrote.
 */
class Dropped {
  /** Their hashes, oldest first. */
  readonly #lines = new Set<string>()

  /** Remembers what a commit left out at the beginning of a room. */
  note(before: Backlog | undefined, after: Backlog): void {
    const [first] = after.messages
    if (!before || !first || before.messages[0] === first) return
    for (const message of before.messages) {
      if (message.id === first.id) break
      this.#lines.add(hashOf(lineOf(message)))
    }
    for (const line of this.#lines) {
      if (this.#lines.size <= BUDGETS.droppedLines) break
      this.#lines.delete(line)
    }
  }

  /** What a file says besides. */
  without(found: Found): Found {
    if (this.#lines.size === 0) return found
    const lines = found.lines.filter(({ text }) => !this.#lines.has(hashOf(text)))
    return lines.length === found.lines.length ? found : { ...found, lines, clean: false }
  }

  forget(): void {
    this.#lines.clear()
  }
}

function hashOf(text: string): string {
  return hash('sha1', text, 'base64')
}
