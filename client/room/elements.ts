/**
 * Defines the elements, and does nothing else: what any page loads to use <chat-room>, and what our own page begins with.
 * A page may load it twice, or from two servers: the first one's elements stay.
 */
import { ChatComposer } from '../composer/composer.ts'
import { ChatLog } from './log/chat-log.ts'
import { ChatRoom, type MessageDetail } from './chat-room.ts'

for (const [name, element] of Object.entries({ 'chat-composer': ChatComposer, 'chat-log': ChatLog, 'chat-room': ChatRoom })) {
  if (!customElements.get(name)) customElements.define(name, element)
}

export { ChatRoom, type MessageDetail }
