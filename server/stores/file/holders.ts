/**
 * Which files other programs hold, which means: have open for writing. A program that keeps a room's file open goes on writing to it after
 * another file took its name. Linux shows the programs of the server's own user, and all programs to root. Other systems show nothing.
 */
import { readdirSync, readFileSync, readlinkSync, statSync, type BigIntStats } from 'node:fs'
import { getuid, pid, platform } from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import { BUDGETS } from '../../budgets.ts'
import { sharing } from '../../sharing.ts'

const PROC = '/proc'

/** The kernel adds this to the path of a file that has no name any more. */
const UNNAMED = / \(deleted\)$/

/** Flags of an open file: `O_WRONLY` or `O_RDWR`; and `O_APPEND`, with which a program can only write at the end. */
const WRITES = 0o3
const APPENDS = 0o2000

/** Identifies a file, whatever its name is. */
export type FileKey = string

export function fileKeyOf({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): FileKey {
  return `${dev}:${ino}`
}

/**
 * The pause after a look, as a multiple of the time that the look took: `REST` for a caller that can wait, `SHORT_REST` for an edit that
 * waits for the answer.
 */
const REST = 50
const SHORT_REST = 5

/** Descriptors that are checked without a pause for other work. */
const IN_A_ROW = 200

/** A file to check, and the descriptor by which this process has it open: that one does not count. */
export interface Held {
  readonly key: FileKey
  readonly fd: number
}

/** How a file is open for writing: only by programs that can append, or also by one that can overwrite. */
type Use = 'added to' | 'written over'

export class Holders {
  #wanted: Held[] = []
  #held: ReadonlyMap<FileKey, Use> = new Map()
  /** When the last look ended (monotonic), and how many milliseconds it took. */
  #last = { end: -Infinity, took: 0 }

  /** Whether another look may be made, for a caller that can wait. */
  get isRested(): boolean {
    return this.#hasRested(REST)
  }

  /** The same, for an edit that waits for the answer. */
  get isRestedForEdit(): boolean {
    return this.#hasRested(SHORT_REST)
  }

  #hasRested(rest: number): boolean {
    return performance.now() >= this.#last.end + rest * this.#last.took
  }

  /**
   * Whether all programs that write to such a file can be seen: the server is root or owns the file. In most cases, a file is written by
   * its owner.
   */
  sees({ uid }: Pick<BigIntStats, 'uid'>): boolean {
    const own = getuid?.()
    return platform === 'linux' && (own === 0 || BigInt(own ?? -1) === uid)
  }

  /** Those of the files that are open for writing. Calls that come before a look begins share it. */
  async heldAmong(files: readonly Held[]): Promise<ReadonlySet<FileKey>> {
    if (files.length === 0) return new Set()
    this.#wanted.push(...files)
    await this.#look()
    return new Set(this.#held.keys())
  }

  /** Whether a program that can overwrite this file has it open. */
  async mayBeWrittenOver(file: Held): Promise<boolean> {
    this.#wanted.push(file)
    await this.#look()
    return this.#held.get(file.key) === 'written over'
  }

  readonly #look = sharing(async () => {
    const wanted = this.#wanted
    this.#wanted = []
    const began = performance.now()
    this.#held = await heldAmong(wanted)
    const end = performance.now()
    this.#last = { end, took: end - began }
  })
}

async function heldAmong(files: readonly Held[]): Promise<ReadonlyMap<FileKey, Use>> {
  const wanted = new Set(files.map(({ key }) => key))
  const ours = new Set(files.map(({ fd }) => String(fd)))
  const paths = new Set(files.map(({ fd }) => pathAt('self', fd)))
  const held = new Map<FileKey, Use>()
  let looked = 0
  for (const process of namesIn(PROC)) {
    if (!/^\d+$/.test(process)) continue
    const isSelf = process === String(pid)
    const descriptors = namesIn(`${PROC}/${process}/fd`).filter((descriptor) => !(isSelf && ours.has(descriptor)))
    looked += descriptors.length
    if (looked > BUDGETS.descriptors) return new Map(files.map(({ key }) => [key, 'added to'])) // too many to check: take all as held
    for (const [i, descriptor] of descriptors.entries()) {
      if (i % IN_A_ROW === 0) await turn() // lets posts run in between
      const key = keyAt(process, descriptor, paths)
      const use = key !== undefined && wanted.has(key) ? useOf(process, descriptor) : undefined
      if (key !== undefined && use && held.get(key) !== 'written over') held.set(key, use)
    }
  }
  return held
}

/** The names in a directory; none if it does not exist any more, or may not be read. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/**
 * The file of a descriptor. Its path is checked first, because a stat can block for ever on a disk that does not answer. Only a file
 * without a name, a file below a directory of versions, or a file with one of these paths can be one that is looked for.
 */
function keyAt(process: string, descriptor: string, paths: ReadonlySet<string | undefined>): FileKey | undefined {
  const path = pathAt(process, descriptor)
  if (path === undefined || !(UNNAMED.test(path) || path.includes('/.roomfile/') || paths.has(path))) return undefined
  try {
    return fileKeyOf(statSync(`${PROC}/${process}/fd/${descriptor}`, { bigint: true }))
  } catch {
    return undefined // closed in the meantime
  }
}

/** The path of an open file; undefined if it was closed in the meantime, or if this process may not see it. */
function pathAt(process: string, descriptor: string | number): string | undefined {
  try {
    return readlinkSync(`${PROC}/${process}/fd/${descriptor}`)
  } catch {
    return undefined
  }
}

function useOf(process: string, descriptor: string): Use | undefined {
  try {
    const [, octal = '0'] = /^flags:\s*(\d+)/m.exec(readFileSync(`${PROC}/${process}/fdinfo/${descriptor}`, 'latin1')) ?? []
    const flags = Number.parseInt(octal, 8)
    if ((flags & WRITES) === 0) return undefined
    return (flags & APPENDS) === 0 ? 'written over' : 'added to'
  } catch {
    return undefined
  }
}
