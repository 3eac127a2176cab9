/** The answer to a request that no server has got, for parts that ask only whether its client is still there. */
import { EventEmitter } from 'node:events'

export class Answering extends EventEmitter {
  closed = false

  /** Its client has taken it, or has gone away. */
  end(): void {
    this.closed = true
    this.emit('close')
  }
}
