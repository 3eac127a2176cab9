/** What a checkout installs before it starts, and when dist/ is built: .ci/packages.mjs and .ci/prepare.mjs, with an npm that only says how it was called. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ava, { type ExecutionContext } from 'ava'

const test = ava.serial

const PACKAGES = fileURLToPath(new URL('../../.ci/packages.mjs', import.meta.url))
const PREPARE = fileURLToPath(new URL('../../.ci/prepare.mjs', import.meta.url))

const LOCK = {
  '': { name: 'checkout' },
  'node_modules/polka': { version: '1.0.0' },
  'node_modules/node': { version: '24.0.0', dev: true },
  'node_modules/for-another-system': { version: '1.0.0', optional: true },
}
const INSTALLED = { 'node_modules/polka': { version: '1.0.0' }, 'node_modules/node': { version: '24.0.0', dev: true } }
const FILES = ['node_modules/polka/index.js', 'node_modules/node/bin/node']

/** A checkout with these packages installed. */
async function checkout(t: ExecutionContext, installed: object | undefined, files: readonly string[] = FILES): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'roomfile-checkout-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ packages: LOCK }))
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), '')
  }
  if (installed) await writeFile(join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages: installed }))
  await mkdir(join(folder, 'bin'))
  await writeFile(join(folder, 'bin/npm'), '#!/bin/sh\necho "$@" >> called\n')
  await chmod(join(folder, 'bin/npm'), 0o755)
  await writeFile(join(folder, 'called'), '')
  return folder
}

/** How a script called npm. */
async function called(folder: string, script = PACKAGES, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const PATH = [join(folder, 'bin'), process.env['PATH']].join(delimiter)
  const ofNpm = /^npm_/i // this test may itself be run by npm
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofNpm.test(name)))
  execFileSync(process.execPath, [script], { cwd: folder, env: { ...inherited, PATH, ...env }, stdio: 'pipe' })
  return readFile(join(folder, 'called'), 'utf8')
}

const ALL_ANEW = 'ci --include=dev --loglevel=error\n'

test('a checkout with all its packages installs nothing', async (t) => {
  t.is(await called(await checkout(t, INSTALLED)), '')
})

const withoutDev = { 'node_modules/polka': { version: '1.0.0' } }
const older = { ...INSTALLED, 'node_modules/polka': { version: '0.9.0' } }

for (const [name, installed, files] of [
  ['is new', undefined, []],
  ['was left by an interrupted start', undefined, FILES],
  ['has only what a published package needs', withoutDev, ['node_modules/polka/index.js']],
  ['got a new version by a pull', older, FILES],
  ['lost the folder of a package', INSTALLED, ['node_modules/node/bin/node']],
  ['lost its Node', INSTALLED, ['node_modules/polka/index.js', 'node_modules/node/package.json']],
] as const) {
  test(`a checkout that ${name} installs its packages`, async (t) => {
    t.is(await called(await checkout(t, installed, files)), ALL_ANEW)
  })
}

const BUILT = 'run --silent build\n'

const npm = { npm_config_user_agent: 'npm/11.6.2 node/v24.15.0 linux x64 workspaces/false' }

for (const [name, env, calls] of [
  ['npm ci or npm install in a checkout builds nothing', npm, ''],
  ['npm pack, npm publish and npm install git+… build', { ...npm, npm_package_resolved: '/tmp/clone' }, BUILT],
  [
    'another package manager, which has fetched the package from git, builds',
    { npm_config_user_agent: 'pnpm/10.20.0 npm/? node/v24.15.0' },
    BUILT,
  ],
] as const) {
  test(`prepare: ${name}`, async (t) => {
    t.is(await called(await checkout(t, INSTALLED), PREPARE, env), calls)
  })
}
