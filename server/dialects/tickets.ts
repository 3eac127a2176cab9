/**
 * Session ids that are valid after a restart: each contains the nick and a cid, and is signed. Knows nicks and a key; does not know sessions.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { BUDGETS } from '../budgets.ts'
import type { Store } from '../stores/store.ts'

/** What an id contains. */
export interface Ticket {
  readonly nick: string
  /** The secret cid of the session. It begins with the id of the process that made it. */
  readonly cid: string
}

/** `<nick>.<cid>.<signature>`, the first and the last in base64url. */
const ID = /^([\w-]+)\.([\w-]+)\.([\w-]{43})$/

export class Tickets {
  readonly #store: Pick<Store, 'secret'>
  /** The id of this process, in the tickets that it makes. */
  readonly #process = randomBytes(6).toString('hex')
  readonly #ended = new LRUCache<string, true>({ max: BUDGETS.partedSessions })

  constructor(store: Pick<Store, 'secret'>) {
    this.#store = store
  }

  fresh(nick: string): Ticket {
    return { nick, cid: `${this.#process}-${randomBytes(16).toString('hex')}` }
  }

  /** The id of a ticket. @throws RoomfileError `not_kept` when there is no key, and none can be made */
  async write({ nick, cid }: Ticket): Promise<string> {
    const content = `${Buffer.from(nick).toString('base64url')}.${cid}`
    return `${content}.${sign(content, await this.#store.secret()).toString('base64url')}`
  }

  /** The ticket of an id; undefined for any other text. @throws RoomfileError as `write` does */
  async read(id: string): Promise<Ticket | undefined> {
    const [, nick, cid, signature] = ID.exec(id) ?? []
    if (nick === undefined || cid === undefined || signature === undefined) return undefined
    const isOurs = timingSafeEqual(Buffer.from(signature, 'base64url'), sign(`${nick}.${cid}`, await this.#store.secret()))
    return isOurs ? { nick: Buffer.from(nick, 'base64url').toString(), cid } : undefined
  }

  /** Whether another process made it, and it was not ended here since: then its session has ended only because of a restart. */
  isFromBefore({ cid }: Ticket): boolean {
    return !cid.startsWith(`${this.#process}-`) && !this.#ended.has(cid)
  }

  /** Ends it: its session is not resumed. */
  end({ cid }: Ticket): void {
    this.#ended.set(cid, true)
  }
}

function sign(text: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
