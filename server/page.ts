/** Serves the page: ours, built by `npm run build:page`, or a directory of somebody's own. Knows static files and their caching. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sirv, { type RequestHandler } from 'sirv'

/** Nothing but our own files; no inline script or style, no frames of other sites. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ')

/** `dist/page`, seen from the source and from the compiled server. */
const BUILT = ['../dist/page', '../page'].map((path) => fileURLToPath(new URL(path, import.meta.url)))

/**
 * @param own a directory to serve in place of the built-in page; its files are read anew each time, and no policy is put on them
 * @throws when there is no page to serve
 */
export function pageHandler(own: string | undefined): RequestHandler {
  if (own !== undefined) {
    if (!existsSync(own)) throw new Error(`there is no directory ${own} to serve as the page`)
    return sirv(own, { dev: true, etag: true })
  }
  const built = BUILT.find((path) => existsSync(join(path, 'index.html')))
  if (built === undefined) throw new Error('the page is not built: run `npm run build:page`')
  return sirv(built, {
    etag: true,
    setHeaders(res, pathname) {
      // The names under assets/ change with their content; the page that names them is asked for each time.
      res.setHeader('Cache-Control', pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache')
      res.setHeader('X-Content-Type-Options', 'nosniff')
      res.setHeader('Content-Security-Policy', POLICY)
      res.setHeader('Referrer-Policy', 'no-referrer')
      res.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      res.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    },
  })
}
