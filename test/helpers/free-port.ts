import { createServer } from 'node:net'

/** Below the ports that the system gives away by itself: nobody else gets it meanwhile. */
const FIRST_PORT = 20_000
const PORTS = 10_000

/** A port of 127.0.0.1 that nobody listens on, for a program that cannot say which one it took. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer()
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS)
    const isFree = await new Promise<boolean>((settled) => {
      server.once('error', () => settled(false))
      server.listen(port, '127.0.0.1', () => settled(true))
    })
    await new Promise((closed) => server.close(closed))
    if (isFree) return port
  }
}
