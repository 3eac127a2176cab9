/**
 * A room's file at one moment: which version it is, and what its lines say.
 * Knows how a file is read; take-in.ts decides what the lines mean.
 */
import { isUtf8 } from 'node:buffer'
import { statSync } from 'node:fs'
import type { Limits } from '../../room/backlog.ts'
import { NO_FILE, type Found } from '../../room/take-in.ts'
import { readLine, type FoundLine, type Timestamp } from '../../room/message.ts'
import { disk } from './disk.ts'
import { signatureOf, timestampOf, type Descriptor, type FileStats, type Signature } from './durable.ts'
import type { Place } from './place.ts'

export const MISSING: Signature = 'missing'

const NEWLINE = 0x0a

const BOM = /^\ufeff/

export interface Snapshot {
  readonly place: Place
  /** Open on this version. Lines that are added after another version took its name can be read by it. Undefined when there is no file. */
  readonly fd: Descriptor | undefined
  readonly stats: FileStats | undefined
  readonly signature: Signature
  readonly mtime: Timestamp
  readonly bytes: Buffer
  /** The position of `bytes` in the file. If a file is larger than `maxFile`, only its last part is read. */
  readonly from: number
}

/** A version whose bytes are in memory, and which may be open. */
export interface KnownVersion {
  readonly fd: Descriptor | undefined
  readonly signature: Signature | undefined
  readonly bytes: Buffer
}

/** @param known if the file still has this version, it is not read again; and not opened again, if it is open */
export async function snapshotOf(place: Place, known: KnownVersion | undefined, { maxFile }: Limits): Promise<Snapshot> {
  if (known?.fd !== undefined) {
    // A stat on this thread costs less than a message to a worker.
    const there = statSync(place.file, { bigint: true, throwIfNoEntry: false })
    if (there && signatureOf(there) === known.signature) return asSnapshot(place, known.fd, there, known.bytes)
  }
  const read = await disk.readVersion(place.file, known?.signature, maxFile)
  if (!read) return { place, fd: undefined, stats: undefined, signature: MISSING, mtime: NO_FILE, bytes: Buffer.alloc(0), from: 0 }
  const { fd, stats, bytes, from } = read
  return asSnapshot(place, fd, stats, bytes ?? known?.bytes ?? Buffer.alloc(0), from)
}

function asSnapshot(place: Place, fd: Descriptor, stats: FileStats, bytes: Buffer, from = 0): Snapshot {
  return { place, fd, stats, signature: signatureOf(stats), mtime: timestampOf(stats.mtimeNs), bytes, from }
}

/**
 * A file up to the last line that a commit wrote, without the lines that others added after it. No whole file has the signature of such a
 * part.
 */
export function committedPart(snapshot: Snapshot, { maxMessage }: Limits): Snapshot {
  const { bytes, signature } = snapshot
  for (let end = bytes.lastIndexOf(NEWLINE) + 1; end > 0;) {
    const start = bytes.subarray(0, end - 1).lastIndexOf(NEWLINE) + 1
    const { stamp } = readLine(bytes.toString('utf8', start, end - 1), maxMessage)
    if (!stamp) end = start
    else if (end === bytes.length) break
    else return { ...snapshot, bytes: bytes.subarray(0, end), mtime: stamp.timestamp, signature: `${signature}:${end}` }
  }
  return snapshot
}

/** What a snapshot says up to byte `end`. @param noted what is recorded about the room */
export function foundIn(
  { bytes, from, mtime }: Snapshot,
  end: number,
  { edited, standing }: Pick<Found, 'edited' | 'standing'>,
  limits: Limits,
): Found {
  const text = bytes.toString('utf8', 0, end)
  const lines = linesIn(text, limits)
  return {
    lines,
    clean: from === 0 && text === lines.map((line) => `${line.text}\n`).join(''),
    legible: from === 0 && isUtf8(bytes.subarray(0, end)),
    mtime,
    edited,
    standing,
  }
}

export function linesIn(text: string, { maxMessage }: Limits): FoundLine[] {
  return text
    .replace(BOM, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => readLine(line, maxMessage))
}
