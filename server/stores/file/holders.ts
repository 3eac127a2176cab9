/**
 * Which files other programs have open for writing: a program that keeps a room's file open goes on writing to it when another file has taken
 * its name. Linux tells it of the programs of the server's own user, and of all to root; elsewhere nobody can say.
 */
import { readdirSync, readFileSync, readlinkSync, statSync, type BigIntStats } from 'node:fs'
import { getuid, pid, platform } from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import { BUDGETS } from '../../budgets.ts'
import { sharing } from '../../sharing.ts'

const PROC = '/proc'

/** What the kernel adds to the path of a file that has no name any more. */
const UNNAMED = / \(deleted\)$/

/** In the flags of an open file: `O_WRONLY` or `O_RDWR`, and `O_APPEND`, with which nothing can be written but at the end. */
const WRITES = 0o3
const APPENDS = 0o2000

/** One file, whatever its name. */
export type FileKey = string

export function fileKeyOf({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): FileKey {
  return `${dev}:${ino}`
}

/** A look may take one part in so many of the time, if it can wait; or in so few, where somebody who made an edit waits for it. */
const REST = 50
const SHORT_REST = 5

/** Descriptors that are looked at in a row. */
const IN_A_ROW = 200

/** A file that is asked for, and the descriptor by which it is open here: that one does not count. */
export interface Held {
  readonly key: FileKey
  readonly fd: number
}

/** How a file is open for writing: by programs that can only add to it, or by one that can write over it. */
type Use = 'added to' | 'written over'

export class Holders {
  #wanted: Held[] = []
  #held: ReadonlyMap<FileKey, Use> = new Map()
  /** When the last look ended (monotonic), and how long it took. */
  #last = { end: -Infinity, took: 0 }

  /** Whether the last look was long enough ago for another one, for whoever can wait. */
  get isRested(): boolean {
    return this.#hasRested(REST)
  }

  /** The same, where somebody waits. */
  get isRestedForEdit(): boolean {
    return this.#hasRested(SHORT_REST)
  }

  #hasRested(rest: number): boolean {
    return performance.now() >= this.#last.end + rest * this.#last.took
  }

  /** Whether all who write to such a file can be seen: they are the server's own, or it is root. A file's writer is its owner, in most cases. */
  sees({ uid }: Pick<BigIntStats, 'uid'>): boolean {
    const own = getuid?.()
    return platform === 'linux' && (own === 0 || BigInt(own ?? -1) === uid)
  }

  /** Those of these files that are open for writing. One look for all who ask before it begins. */
  async heldAmong(files: readonly Held[]): Promise<ReadonlySet<FileKey>> {
    if (files.length === 0) return new Set()
    this.#wanted.push(...files)
    await this.#look()
    return new Set(this.#held.keys())
  }

  /** Whether a program has this file open that can write over what is in it. */
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
    if (looked > BUDGETS.descriptors) return new Map(files.map(({ key }) => [key, 'added to'])) // nobody can say in time: better one too many
    for (const [i, descriptor] of descriptors.entries()) {
      if (i % IN_A_ROW === 0) await turn() // posts come between
      const key = keyAt(process, descriptor, paths)
      const use = key !== undefined && wanted.has(key) ? useOf(process, descriptor) : undefined
      if (key !== undefined && use && held.get(key) !== 'written over') held.set(key, use)
    }
  }
  return held
}

/** The names in a directory that may be gone, or not to be read by us. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/**
 * The file that a descriptor stands for. Its path is asked first: to ask for the file itself may take for ever on a disk that is away, and only
 * one without a name, below a directory of versions, or at one of these paths can be of those that are looked for.
 */
function keyAt(process: string, descriptor: string, paths: ReadonlySet<string | undefined>): FileKey | undefined {
  const path = pathAt(process, descriptor)
  if (path === undefined || !(UNNAMED.test(path) || path.includes('/.roomfile/') || paths.has(path))) return undefined
  try {
    return fileKeyOf(statSync(`${PROC}/${process}/fd/${descriptor}`, { bigint: true }))
  } catch {
    return undefined // closed meanwhile
  }
}

/** The path of an open file, as the kernel tells it; undefined where it is closed meanwhile, or not ours to see. */
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
