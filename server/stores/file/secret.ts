/**
 * A random key that lives as long as the directory, the same for all processes on it: what is signed with it is still valid after a
 * restart.
 * Knows a file; knows nothing of what is signed.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { unlessMissing } from './durable.ts'
import { RoomLock } from './room-lock.ts'

export const KEY_BYTES = 32

/** The name has a dot, which no room's name has: so no room has its lock there. */
const FILE = 'secret.key'

/**
 * Returns the key. The first call makes it.
 * @param folder where the key is kept, beside the locks of rooms
 * @param timeoutMs milliseconds that another process may take to make it
 * @throws the system's error, or RoomfileError `room_busy`
 */
export async function secretIn(folder: string, timeoutMs: number): Promise<Buffer> {
  const path = join(folder, FILE)
  const kept = await keyAt(path)
  if (kept) return kept
  const lock = new RoomLock(() => `${path}.lock`, timeoutMs)
  try {
    return await lock.hold(async () => {
      const others = await keyAt(path)
      if (others) return others
      const key = randomBytes(KEY_BYTES)
      await writeFileAtomic(path, `${key.toString('hex')}\n`, { mode: 0o600 })
      return key
    })
  } finally {
    lock.close()
  }
}

async function keyAt(path: string): Promise<Buffer | undefined> {
  const text = await readFile(path, 'latin1').catch(unlessMissing)
  const key = Buffer.from(text ?? '', 'hex')
  return key.length === KEY_BYTES ? key : undefined
}
