/** Requests byte by byte, as no HTTP library would send them, and a server that has to stand them. Knows sockets; knows no attack. */
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { messagesIn, post, send } from './chat.ts'
import { serve, type Served, type ServeOptions } from './serve.ts'

/**
 * Sends these bytes on a connection of their own, and resolves to all that comes back until the server closes it.
 * A text is sent with one byte a character, so that `\xff` is the byte FF.
 * @param hangsUp whether the client ends its side behind the last byte: for what the server would wait to go on
 */
export function talk(url: string, bytes: string | Buffer, hangsUp = false): Promise<string> {
  const { port, hostname } = new URL(url)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect(Number(port), hostname)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => undefined) // it hung up on what we still had to say: what it said before counts
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    if (hangsUp) socket.end()
  })
}

/** The statuses of the answers, in their order. */
export function statusesIn(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

/** The head of a request for the last answer on its connection. */
export function head(line: string, ...headers: readonly string[]): string {
  return [`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n')
}

/** A whole request with a body. */
export function request(line: string, body: string, ...headers: readonly string[]): string {
  return `${head(line, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`, ...headers)}${body}`
}

export interface Besieged {
  readonly server: Served
  readonly url: string
  /** Fails the test unless all files are as they were to the byte, the server answers, and it has logged nothing. */
  readonly unharmed: (attack: string) => Promise<void>
  /** The same at the end of all attacks; and that posts work as before, with nothing between the first and the last. */
  readonly standsAfter: () => Promise<void>
}

/** A server with one message in the lobby, to be attacked. */
export async function besiege(t: ExecutionContext, options: ServeOptions = {}): Promise<Besieged> {
  const server = await serve(t, { rateLimit: 0, times: { errorPause: 0 }, ...options })
  const { url, directory, log } = server
  await post(url, 'lobby', { msg: 'before' })
  const before = await filesIn(directory)
  const logged = log.length
  const unharmed = async (attack: string): Promise<void> => {
    t.deepEqual(await filesIn(directory), before, attack)
    t.is((await send(`${url}/healthz`)).status, 200, attack)
    t.deepEqual(log.slice(logged), [], attack)
  }
  return {
    server,
    url,
    unharmed,
    async standsAfter() {
      await unharmed('all of them')
      await post(url, 'lobby', { msg: 'after' })
      const texts = messagesIn(await readFile(server.file('lobby'), 'utf8')).map(({ msg }) => msg)
      t.deepEqual(texts, ['before', 'after'])
    },
  }
}

/** The files of a directory and all below it, locks left out, by name. */
async function filesIn(directory: string): Promise<Record<string, string>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = found
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('.roomfile'))
    .map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(await Promise.all(paths.toSorted().map(async (path) => [path, await readFile(path, 'latin1')] as const)))
}
