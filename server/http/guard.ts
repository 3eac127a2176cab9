/**
 * Who is let in: the shared secret, and where a browser's request may come from.
 * Knows headers and cookies; knows no rooms, and nothing of what is asked for.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import cors from 'cors'
import { RoomfileError } from '../errors.ts'
import { readForm, send, type Handler, type Request, type Response } from './http.ts'
import type { RateLimit } from './rate-limit.ts'
import { askToken } from './sign-in.ts'

export interface GuardOptions {
  /** The shared secret; undefined lets everybody in. */
  readonly token: string | undefined
  /** Other origins whose pages may read and post: `https://example.org`. */
  readonly cors: readonly string[]
  /** Whether only this machine can reach us: then a name that is not ours is another site's trick. */
  readonly isLocal: boolean
  /** Who may show us in a frame, as the content security policy says it: `'self' https://example.org`. */
  readonly frameAncestors: string
  readonly rateLimit: RateLimit
}

export interface Guard {
  /** Lets a request pass, or throws. @throws RoomfileError `foreign_host`, `foreign_origin`, `no_token`, `too_many_tries` */
  readonly admit: (req: Request, res: Response, next: () => void) => Promise<void>
  /** A handler that changes something though its method says that it only reads: for scripts of our pages and of those that are named, and programs. */
  readonly writing: (handler: Handler) => Handler
  /** Takes the token from the sign-in page, and gives a cookie for it. */
  readonly signIn: Handler
}

const COOKIE = 'roomfile-token'
const COOKIE_SECONDS = 90 * 24 * 3600

/** The largest sign-in form. */
const MAX_FORM = 4096

/** localhost, and addresses: a name that somebody made to point here is neither. */
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

  /** Whether this is the token. Wrong ones are counted; after too many the right one is not heard either, or guessing would go on. */
  async function isToken(given: string, req: Request): Promise<boolean> {
    const isRight = secret === undefined || timingSafeEqual(digest(given), secret)
    await rateLimit.guess(req, isRight)
    return isRight
  }

  /** The cookie needs no counting: it is too long to be guessed. */
  async function isSignedIn(req: Request): Promise<boolean> {
    if (!cookie) return true
    const given = passwordIn(req.headers.authorization ?? '')
    if (given !== undefined) return isToken(given, req)
    return timingSafeEqual(digest(parseCookie(req.headers.cookie ?? '')[COOKIE] ?? ''), digest(cookie.toString('base64url')))
  }

  /** Adds what a browser needs to let a named origin's page read. False when that was all that it asked for. */
  function share(req: Request, res: Response): boolean {
    let isAllowed = origins.length === 0
    if (!isAllowed) allowOrigin(req, res, () => (isAllowed = true)) // calls back at once, or has answered
    return isAllowed
  }

  return {
    async admit(req, res, next) {
      if (isLocal && !LOCAL_HOST.test(req.headers.host ?? '')) throw new RoomfileError('foreign_host')
      if (!READS.has(req.method) && isForeign(req, origins)) throw new RoomfileError('foreign_origin')
      if (!share(req, res)) return
      if (isForAll(req) || (await isSignedIn(req))) return next()
      if (isNavigation(req)) return askToken(res, 401, frameAncestors)
      throw new RoomfileError('no_token', undefined, { headers: { 'WWW-Authenticate': 'Bearer' } })
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

/** Of one length whatever the text, so that comparing takes the same time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The token as `Authorization: Bearer TOKEN`, or as the password of `Basic`, whoever the user. */
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

/** Whether another site's page sent this. Browsers say so by Sec-Fetch-Site, where they do not by Origin; scripts say neither. */
function isForeign({ headers }: Request, origins: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin !== undefined && origins.includes(origin)) return false
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return origin !== undefined && URL.parse(origin)?.host !== host
}

const ONLY_BY_SCRIPT = 'in a browser only a script of our own page may ask for this: by fetch, or by XMLHttpRequest with X-Requested-With'

/**
 * Whether a GET was asked for by a script of a page that may, or by a program: not by an image, a frame, a form, a link or a window, which any
 * page may point here. Over plain http a browser says of those neither Origin nor Sec-Fetch-Site. X-Requested-With, which jQuery has always
 * sent, only a script can add, and one of another site has to ask us before.
 */
function isAskedByScript({ headers }: Request, origins: readonly string[]): boolean {
  if (headers['x-requested-with'] !== undefined || origins.includes(headers.origin ?? '')) return true
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' && headers['sec-fetch-dest'] === 'empty'
  return !isBrowser(headers)
}

/** Whether a browser sent this. All say so by their name; and all name languages, which programs do not. */
function isBrowser(headers: Request['headers']): boolean {
  return /^(?:Mozilla|Opera)\//.test(headers['user-agent'] ?? '') || headers['accept-language'] !== undefined
}

/** What needs no token: to ask whether we are up, and to send the token. */
function isForAll({ method, path }: Request): boolean {
  return path === '/healthz' || (path === '/sign-in' && method === 'POST')
}

function isNavigation({ method, headers }: Request): boolean {
  return method === 'GET' && (headers.accept ?? '').includes('text/html')
}
