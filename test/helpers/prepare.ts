/**
 * Sees to it that the programs are there which the tests drive, before they start. On Debian, as root, it installs what is missing;
 * elsewhere it names it. Knows programs and packages, no tests.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

interface Program {
  readonly path: string
  /** The Debian package that brings it. */
  readonly debian: string
  readonly what: string
}

const PROGRAMS: readonly Program[] = [
  { path: '/usr/bin/chromium', debian: 'chromium', what: 'the browser that the page is tested in' },
  { path: '/usr/bin/strace', debian: 'strace', what: 'to see the order of the system calls of a post' },
  { path: '/usr/bin/faketime', debian: 'faketime', what: 'to step the clock under a running server' },
]

const missing = PROGRAMS.filter(({ path }) => !existsSync(path))
if (missing.length > 0) {
  const packages = missing.map(({ debian }) => debian)
  if (existsSync('/usr/bin/apt-get') && process.getuid?.() === 0) {
    process.stdout.write(`installing ${packages.join(', ')}\n`)
    const options = {
      stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }
    execFileSync('apt-get', ['update', '-qq'], options)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options)
  } else {
    for (const { path, debian, what } of missing) process.stderr.write(`missing: ${path}, ${what} (Debian package ${debian})\n`)
    process.exit(1)
  }
}
