/** The programs that tests drive, where they are, and which package brings them. Knows no tests; installs nothing. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'

export interface Program {
  readonly name: string
  /** Where it may be, the first that is there counts. */
  readonly paths: readonly string[]
  /** The Debian package that brings it. */
  readonly debian: string
  readonly what: string
  /** A command that fails where it is not allowed to do what tests ask of it: in a container, or to those who are not root. */
  readonly proof?: readonly [string, ...string[]]
}

export const CHROMIUM: Program = {
  name: 'Chromium',
  paths: [
    ...(process.env['CHROMIUM'] ? [process.env['CHROMIUM']] : []),
    '/usr/bin/chromium-headless-shell', // the same engine without windows: it takes half the time
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ],
  debian: 'chromium-headless-shell',
  what: 'the browser that the page is tested in',
}

export const STRACE: Program = {
  name: 'strace',
  paths: ['/usr/bin/strace'],
  debian: 'strace',
  what: 'to see the order of the system calls of a post, and to make them fail',
  proof: ['sh', '-c', 'strace -o /dev/null true && { [ "$(id -u)" = 0 ] || ! grep -q "[1-3]" /proc/sys/kernel/yama/ptrace_scope; }'],
}

export const FAKETIME: Program = {
  name: 'libfaketime',
  paths: ['/usr/lib/*/faketime/libfaketimeMT.so.1'],
  debian: 'faketime',
  what: 'to step the clock under a running server',
}

/** Limits of processes, which only Linux has: prlimit, setpriv. */
export const UTIL_LINUX: Program = {
  name: 'prlimit',
  paths: ['/usr/bin/prlimit'],
  debian: 'util-linux',
  what: 'to limit what a server may open',
}

export const UNSHARE: Program = {
  name: 'unshare',
  paths: ['/usr/bin/unshare'],
  debian: 'util-linux',
  what: 'to give a server a small disk, and no watches on files',
  proof: ['unshare', '--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'none', '/tmp'],
}

export const JQ: Program = { name: 'jq', paths: ['/usr/bin/jq'], debian: 'jq', what: "to change a room's file as people do" }

export const VIM: Program = { name: 'vim', paths: ['/usr/bin/vim'], debian: 'vim', what: "to change a room's file as people do" }

export const PROGRAMS: readonly Program[] = [CHROMIUM, STRACE, FAKETIME, UTIL_LINUX, UNSHARE, JQ, VIM]

/** Where a program is; undefined when it is not on this machine. */
export function pathOf({ paths }: Program): string | undefined {
  return paths.flatMap((path) => (path.includes('*') ? globSync(path) : [path])).find((path) => existsSync(path))
}

/** Whether tests can use a program: it is there, and may do what they ask of it. */
export function isUsable(program: Program): boolean {
  const [command, ...args] = program.proof ?? []
  return pathOf(program) !== undefined && (command === undefined || spawnSync(command, args).status === 0)
}
