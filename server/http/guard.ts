/**
 * Access control: the shared secret, and from which sites a browser's request may come.
 * Knows headers and cookies; does not know rooms, or what a request asks for.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import cors from 'cors'
import { RoomfileError } from '../errors.ts'
import { readForm, send, type Handler, type Request, type Response } from './http.ts'
import type { RateLimit } from './rate-limit.ts'
import { askToken } from './sign-in.ts'

export interface GuardOptions {
  /** The shared secret; undefined means that none is needed. */
  readonly token: string | undefined
  /** Other origins whose pages may read and post: `https://example.org`. */
  readonly cors: readonly string[]
  /** Whether only this machine can reach the server. Then a request with another host name comes from a page that uses DNS rebinding. */
  readonly isLocal: boolean
  /** Which sites may show our pages in a frame, in the syntax of the content security policy: `'self' https://example.org`. */
  readonly frameAncestors: string
  readonly rateLimit: RateLimit
}

export interface Guard {
  /** Calls `next` for a request that is allowed. @throws RoomfileError `foreign_host`, `foreign_origin`, `no_token`, `too_many_tries` */
  readonly admit: (req: Request, res: Response, next: () => void) => void | Promise<void>
  /** For a handler that changes something although it answers GET: only scripts of our pages, of the sites of `--cors`, and programs may call it. */
  readonly writing: (handler: Handler) => Handler
  /** Checks the token of the sign-in page, and sets a cookie. */
  readonly signIn: Handler
}

const COOKIE = 'roomfile-token'
const COOKIE_SECONDS = 90 * 24 * 3600

/** The largest sign-in form, in bytes. */
const MAX_FORM = 4096

/** localhost and IP addresses. A name that somebody else's DNS points to this machine is neither. */
const LOCAL_HOST = /^(?:localhost|(?:[\w-]+\.)*localhost|\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])(?::\d+)?$/i

export function guard({ token, cors: origins, isLocal, frameAncestors, rateLimit }: GuardOptions): Guard {
  const allowOrigin = cors({
    origin: [...origins],
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: ['Content-Type', 'Authorization', 'If-None-Match', 'Prefer'],
    exposedHeaders: ['ETag', 'Last-Modified', 'Retry-After'],
    maxAge: 600,
  })
  const secret = token === undefined ? undefined : digest(token)
  const cookie = token === undefined ? undefined : digest(`cookie ${token}`)

  /** Whether this is the token. Wrong ones are counted. After too many the right one is refused as well, so that guessing is of no use. */
  async function isToken(given: string, req: Request): Promise<boolean> {
    const isRight = secret === undefined || timingSafeEqual(digest(given), secret)
    await rateLimit.guess(req, isRight)
    return isRight
  }

  /** Wrong cookies are not counted: a cookie is too long to be guessed. */
  async function isSignedIn(req: Request): Promise<boolean> {
    if (!cookie) return true
    const given = passwordIn(req.headers.authorization ?? '')
    if (given !== undefined) return isToken(given, req)
    return timingSafeEqual(digest(parseCookie(req.headers.cookie ?? '')[COOKIE] ?? ''), digest(cookie.toString('base64url')))
  }

  async function admitSignedIn(req: Request, res: Response, next: () => void): Promise<void> {
    if (await isSignedIn(req)) return next()
    if (isNavigation(req)) return askToken(res, 401, frameAncestors)
    throw new RoomfileError('no_token', undefined, { headers: { 'WWW-Authenticate': 'Bearer' } })
  }

  /** Adds the CORS headers. False when the request was a preflight, which is answered then. */
  function allowCors(req: Request, res: Response): boolean {
    let isAllowed = origins.length === 0
    if (!isAllowed) allowOrigin(req, res, () => (isAllowed = true)) // calls back at once, or answers a preflight
    return isAllowed
  }

  return {
    admit(req, res, next) {
      if (isLocal && !LOCAL_HOST.test(req.headers.host ?? '')) throw new RoomfileError('foreign_host')
      if (!READS.has(req.method) && isForeign(req, origins)) throw new RoomfileError('foreign_origin')
      if (!allowCors(req, res)) return
      return cookie && !needsNoToken(req) ? admitSignedIn(req, res, next) : next()
    },

    writing: (handler) => (req, res) => {
      if (isForeign(req, origins)) throw new RoomfileError('foreign_origin')
      if (!isAskedByScript(req, origins)) throw new RoomfileError('foreign_origin', ONLY_BY_SCRIPT)
      return handler(req, res)
    },

    async signIn(req, res) {
      const given = (await readForm(req, MAX_FORM)).get('token') ?? ''
      try {
        if (!(await isToken(given, req))) return askToken(res, 403, frameAncestors)
      } catch (error) {
        if (!(error instanceof RoomfileError && error.code === 'too_many_tries')) throw error
        return askToken(res, 429, frameAncestors, error.headers)
      }
      if (!cookie) return send(res, 303, 'text/plain', '', { Location: './' })
      const setCookie = stringifySetCookie({
        name: COOKIE,
        value: cookie.toString('base64url'),
        maxAge: COOKIE_SECONDS,
        httpOnly: true,
        sameSite: 'lax',
        secure: req.headers.origin?.startsWith('https:') ?? false, // behind a proxy that speaks TLS
      })
      send(res, 303, 'text/plain', '', { Location: './', 'Set-Cookie': setCookie })
    },
  }
}

/** All digests have the same length, so a comparison always takes the same time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The token as `Authorization: Bearer TOKEN`, or as the password of `Basic`, with any user name. */
function passwordIn(authorization: string): string | undefined {
  const [, scheme = '', credentials = ''] = /^(bearer|basic)\s+(\S.*)$/i.exec(authorization) ?? []
  if (scheme === '') return undefined
  return scheme.toLowerCase() === 'bearer'
    ? Buffer.from(credentials, 'latin1').toString() // a header's bytes, which may be UTF-8
    : Buffer.from(credentials, 'base64')
        .toString()
        .replace(/^[^:]*:/, '')
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether a page of another site sent this. Browsers send Sec-Fetch-Site or Origin; other programs send neither. */
function isForeign({ headers }: Request, origins: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin !== undefined && origins.includes(origin)) return false
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return origin !== undefined && URL.parse(origin)?.host !== host
}

const ONLY_BY_SCRIPT = 'in a browser only a script of our own page may ask for this: by fetch, or by XMLHttpRequest with X-Requested-With'

/**
 * Whether a GET comes from a script of an allowed page, or from a program. Images, frames, forms, links and windows are refused, because any page
 * may make them request an address here. Over plain http a browser sends neither Origin nor Sec-Fetch-Site with those. Only a script can add
 * X-Requested-With, as jQuery does, and a script of another site needs a CORS preflight for it.
 */
function isAskedByScript({ headers }: Request, origins: readonly string[]): boolean {
  if (headers['x-requested-with'] !== undefined || origins.includes(headers.origin ?? '')) return true
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' && headers['sec-fetch-dest'] === 'empty'
  return !isBrowser(headers)
}

/** Whether a browser sent this. Browsers name themselves in User-Agent, and all send Accept-Language, which programs do not. */
function isBrowser(headers: Request['headers']): boolean {
  return /^(?:Mozilla|Opera)\//.test(headers['user-agent'] ?? '') || headers['accept-language'] !== undefined
}

/** The health check, and the request that sends the token. */
function needsNoToken({ method, path }: Request): boolean {
  return path === '/healthz' || (path === '/sign-in' && method === 'POST')
}

function isNavigation({ method, headers }: Request): boolean {
  return method === 'GET' && (headers.accept ?? '').includes('text/html')
}
