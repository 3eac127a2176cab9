/**
 * Inodes that a commit has just replaced. A shell that opened the file a moment before the rename still writes to the old one: what comes
 * there is carried over into the file that bears the name now (rule 6). Watched for a second, then let go.
 */
import { appendFile, type FileHandle } from 'node:fs/promises'
import { readExactly, stateOf, type Signature } from './durable.ts'

/** How long an `echo >>` may take from opening the file to writing its line. */
const GRACE_MS = 1000

/** How many are watched at most: each is an open file. The oldest goes first. */
const MOST = 32

interface OldInode {
  readonly handle: FileHandle
  readonly until: number
  signature: Signature
  /** What it held when it was last looked at. */
  bytes: Buffer
}

export interface OldInodesOptions {
  /** The file that took their name. */
  readonly path: string
  /** Writes down bytes that cannot be carried over, and says where. */
  readonly rescue: (bytes: Buffer) => Promise<void>
}

export class OldInodes {
  readonly #options: OldInodesOptions
  #inodes: OldInode[] = []

  constructor(options: OldInodesOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#inodes.length === 0
  }

  /** Takes over the open handle of a file that has just been replaced, which held `bytes`. */
  add(handle: FileHandle, signature: Signature, bytes: Buffer): void {
    this.#inodes.push({ handle, signature, bytes, until: performance.now() + GRACE_MS })
  }

  /** Looks at the one that was added last. Returns whether anything was carried over. */
  async lookAtNewest(): Promise<boolean> {
    const carried = await this.#carry(this.#inodes.at(-1) as OldInode)
    if (this.#inodes.length > MOST) await this.#letGo(this.#inodes[0] as OldInode)
    return carried
  }

  /** Looks at all of them once more, and lets go of those whose time is over. Returns whether anything was carried over. */
  async look(): Promise<boolean> {
    let carried = false
    for (const inode of this.#inodes.slice()) {
      const over = performance.now() > inode.until
      carried = (await this.#carry(inode)) || carried
      if (over) await this.#letGo(inode)
    }
    return carried
  }

  async #carry(inode: OldInode): Promise<boolean> {
    const { signature, size } = await stateOf(inode.handle)
    if (signature === inode.signature) return false
    const bytes = await readExactly(inode.handle, 0, size)
    const appended = bytes.subarray(0, inode.bytes.length).equals(inode.bytes)
    const more = bytes.subarray(inode.bytes.length)
    if (!appended) await this.#options.rescue(bytes)
    else if (more.length > 0) await appendFile(this.#options.path, more)
    inode.signature = signature
    inode.bytes = bytes
    return appended && more.length > 0
  }

  async #letGo(inode: OldInode): Promise<void> {
    this.#inodes = this.#inodes.filter((other) => other !== inode)
    await inode.handle.close()
  }

  /** Looks at all of them a last time and lets them go: until then they take up room on the disk. Returns whether anything was carried over. */
  async close(): Promise<boolean> {
    const carried = await this.look()
    for (const inode of this.#inodes.slice()) await this.#letGo(inode)
    return carried
  }
}
