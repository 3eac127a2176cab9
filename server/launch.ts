#!/usr/bin/env node
/**
 * The command of the published package: looks at the version of Node.js before anything is loaded that an older one cannot read.
 * Imports nothing at the top, and uses only what Node.js 18 knows.
 */

/** As in package.json, `engines`. */
const OLDEST = 24

const { node } = process.versions
if (Number.parseInt(node, 10) >= OLDEST) {
  await import('./bin.ts')
} else {
  process.stderr.write(`roomfile: needs Node.js ${OLDEST} or later, and this is ${node}: install it from https://nodejs.org\n`)
  process.exitCode = 1
}
