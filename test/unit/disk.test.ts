/** The workers that make runs of system calls: one that ends is an error of those who waited for it, and of nobody else. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import ava from 'ava'
import { disk } from '../../server/stores/file/disk.ts'
import { closeFile } from '../../server/stores/file/durable.ts'
import { freshDirectory } from '../helpers/serve.ts'

ava.serial('a worker ends while somebody waits for it: they are told, and who asks next has another one', async (t) => {
  const path = join(await freshDirectory(t), 'file')
  await writeFile(path, 'what it says')
  const started = once(process, 'worker') as Promise<[Worker]>
  const read = async (): Promise<string> => {
    const version = await disk.readVersion(path, undefined, 100)
    if (version) await closeFile(version.fd)
    return String(version?.bytes)
  }
  t.is(await read(), 'what it says')
  const [worker] = await started
  const ended = worker.terminate()
  const lost = [read(), read()] // it does nothing any more, and that is not known yet: the second one has a new worker
  await ended
  const [first, second] = await Promise.allSettled(lost)
  t.like(first, { status: 'rejected' })
  t.like(second, { status: 'fulfilled', value: 'what it says' })
  t.is(await read(), 'what it says')
})

ava.serial('what a run throws has the code of the system', async (t) => {
  const directory = await freshDirectory(t)
  await t.throwsAsync(disk.makeLast(undefined, join(directory, 'missing')), { code: 'ENOENT' })
})
