/**
 * Builds the page: `node client/build.ts` puts it into dist/page/, for the server to serve as it is.
 * Names under assets/ carry a hash of the content, so they may be cached for ever; index.html may not.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions, type Metafile } from 'esbuild'

const SOURCE = fileURLToPath(new URL('.', import.meta.url))
const PAGE = fileURLToPath(new URL('../dist/page/', import.meta.url))

/** What all of it has in common. */
const COMMON = {
  bundle: true,
  minify: true,
  target: ['chrome123', 'firefox128', 'safari17.5'], // the first ones with light-dark()
  charset: 'utf8',
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions

/**
 * Builds the page into `folder`, which is emptied first.
 *
 * @returns the files written below `folder`/assets, by the name of their source
 */
export async function buildPage(folder: string = PAGE): Promise<Map<string, string>> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const assets = await bundle(folder, [join(SOURCE, 'main.ts'), join(SOURCE, 'style.css')])
  await writeFile(join(folder, 'index.html'), withAssets(await readFile(join(SOURCE, 'index.html'), 'utf8'), assets))
  await copyFile(join(SOURCE, 'favicon.svg'), join(folder, 'favicon.svg'))
  return assets
}

/**
 * Bundles modules for the browser into `folder`/assets, with the worker that their tabs share.
 *
 * @returns the files written, by the name of their source
 */
export async function bundle(folder: string, entryPoints: readonly string[]): Promise<Map<string, string>> {
  const common = { ...COMMON, outdir: folder, absWorkingDir: folder, entryNames: 'assets/[name]-[hash]' }
  const worker = await build({ ...common, entryPoints: [join(SOURCE, 'shared-worker.ts')], format: 'iife' })
  const workers = entriesOf(worker.metafile)
  // The name changes with the content; who starts the worker stands beside it.
  const define = { ROOMFILE_WORKER: JSON.stringify(workers.map(([, path]) => basename(path)).join()) }
  const page = await build({ ...common, entryPoints: [...entryPoints], format: 'esm', define })
  return new Map([...workers, ...entriesOf(page.metafile)])
}

function entriesOf({ outputs }: Metafile): [source: string, path: string][] {
  return Object.entries(outputs).flatMap(([path, { entryPoint }]) => (entryPoint ? [[basename(entryPoint), path]] : []))
}

function withAssets(html: string, assets: Map<string, string>): string {
  return html.replaceAll(/(?<=(?:src|href)=")[^"]+/g, (name) => assets.get(name) ?? name)
}

if (import.meta.main) {
  const started = performance.now()
  const assets = await buildPage()
  const files = await Promise.all([...assets.values()].map((path) => readFile(join(PAGE, path))))
  const size = files.reduce((sum, file) => sum + gzipSync(file).length, 0)
  console.log(`page built in ${Math.round(performance.now() - started)} ms, ${(size / 1024).toFixed(1)} KB gzipped`)
}
