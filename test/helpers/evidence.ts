/**
 * What a test that fails leaves behind, in test-results/<file> <title>/: the files of its rooms, the server's log, what each page showed.
 * Knows where that goes; a test that passes leaves nothing.
 */
import { cp, lstat, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'

const RESULTS = fileURLToPath(new URL('../../test-results/', import.meta.url))

/** The largest file that is kept, in bytes: more nobody reads, and some tests make files of gigabytes. */
const MOST_BYTES = 4 * 1024 * 1024

/** Copies a server's directory and log, should the test fail. To be called before the server starts, so that it runs after its end. */
export function keepEvidence(t: ExecutionContext, directory: string, log: readonly string[]): void {
  t.teardown(async () => {
    if (t.passed) return
    const folder = join(await folderOf(t), basename(directory))
    await cp(directory, folder, { recursive: true, filter: async (path) => (await lstat(path)).size <= MOST_BYTES })
    await writeFile(`${folder}.log`, log.map((line) => `${line}\n`).join(''))
  })
}

/** Takes a picture of a page, should the test fail. */
export async function keepPicture(t: ExecutionContext, page: Page, complaints: readonly string[]): Promise<void> {
  if (t.passed || page.isClosed()) return
  const name = join(await folderOf(t), `page-${Date.now()}`)
  await writeFile(`${name}.txt`, [page.url(), ...complaints].map((line) => `${line}\n`).join(''))
  await page.screenshot({ path: `${name}.png`, timeout: 10_000 })
}

async function folderOf(t: ExecutionContext): Promise<string> {
  const { default: ava } = await import('ava') // only then: benchmarks use these helpers without it
  const file = basename(fileURLToPath(ava.meta.file), '.test.ts')
  const folder = join(RESULTS, `${file} ${t.title}`.replaceAll(/[^\p{L}\p{N} ._-]/gu, '').slice(0, 120))
  await mkdir(folder, { recursive: true })
  t.log(`what it leaves: ${folder}`)
  return folder
}
