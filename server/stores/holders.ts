/**
 * Which files other programs have open for writing: a program that keeps a room's file open goes on writing to it when another file has taken
 * its name. Linux tells it of the programs of the server's own user, and of all to root; elsewhere nobody can say.
 */
import { readdirSync, readFileSync, readlinkSync, statSync, type BigIntStats } from 'node:fs'
import { pid } from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import { BUDGETS } from '../budgets.ts'
import { sharing } from '../sharing.ts'

const PROC = '/proc'

/** What the kernel adds to the path of a file that has no name any more. */
const UNNAMED = / \(deleted\)$/

/** `O_WRONLY` or `O_RDWR`, in the flags of an open file. */
const WRITES = 0o3

/** One file, whatever its name. */
export type FileKey = string

export function fileKeyOf({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): FileKey {
  return `${dev}:${ino}`
}

/** A look may take one part in so many of the time, if it can wait. */
const REST = 50

/** Descriptors that are looked at in a row. */
const IN_A_ROW = 200

/** A file that is asked for, and the descriptor by which it is open here: that one does not count. */
export interface Held {
  readonly key: FileKey
  readonly fd: number
}

export class Holders {
  #wanted: Held[] = []
  #held: ReadonlySet<FileKey> = new Set()
  /** When the next look costs little, all in all (monotonic). */
  #restedAt = -Infinity

  /** Whether the last look was long enough ago for another one, for whoever can wait. */
  get isRested(): boolean {
    return performance.now() >= this.#restedAt
  }

  /** Those of these files that are open for writing. One look for all who ask before it begins. */
  async heldAmong(files: readonly Held[]): Promise<ReadonlySet<FileKey>> {
    if (files.length === 0) return new Set()
    this.#wanted.push(...files)
    await this.#look()
    return this.#held
  }

  readonly #look = sharing(async () => {
    const wanted = this.#wanted
    this.#wanted = []
    const began = performance.now()
    this.#held = await heldAmong(wanted)
    const end = performance.now()
    this.#restedAt = end + REST * (end - began)
  })
}

async function heldAmong(files: readonly Held[]): Promise<ReadonlySet<FileKey>> {
  const wanted = new Set(files.map(({ key }) => key))
  const ours = new Set(files.map(({ fd }) => String(fd)))
  const held = new Set<FileKey>()
  let looked = 0
  for (const process of namesIn(PROC)) {
    if (!/^\d+$/.test(process)) continue
    const isSelf = process === String(pid)
    const descriptors = namesIn(`${PROC}/${process}/fd`).filter((descriptor) => !(isSelf && ours.has(descriptor)))
    looked += descriptors.length
    if (looked > BUDGETS.descriptors) return wanted // nobody can say in time: better one too many
    for (const [i, descriptor] of descriptors.entries()) {
      if (i % IN_A_ROW === 0) await turn() // posts come between
      const key = keyAt(process, descriptor)
      if (key !== undefined && wanted.has(key) && writes(process, descriptor)) held.add(key)
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
 * one without a name, or below a directory of versions, can be of those that are looked for.
 */
function keyAt(process: string, descriptor: string): FileKey | undefined {
  const path = `${PROC}/${process}/fd/${descriptor}`
  try {
    const target = readlinkSync(path)
    if (!UNNAMED.test(target) && !target.includes('/.roomfile/')) return undefined
    return fileKeyOf(statSync(path, { bigint: true }))
  } catch {
    return undefined // closed meanwhile, or not ours to see
  }
}

function writes(process: string, descriptor: string): boolean {
  try {
    const [, flags = '0'] = /^flags:\s*(\d+)/m.exec(readFileSync(`${PROC}/${process}/fdinfo/${descriptor}`, 'latin1')) ?? []
    return (Number.parseInt(flags, 8) & WRITES) !== 0
  } catch {
    return false
  }
}
