/**
 * Inodes that a commit has just replaced. A shell that opened the file a moment before the rename still writes to the old one: what comes
 * there is carried over into the file that bears the name now (PROTOCOL.md, What holds, 5). Watched for some seconds, then looked at a last time and let go.
 */
import { fstatSync } from 'node:fs'
import { appendFile, type FileHandle } from 'node:fs/promises'
import { beginsWith, digestOf, readExactly, signatureOf, type Digest, type Signature } from './durable.ts'

/**
 * How many of a room are watched at most, the newest ones: each is an open file. It is enough for 40 commits a second; at 400, more than
 * any machine makes that is busy with something else, they are watched for a third of a second. More would slow down every commit.
 */
const MOST = 128

/** What they may hold together, still on the disk; so many are watched in any case. In memory they hold next to nothing. */
const MOST_BYTES = 64 * 1024 * 1024
const LEAST = 32

interface OldInode {
  readonly handle: FileHandle
  readonly until: number
  signature: Signature
  /** What it held when it was last looked at. */
  held: Digest
}

export interface OldInodesOptions {
  /** The file that took their name. */
  readonly path: string
  /** Milliseconds that an inode is watched. */
  readonly grace: number
  /** Writes down bytes that cannot be carried over, and says where. */
  readonly rescue: (bytes: Buffer) => Promise<void>
}

export class OldInodes {
  readonly #options: OldInodesOptions
  /** Oldest first. */
  readonly #inodes: OldInode[] = []

  constructor(options: OldInodesOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#inodes.length === 0
  }

  /** Takes over the open handle of a file that has just been replaced, which held `bytes`. */
  add(handle: FileHandle, signature: Signature, bytes: Buffer): void {
    this.#inodes.push({ handle, signature, held: digestOf(bytes), until: performance.now() + this.#options.grace })
  }

  /** Looks at the one that was added last, and makes room for the next. Returns whether anything was carried over. */
  async lookAtNewest(): Promise<boolean> {
    const carried = await this.#carry(this.#inodes.at(-1) as OldInode)
    const made = await this.#letGoWhile(() => this.#isFull)
    return carried || made
  }

  /** Looks at all of them, and lets go of those whose time is over. Returns whether anything was carried over. */
  async look(): Promise<boolean> {
    const now = performance.now()
    let carried = await this.#letGoWhile(({ until }) => until < now)
    for (const inode of this.#inodes) carried = (await this.#carry(inode)) || carried
    return carried
  }

  /** Looks at all of them a last time and lets them go: until then they take up room on the disk. Returns whether anything was carried over. */
  close(): Promise<boolean> {
    return this.#letGoWhile(() => true)
  }

  get #isFull(): boolean {
    const held = this.#inodes.reduce((sum, inode) => sum + inode.held.length, 0)
    return this.#inodes.length > (held > MOST_BYTES ? LEAST : MOST)
  }

  /** Lets go of the oldest as long as it is so, each after a last look. Returns whether anything was carried over. */
  async #letGoWhile(isSo: (oldest: OldInode) => boolean): Promise<boolean> {
    let carried = false
    const closed: Promise<void>[] = []
    for (let [oldest] = this.#inodes; oldest && isSo(oldest); [oldest] = this.#inodes) {
      carried = (await this.#carry(oldest)) || carried
      this.#inodes.shift()
      closed.push(oldest.handle.close())
    }
    await Promise.all(closed)
    return carried
  }

  async #carry(inode: OldInode): Promise<boolean> {
    // There may be many: a call into the kernel that never waits costs less than a turn of the thread pool.
    const stats = fstatSync(inode.handle.fd, { bigint: true })
    const signature = signatureOf(stats)
    if (signature === inode.signature) return false
    const bytes = await readExactly(inode.handle, 0, Number(stats.size))
    const appended = beginsWith(bytes, inode.held)
    const more = bytes.subarray(inode.held.length)
    if (!appended) await this.#options.rescue(bytes)
    else if (more.length > 0) await appendFile(this.#options.path, more)
    inode.signature = signature
    inode.held = digestOf(bytes)
    return appended && more.length > 0
  }
}
