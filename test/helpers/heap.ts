/** What a server really holds in its memory, once all garbage is gone: asked of its debugger. The memory of the process tells how much it once had. */
import { once } from 'node:events'
import type { ServedProcess } from './serve.ts'

/** What the server has to run under. */
export const INSPECTED = ['env', 'NODE_OPTIONS=--inspect=127.0.0.1:0']

/** @returns MiB of live objects */
export async function heapOf({ log }: ServedProcess): Promise<number> {
  const address = /ws:\S+/.exec(log.join('\n'))?.[0]
  if (address === undefined) throw new Error('the server does not run under INSPECTED')
  const socket = new WebSocket(address)
  await once(socket, 'open')
  const ask = async (id: number, method: string): Promise<unknown> => {
    const answered = once(socket, 'message') as Promise<[MessageEvent<string>]>
    socket.send(JSON.stringify({ id, method }))
    const [{ data }] = await answered
    return (JSON.parse(data) as { result: unknown }).result
  }
  await ask(1, 'HeapProfiler.collectGarbage')
  await ask(2, 'HeapProfiler.collectGarbage') // what finalizers let go of in the first
  const { usedSize } = (await ask(3, 'Runtime.getHeapUsage')) as { usedSize: number }
  socket.close()
  await once(socket, 'close')
  return usedSize / 1024 / 1024
}
