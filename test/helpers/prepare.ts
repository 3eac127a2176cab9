/**
 * Sees to it that the programs are there which the tests drive, before they start. On Debian, as root, it installs what is missing; elsewhere
 * it names it, and the tests that need it are skipped.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { pathOf, PROGRAMS } from './programs.ts'

const missing = PROGRAMS.filter((program) => pathOf(program) === undefined)
if (missing.length > 0 && existsSync('/usr/bin/apt-get') && process.getuid?.() === 0) {
  const packages = missing.map(({ debian }) => debian)
  process.stdout.write(`installing ${packages.join(', ')}\n`)
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }
  execFileSync('apt-get', ['update', '-qq'], options)
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options)
} else {
  for (const { name, debian, what } of missing)
    process.stderr.write(`missing: ${name}, ${what} (Debian package ${debian}). The tests that need it are skipped.\n`)
}
