/** Builds the page of nothing but the client (test/browser/listener) into a directory, for `--client`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ava from 'ava'
import { bundle } from '../../client/build/build.ts'

const SOURCE = fileURLToPath(new URL('../browser/listener/page.ts', import.meta.url))

/** Builds it once for a test file; the returned function says where it is. */
export function withListenerPage(): () => string {
  let directory = ''
  ava.before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'roomfile-page-'))
    const { assets } = await bundle(directory, [SOURCE])
    await writeFile(join(directory, 'index.html'), `<!doctype html><script type="module" src="${assets.get('page.ts')}"></script>`)
  })
  ava.after.always(() => rm(directory, { recursive: true, force: true }))
  return () => directory
}
