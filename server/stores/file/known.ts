/**
 * The known version of a room's file: its messages, its bytes, and a descriptor that is open on it. When messages and bytes are let go, a
 * digest stays, by which they can be loaded again. Also remembers lines that a full room dropped.
 * Knows one version; committer.ts decides which one is next.
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

/** What stays in memory of a version that was let go. */
interface LetGo {
  readonly backlog: Omit<Backlog, 'messages'>
  readonly digest: Digest
  /** The bytes are still there while an answer with them is being sent. */
  readonly bytes: WeakRef<Buffer>
}

const NO_BYTES = Buffer.alloc(0)

export class Known {
  #backlog: Backlog | undefined
  /** Set in place of the backlog and its bytes when they were let go. */
  #letGo: LetGo | undefined
  #bytes: Buffer = NO_BYTES
  #signature: Signature | undefined
  #fd: Descriptor | undefined
  readonly dropped = new Dropped()

  /** What the room holds; undefined before the first look, and after it was let go. */
  get backlog(): Backlog | undefined {
    return this.#backlog
  }

  /** The room's timestamps, which stay known when its messages are let go. */
  get standing(): Omit<Backlog, 'messages'> | undefined {
    return this.#backlog ?? this.#letGo?.backlog
  }

  get isLetGo(): boolean {
    return this.#letGo !== undefined
  }

  /** The file's signature while it has this version; undefined if the file was changed right after the commit. */
  get signature(): Signature | undefined {
    return this.#signature
  }

  /** Empty after they were let go. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** The bytes, also after they were let go, if an answer still has them. */
  get bytesAnywhere(): Buffer | undefined {
    return this.#letGo ? this.#letGo.bytes.deref() : this.#bytes
  }

  get fd(): Descriptor | undefined {
    return this.#fd
  }

  /** The version that need not be read again. */
  get version(): KnownVersion | undefined {
    return this.#letGo ? undefined : { fd: this.#fd, signature: this.#signature, bytes: this.#bytes }
  }

  /** How many bytes `recall` may have to read; 0 if nothing was let go. */
  get unread(): number {
    return this.#letGo?.digest.length ?? 0
  }

  /** Nobody has written to the room yet. */
  beginEmpty(): Backlog {
    this.#signature = MISSING
    this.#backlog = EMPTY
    return EMPTY
  }

  /** Makes another version the known one. Its descriptor is set by `hold`. */
  become(backlog: Backlog, bytes: Buffer, signature: Signature | undefined): void {
    this.#backlog = backlog
    this.#bytes = bytes
    this.#signature = signature
    this.#letGo = undefined
  }

  /** Takes over the descriptor of the known version. */
  hold(fd: Descriptor | undefined): void {
    this.#fd = fd
  }

  /** Hands the descriptor over to the caller, who closes it. */
  giveUp(): Descriptor | undefined {
    const fd = this.#fd
    this.#fd = undefined
    return fd
  }

  async close(): Promise<void> {
    const fd = this.giveUp()
    if (fd !== undefined) await closeFile(fd)
  }

  /** Removes the messages and bytes from memory. They can be read again from the file. */
  letGo(): void {
    if (!this.#backlog || this.#signature === MISSING) return
    const { timestamp, edited, dropped } = this.#backlog
    this.#letGo = { backlog: { timestamp, edited, dropped }, digest: digestOf(this.#bytes), bytes: new WeakRef(this.#bytes) }
    this.#backlog = undefined
    this.#bytes = NO_BYTES
    this.dropped.forget()
  }

  /**
   * Loads again what was let go: from an answer that still has the bytes, from the file if it still begins with them, or from the open
   * descriptor. If none of them has the same bytes, nothing is loaded.
   * @param now the bytes of the file now
   */
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
 * The lines that a full room dropped last, as many as the budget allows. If somebody saves an older copy of the room, these lines are in
 * it: they must not be taken for new lines.
 */
class Dropped {
  /** Their hashes, oldest first. */
  readonly #lines = new Set<string>()

  /** Remembers the lines that a commit dropped from the beginning of a room. */
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

  /** What a file says, without the lines that are remembered here. */
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
