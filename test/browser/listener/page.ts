/** A page of nothing but the client, for tests: what it hears is on `window.heard`, what it can do on `window.chat`. */
import { connect, type Connection, type RoomEvent } from '../../../client/api/client.ts'
import { outbox, type Outbox } from '../../../client/api/outbox.ts'
import { sharedHub } from '../../../client/api/shared.ts'

export interface Heard {
  texts: string[]
  states: string[]
  who: string[]
  nicks: (string | undefined)[]
  unsent: { cid: string; msg: string; state: string }[]
}

declare global {
  interface Window {
    heard: Heard
    chat: { room: Connection; out: Outbox }
  }
}

const { searchParams } = new URL(location.href)
const name = searchParams.get('room') ?? 'lobby'
const retryDelay = Number(searchParams.get('retryDelay') ?? 50)
const beat = Number(searchParams.get('beat') ?? 5000)
const nick = searchParams.get('nick')

const heard: Heard = { texts: [], states: [], who: [], nicks: [], unsent: [] }
const room = connect('.', { room: name, presence: true, retryDelay, hub: sharedHub('.', { retryDelay, beat }) })
if (nick !== null) room.join(nick).catch((error: Error) => console.warn(error.message))
const out = outbox({
  connection: room,
  storage: localStorage,
  key: `outbox ${name}`,
  beat,
  reload: beat * 2,
  changed: (entries) => (heard.unsent = entries.map(({ cid, msg, state }) => ({ cid, msg, state }))),
})
window.heard = heard
window.chat = { room, out }

function hear(event: RoomEvent): void {
  if (event.type === 'messages') {
    const texts = event.messages.filter(({ type }) => type === 'msg').map(({ msg }) => msg)
    heard.texts = event.reset ? texts : [...heard.texts, ...texts]
  } else if (event.type === 'state') heard.states.push(event.state)
  else if (event.type === 'presence') heard.who = event.who
  else heard.nicks.push(event.nick)
}

for await (const event of room) hear(event)
