/**
 * Serves the page: ours, built by `npm run build:page`, or a directory of somebody's own. Knows static files, their caching and which
 * headers keep a page safe; nothing of rooms.
 */
import { existsSync, realpathSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import sirv from 'sirv'
import type { Request, Response } from './http.ts'

export interface PageOptions {
  /** A directory to serve in place of the built-in page; its files are read anew each time. */
  readonly own: string | undefined
  /** Who may show the page in a frame, as the content security policy says it. */
  readonly frameAncestors: string
  /** Whether other origins' pages may use our scripts: those that `--cors` names. */
  readonly shared: boolean
}

/** Serves a file, or calls on when there is none at that address. */
type PageHandler = (req: Request, res: Response, next: () => void) => void

/**
 * Nothing but our own files; no inline script or style. Only these may make HTML of a text (Trusted Types): Lit and the emoji picker of
 * the templates they are built from, and DOMPurify of what it has cleaned; the last names the script of the worker that tabs share. A browser that does not know that goes without.
 */
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
  "require-trusted-types-for 'script'",
  'trusted-types lit-html dompurify emoji-picker roomfile-worker',
]

/** `dist/page`, seen from the source and from the compiled server. */
const BUILT = ['../../dist/page', '../../page'].map((path) => fileURLToPath(new URL(path, import.meta.url)))

/** @throws when there is no page to serve */
export function pageHandler({ own, frameAncestors, shared }: PageOptions): PageHandler {
  const framing = `frame-ancestors ${frameAncestors}`
  const protect = (res: ServerResponse, policy: readonly string[]): void => {
    res.setHeader('X-Content-Type-Options', 'nosniff')
    res.setHeader('Content-Security-Policy', [...policy, framing].join('; '))
    res.setHeader('Referrer-Policy', 'no-referrer')
    res.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    res.setHeader('Cross-Origin-Resource-Policy', shared ? 'cross-origin' : 'same-origin')
  }
  if (own !== undefined) {
    if (!existsSync(own)) throw new Error(`there is no directory ${own} to serve as the page`)
    // The author of a page of one's own decides what it may do; the option decides who may show it in a frame.
    const serve = robust(sirv(own, { dev: true, etag: true, setHeaders: (res) => protect(res, []) }))
    return (req, res, next) => (staysIn(own, req.path) ? serve(req, res, next) : next())
  }
  const built = BUILT.find((path) => existsSync(join(path, 'index.html')))
  if (built === undefined) throw new Error('the page is not built: run `npm run build:page`')
  return robust(
    sirv(built, {
      etag: true,
      setHeaders(res, pathname) {
        // The names under assets/ change with their content; the page that names them is asked for each time.
        res.setHeader('Cache-Control', pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache')
        protect(res, POLICY)
      },
    }),
  )
}

/** sirv does not expect a file to go, or to be unreadable, between the look and the read, nor an invalid range. */
function robust(serve: PageHandler): PageHandler {
  return (req, res, next) => {
    if (!isRange(req.headers.range)) delete req.headers.range
    res.once('pipe', (file: Readable) => file.once('error', (error) => res.destroy(error)))
    serve(req, res, next)
  }
}

/** `bytes=0-99` and `bytes=100-`, what players of sound and video ask for. What is no such range may be ignored (RFC 9110, 14.2). */
function isRange(range = ''): boolean {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(range) ?? []
  return first !== undefined && (last === undefined || Number(first) <= Number(last))
}

/** How sirv goes on from an address that is no file. */
const ENDINGS = ['', '.html', '.htm', `${sep}index`, `${sep}index.html`, `${sep}index.htm`]

/** Whether all that may be meant by an address lies in the directory, also after links are followed, and is no dot-file. */
function staysIn(directory: string, address: string): boolean {
  const path = decoded(address).replace(/\/$/, '')
  if (/\/\.(?!well-known\/)/.test(path)) return false
  const root = realPath(directory)
  if (root === undefined) return false
  return ENDINGS.every((ending) => {
    const real = realPath(join(directory, path + ending))
    return real === undefined || real === root || real.startsWith(root + sep)
  })
}

/** As sirv decodes it. */
function decoded(address: string): string {
  try {
    return decodeURI(address)
  } catch {
    return address // what cannot be decoded names itself
  }
}

/** Where a path leads, undefined when that is nowhere. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // no such file, or a name that no file can have
  }
}
