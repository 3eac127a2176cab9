/** A place for the files of one test. Knows no server: whoever needs no more than this starts faster without one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A fresh directory that goes when the test ends. */
export async function freshDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'roomfile-test-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}
