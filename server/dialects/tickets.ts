/**
 * Ids of sessions that outlive a restart: each says whose it is, and is signed. Knows nicks and a key; knows no sessions.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { BUDGETS } from '../budgets.ts'
import type { Store } from '../stores/store.ts'

/** What an id says. */
export interface Ticket {
  readonly nick: string
  /** The client's own id for its session, which nobody else knows; it begins with the process that gave it. */
  readonly cid: string
}

/** `<nick>.<cid>.<signature>`, the first and the last in base64url. */
const ID = /^([\w-]+)\.([\w-]+)\.([\w-]{43})$/

export class Tickets {
  readonly #store: Pick<Store, 'secret'>
  /** Which process gave a ticket. */
  readonly #process = randomBytes(6).toString('hex')
  readonly #ended = new LRUCache<string, true>({ max: BUDGETS.partedSessions })

  constructor(store: Pick<Store, 'secret'>) {
    this.#store = store
  }

  fresh(nick: string): Ticket {
    return { nick, cid: `${this.#process}-${randomBytes(16).toString('hex')}` }
  }

  /** @throws RoomfileError `not_kept` when there is no key, and none can be made */
  async write({ nick, cid }: Ticket): Promise<string> {
    const said = `${Buffer.from(nick).toString('base64url')}.${cid}`
    return `${said}.${sign(said, await this.#store.secret()).toString('base64url')}`
  }

  /** What an id of ours says; undefined for any other text. @throws RoomfileError as `write` does */
  async read(id: string): Promise<Ticket | undefined> {
    const [, nick, cid, signature] = ID.exec(id) ?? []
    if (nick === undefined || cid === undefined || signature === undefined) return undefined
    const isOurs = timingSafeEqual(Buffer.from(signature, 'base64url'), sign(`${nick}.${cid}`, await this.#store.secret()))
    return isOurs ? { nick: Buffer.from(nick, 'base64url').toString(), cid } : undefined
  }

  /** Whether another process gave it, so that its session may have ended without anybody's will; and it was not ended here since. */
  isFromBefore({ cid }: Ticket): boolean {
    return !cid.startsWith(`${this.#process}-`) && !this.#ended.has(cid)
  }

  /** Its session is over. */
  end({ cid }: Ticket): void {
    this.#ended.set(cid, true)
  }
}

function sign(text: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
