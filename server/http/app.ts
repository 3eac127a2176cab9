/**
 * The routes: which handler answers which method at which path, and how an error is answered. Knows no handler's work.
 */
import type { RequestListener } from 'node:http'
import polka from 'polka'
import type { DialectOptions } from '../dialects/dialect.ts'
import { gevent } from '../dialects/gevent.ts'
import { mochiweb } from '../dialects/mochiweb.ts'
import { native } from '../dialects/native/native.ts'
import { nodeChat } from '../dialects/node-chat.ts'
import { php } from '../dialects/php.ts'
import { RoomfileError } from '../errors.ts'
import type { Guard } from './guard.ts'
import { sendError, sendJson, sendNothing, type Handler, type Request, type Response } from './http.ts'
import type { Store } from '../stores/store.ts'
import type { Warn } from '../warn.ts'

export interface AppOptions extends DialectOptions {
  readonly store: Store
  readonly guard: Guard
  /** Serves the page; calls `next` when it has no file at that address. */
  readonly page: (req: Request, res: Response, next: () => void) => void
  readonly warn: Warn
}

type Method = 'GET' | 'POST' | 'DELETE'

export function app(options: AppOptions): RequestListener {
  const { guard, store } = options
  const { post, poll, rooms, file, join, leave, typing, who } = native(options)
  const comet = php(options)
  const node = nodeChat(options)
  const buffer = gevent(options)
  const chat = mochiweb(options)

  const health: Handler = async (_req, res) => {
    await store.check()
    sendJson(res, 200, '{"status":"ok"}')
  }

  const routes: Record<string, Partial<Record<Method, Handler>>> = {
    '/healthz': { GET: health },
    '/sign-in': { POST: guard.signIn },
    '/rooms': { GET: rooms },
    '/rooms/:room': { GET: poll, POST: post },
    '/rooms/:room/file': { GET: file },
    '/rooms/:room/sessions': { POST: join },
    '/rooms/:room/sessions/:session': { DELETE: leave },
    '/rooms/:room/typing': { POST: typing },
    '/rooms/:room/who': { GET: who },
    '/comet.php': { GET: comet, POST: comet },
    '/join': { GET: guard.writing(node.join) },
    '/part': { GET: guard.writing(node.part) },
    '/send': { GET: guard.writing(node.send) },
    '/recv': { GET: node.recv },
    '/who': { GET: node.who },
    '/new': { POST: buffer.post },
    '/update': { POST: buffer.update },
    '/chat': { GET: chat.poll, POST: chat.post },
  }

  const site = polka({
    onNoMatch: (_req, res) => sendError(res, new RoomfileError('not_found')),
    onError: (error, req, res) => answerError(error, req, res, options.warn),
  })
  site.use((req, _res, next) => options.rateLimit.begin(req, () => void next()))
  site.use(guard.admit)
  for (const [path, methods] of Object.entries(routes)) {
    for (const [method, handler] of Object.entries(methods))
      site.add(method as Method, path, (req, res) => options.rooms.during(res, () => handler(req, res)))
    site.all(path, refuse(Object.keys(methods)))
  }
  site.get('*', (req, res, next) => options.page(req, res, () => void next()))
  site.all('/', refuse(['GET']))
  return site.handler as RequestListener // polka binds it, and makes its Request of any request of Node's
}

/** Answers OPTIONS, and the methods that an address does not support. */
function refuse(methods: readonly string[]): Handler {
  const supported = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])]
  const Allow = [...methods, 'OPTIONS', ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ')
  return (req, res) => {
    if (req.method === 'OPTIONS') return sendNothing(res, { Allow })
    if (supported.includes(req.method)) throw new RoomfileError('not_found') // the page's handler had no file at this address
    throw new RoomfileError('method_not_allowed', `this address supports ${Allow}, not ${req.method}`, { headers: { Allow } })
  }
}

function answerError(error: unknown, req: Request, res: Response, warn: Warn): void {
  const isOurs = error instanceof RoomfileError
  if (!isOurs && !req.destroyed) warn('a request failed', { method: req.method, path: req.path, error })
  else if (isOurs && error.status >= 500) warn(error.message, { method: req.method, path: req.path, error })
  if (res.headersSent) res.destroy() // a part of the answer has been sent: the client must not take it for all of it, or wait for the rest
  else sendError(res, error)
}
