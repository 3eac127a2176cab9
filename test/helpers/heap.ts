/** What a server really holds in its memory, once all garbage is gone: asked of its debugger. The memory of the process tells how much it once had. */
import { once } from 'node:events'
import type { ServedProcess } from './serve.ts'

export interface Live {
  /** Of objects and of the bytes that they hold. */
  readonly mib: number
  /** Requests that have no answer yet, and the last one of each connection: whatever waits for ever holds on to its own. */
  readonly answers: number
}

type Ask = <T>(method: string, params?: object) => Promise<T>

/** @param server one that runs under INSPECTED */
export async function liveIn({ log }: ServedProcess): Promise<Live> {
  const address = /ws:\S+/.exec(log.join('\n'))?.[0]
  if (address === undefined) throw new Error('the server does not run under INSPECTED')
  const socket = new WebSocket(address)
  await once(socket, 'open')
  let asked = 0
  const ask: Ask = async <T>(method: string, params: object = {}): Promise<T> => {
    const answered = once(socket, 'message') as Promise<[MessageEvent<string>]>
    socket.send(JSON.stringify({ id: ++asked, method, params }))
    const [{ data }] = await answered
    const { result, error } = JSON.parse(data) as { result?: T; error?: { message: string } }
    if (result === undefined) throw new Error(`${method}: ${error?.message}`)
    return result
  }
  await ask('HeapProfiler.collectGarbage')
  await ask('HeapProfiler.collectGarbage') // what finalizers let go of in the first
  const { usedSize, backingStorageSize } = await ask<{ usedSize: number; backingStorageSize: number }>('Runtime.getHeapUsage')
  const answers = await countOf(ask, `process.getBuiltinModule('node:http').ServerResponse.prototype`)
  const closed = once(socket, 'close')
  socket.close()
  await closed
  return { mib: (usedSize + backingStorageSize) / 1024 / 1024, answers }
}

/** How many objects there are whose prototype this is. */
async function countOf(ask: Ask, expression: string): Promise<number> {
  const { result: prototype } = await ask<{ result: { objectId: string } }>('Runtime.evaluate', { expression })
  const { objects } = await ask<{ objects: { objectId: string } }>('Runtime.queryObjects', { prototypeObjectId: prototype.objectId })
  const functionDeclaration = 'function () { return this.length }'
  const { result: count } = await ask<{ result: { value: number } }>('Runtime.callFunctionOn', { ...objects, functionDeclaration })
  return count.value
}
