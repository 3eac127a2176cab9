/**
 * npm's `prepare`: builds dist/ for a package that is being packed, by `npm pack`, `npm publish` or `npm install git+…`. npm calls it after
 * `npm ci` and `npm install` in a checkout, too: there it does nothing, since `npm start` and `npm test` build what they need.
 */
import { execFileSync } from 'node:child_process'

const { npm_config_user_agent: agent = '', npm_package_resolved: packed } = process.env

// npm names the folder that it packs. Other package managers call `prepare` for a package that they have fetched from git.
if (packed !== undefined || !agent.startsWith('npm/')) {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' })
}
