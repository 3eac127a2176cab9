/**
 * A tab's side of the poll that all tabs of a browser share.
 * Knows workers, and whether anybody looks at this page; knows no rooms.
 */
import { PollingHub, type Hub, type HubOptions } from './hub.ts'

const hubs = new Map<string, Hub>()

/**
 * The hub of a page: one poll for all tabs of this browser, in a SharedWorker; where there is none, one for each page that is looked at.
 * Called again with the same address it is the same hub.
 *
 * @param url where roomfile is, as `connect` takes it
 *
 * @example
 * const room = connect('.', { room: 'lobby', presence: true, hub: sharedHub('.') })
 */
export function sharedHub(url: string, options: HubOptions = {}): Hub {
  const base = new URL(url || '.', document.baseURI).href
  const hub = hubs.get(base) ?? new PollingHub(base, options)
  hubs.set(base, hub)
  return hub
}
