/**
 * Serves the page: the built-in one of `npm run build:page`, or the directory of `--client`. Knows static files, their caching and their security
 * headers; does not know rooms.
 */
import { existsSync, realpathSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import sirv from 'sirv'
import type { Request, Response } from './http.ts'

export interface PageOptions {
  /** A directory to serve in place of the built-in page. Its files are read for each request. */
  readonly own: string | undefined
  /** Which sites may show the page in a frame, in the syntax of the content security policy. */
  readonly frameAncestors: string
  /** Whether pages of other origins may load our scripts: with `--cors`. */
  readonly shared: boolean
}

/** Serves a file, or calls `next` when there is none at that address. */
type PageHandler = (req: Request, res: Response, next: () => void) => void

/**
 * Only our own files; no inline script or style. Trusted Types: Lit and the emoji picker make HTML of their own templates, DOMPurify of what it
 * has sanitized, and the last policy is for the script of the worker that tabs share. Browsers without Trusted Types ignore it.
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
    // The author of this page decides what it may load. --frame-ancestors decides who may show it in a frame.
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

/** Adds what sirv does not handle: invalid ranges, and a file that is removed or unreadable between its check and its read. */
function robust(serve: PageHandler): PageHandler {
  return (req, res, next) => {
    if (!isRange(req.headers.range)) delete req.headers.range
    res.once('pipe', (file: Readable) => file.once('error', (error) => res.destroy(error)))
    serve(req, res, next)
  }
}

/** `bytes=0-99` and `bytes=100-`, which media players ask for. Other ranges may be ignored (RFC 9110, 14.2). */
function isRange(range = ''): boolean {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(range) ?? []
  return first !== undefined && (last === undefined || Number(first) <= Number(last))
}

/** What sirv tries to add to a path. */
const ENDINGS = ['', '.html', '.htm', `${sep}index`, `${sep}index.html`, `${sep}index.htm`]

/**
 * Whether all files that sirv may serve at an address are in the directory, also after symbolic links are followed, and not hidden. sirv itself
 * follows links out of the directory, and with `dev` it serves hidden files.
 */
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
    return address // sirv, too, takes it undecoded then
  }
}

/** A path with its symbolic links resolved; undefined when there is no such file. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // no such file, or an invalid file name
  }
}
