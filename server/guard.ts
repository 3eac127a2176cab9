/**
 * Who is let in: the shared secret, and where a browser's request may come from.
 * Knows headers and cookies; knows no rooms, and nothing of what is asked for.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import cors from 'cors'
import { RoomfileError } from './errors.ts'
import { readBody, send, type Handler, type Request, type Response } from './http.ts'

export interface GuardOptions {
  /** The shared secret; undefined lets everybody in. */
  readonly token: string | undefined
  /** Other origins whose pages may read and post: `https://example.org`. */
  readonly cors: readonly string[]
  /** Whether only this machine can reach us: then a name that is not ours is another site's trick. */
  readonly isLocal: boolean
}

export interface Guard {
  /** Lets a request pass, or throws. @throws RoomfileError `foreign_host`, `foreign_origin`, `no_token` */
  readonly admit: (req: Request, res: Response, next: () => void) => void
  /** Takes the token from the sign-in page, and gives a cookie for it. */
  readonly signIn: Handler
}

const COOKIE = 'roomfile-token'
const COOKIE_SECONDS = 90 * 24 * 3600

/** The largest sign-in form. */
const MAX_FORM = 4096

/** [node_chat] writes by GET */
const WRITES_BY_GET = /^\/(?:join|part|send)$/

/** localhost, and addresses: a name that somebody made to point here is neither. */
const LOCAL_HOST = /^(?:localhost|(?:[\w-]+\.)*localhost|\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])(?::\d+)?$/i

export function guard({ token, cors: origins, isLocal }: GuardOptions): Guard {
  const allowOrigin = cors({
    origin: [...origins],
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: ['Content-Type', 'Authorization', 'If-None-Match', 'Prefer'],
    exposedHeaders: ['ETag', 'Last-Modified', 'Retry-After'],
    maxAge: 600,
  })
  const secret = token === undefined ? undefined : digest(token)
  const cookie = token === undefined ? undefined : digest(`cookie ${token}`)

  function isSignedIn({ headers }: Request): boolean {
    if (!secret || !cookie) return true
    const given = passwordIn(headers.authorization ?? '')
    if (given !== undefined) return timingSafeEqual(digest(given), secret)
    return timingSafeEqual(digest(parseCookie(headers.cookie ?? '')[COOKIE] ?? ''), digest(cookie.toString('base64url')))
  }

  return {
    admit(req, res, next) {
      if (isLocal && !LOCAL_HOST.test(req.headers.host ?? '')) throw new RoomfileError('foreign_host')
      if (isWrite(req) && isForeign(req, origins)) throw new RoomfileError('foreign_origin')
      const pass = (): void => {
        if (req.path === '/healthz' || req.path === '/sign-in' || isSignedIn(req)) return next()
        if (isNavigation(req)) return askToken(res, 401)
        throw new RoomfileError('no_token', undefined, { headers: { 'WWW-Authenticate': 'Bearer' } })
      }
      if (origins.length > 0) allowOrigin(req, res, pass)
      else pass()
    },

    async signIn(req, res) {
      const given = new URLSearchParams((await readBody(req, MAX_FORM)).text).get('token') ?? ''
      if (secret && cookie && !timingSafeEqual(digest(given), secret)) return askToken(res, 403)
      const value = cookie?.toString('base64url') ?? ''
      const setCookie = stringifySetCookie({ name: COOKIE, value, maxAge: COOKIE_SECONDS, httpOnly: true, sameSite: 'lax' })
      send(res, 303, 'text/plain', '', { Location: './', ...(secret ? { 'Set-Cookie': setCookie } : {}) })
    },
  }
}

/** Of one length whatever the text, so that comparing takes the same time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The token as `Authorization: Bearer TOKEN`, or as the password of `Basic`, whoever the user. */
function passwordIn(authorization: string): string | undefined {
  const [, scheme = '', credentials = ''] = /^(bearer|basic)\s+(\S+)$/i.exec(authorization) ?? []
  if (scheme === '') return undefined
  return scheme.toLowerCase() === 'bearer'
    ? credentials
    : Buffer.from(credentials, 'base64')
        .toString()
        .replace(/^[^:]*:/, '')
}

function isWrite({ method, path }: Request): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method) || WRITES_BY_GET.test(path)
}

/** Whether another site's page sent this. Browsers say so by Sec-Fetch-Site, where they do not by Origin; scripts say neither. */
function isForeign({ headers }: Request, origins: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin !== undefined && origins.includes(origin)) return false
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return origin !== undefined && URL.parse(origin)?.host !== host
}

function isNavigation({ method, headers }: Request): boolean {
  return method === 'GET' && (headers.accept ?? '').includes('text/html')
}

/** A page of one field. Its form goes beside the page, so it works below a proxy's prefix, too. */
function askToken(res: Response, status: number): void {
  const html = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>roomfile</title></head>
  <body>
    <form method="post" action="sign-in">
      <p><label>Token 口令 <input type="password" name="token" autocomplete="current-password" required autofocus></label> <button>Sign in 登录</button></p>
      ${status === 403 ? '<p role="alert">That is not it. 口令不对。</p>' : ''}
    </form>
  </body>
</html>
`
  send(res, status, 'text/html; charset=utf-8', html, {
    'Content-Security-Policy': "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
  })
}
