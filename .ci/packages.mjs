/**
 * Installs the packages of a checkout where any of them is missing: at the first start, after one that was interrupted, after
 * `npm ci --omit=dev`, after a pull that brought new ones. JavaScript, because it runs on the Node that is there before ours is.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** The packages that a lock file names, by their folder; nothing where there is no lock file, or half of one. */
function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return {}
  }
}

/** npm writes the second file when it has come to the end. What is optional is for other systems. */
const wanted = Object.entries(packagesOf('package-lock.json')).filter(([folder, { optional }]) => folder !== '' && !optional)
const installed = packagesOf('node_modules/.package-lock.json')
const missing = wanted.filter(([folder, { version }]) => installed[folder]?.version !== version || !existsSync(folder))

if (missing.length > 0 || !existsSync('node_modules/node/bin/node')) {
  process.stdout.write(`installing ${wanted.length} packages …\n`)
  execFileSync('npm', ['ci', '--include=dev', '--loglevel=error'], { stdio: 'inherit', shell: process.platform === 'win32' })
}
