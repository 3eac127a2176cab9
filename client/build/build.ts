/**
 * Builds the page: `node client/build/build.ts` writes it to dist/page/, from where the server serves it.
 * File names in assets/ have a hash of the content, so that these files can be cached for ever; index.html and chat-room.js cannot.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions, type Metafile } from 'esbuild'
import { emoji } from './emoji.ts'

const SOURCE = fileURLToPath(new URL('..', import.meta.url))
const PAGE = fileURLToPath(new URL('../../dist/page/', import.meta.url))

/** The options of all bundles. */
const COMMON = {
  bundle: true,
  minify: true,
  target: ['chrome123', 'firefox128', 'safari17.5'], // the first versions with light-dark()
  charset: 'utf8',
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions

/**
 * Builds the page into `folder`, which is emptied first.
 *
 * @returns the files that a browser fetches before it shows the page, below `folder`
 */
export async function buildPage(folder: string = PAGE): Promise<string[]> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const { assets, outputs } = await bundle(
    folder,
    ['page/main.ts', 'room/elements.ts', 'page/style.css'].map((name) => join(SOURCE, name)),
  )
  const scripts = [...staticImports(outputs, assets.get('main.ts'))]
  await writeFile(join(folder, 'index.html'), withAssets(await readFile(join(SOURCE, 'page/index.html'), 'utf8'), assets, scripts))
  // Pages of other sites have this address, so it has no hash.
  await writeFile(join(folder, 'chat-room.js'), `import './${assets.get('elements.ts')}'\n`)
  await copyFile(join(SOURCE, 'page/favicon.svg'), join(folder, 'favicon.svg'))
  return [...scripts, ...['style.css', 'shared-worker.ts'].flatMap((name) => assets.get(name) ?? [])]
}

/**
 * Bundles modules for the browser into `folder`/assets, with the SharedWorker.
 *
 * @returns the files, by the names of their sources; and esbuild's description of them
 */
export async function bundle(
  folder: string,
  entryPoints: readonly string[],
): Promise<{ assets: Map<string, string>; outputs: Metafile['outputs'] }> {
  const name = 'assets/[name]-[hash]'
  const common = { ...COMMON, outdir: folder, absWorkingDir: folder, entryNames: name, chunkNames: name, assetNames: name }
  const worker = await build({ ...common, entryPoints: [join(SOURCE, 'api/shared-worker.ts')], format: 'iife' })
  const workers = entriesOf(worker.metafile)
  // shared.ts needs the name of the worker's script, which has a hash.
  const define = { ROOMFILE_WORKER: JSON.stringify(workers.map(([, path]) => basename(path)).join()) }
  const page = await build({ ...common, entryPoints: [...entryPoints], format: 'esm', splitting: true, plugins: [emoji], define })
  return { assets: new Map([...workers, ...entriesOf(page.metafile)]), outputs: page.metafile.outputs }
}

function entriesOf({ outputs }: Metafile): [source: string, path: string][] {
  return Object.entries(outputs).flatMap(([path, { entryPoint }]) => (entryPoint ? [[basename(entryPoint), path]] : []))
}

/** Replaces the file names by those with a hash, and preloads all scripts: a browser would otherwise find them one after the other. */
function withAssets(html: string, assets: Map<string, string>, scripts: string[]): string {
  const preloads = scripts.map((path) => `<link rel="modulepreload" href="${path}" />`).join('')
  return html.replaceAll(/(?<=(?:src|href)=")[^"]+/g, (name) => assets.get(name) ?? name).replace('</head>', `${preloads}</head>`)
}

/** A script and all that it imports, but not its dynamic imports. */
function staticImports(outputs: Metafile['outputs'], path = '', seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  for (const { kind, path: next } of outputs[path]?.imports ?? []) if (kind === 'import-statement') staticImports(outputs, next, seen)
  return seen
}

if (import.meta.main) {
  const started = performance.now()
  const files = await Promise.all((await buildPage()).map((path) => readFile(join(PAGE, path))))
  const size = files.reduce((sum, file) => sum + gzipSync(file).length, 0)
  console.log(`page built in ${Math.round(performance.now() - started)} ms, ${(size / 1024).toFixed(1)} KB gzipped`)
}
