/**
 * Defines the custom elements. Pages of other sites load this to use <chat-room>; our own page imports it.
 * If a page loads it twice, or from two servers, the first definitions stay.
 */
import { ChatComposer } from '../composer/composer.ts'
import { ChatLog } from './log/chat-log.ts'
import { ChatRoom, type MessageDetail } from './chat-room.ts'

for (const [name, element] of Object.entries({ 'chat-composer': ChatComposer, 'chat-log': ChatLog, 'chat-room': ChatRoom })) {
  if (!customElements.get(name)) customElements.define(name, element)
}

export { ChatRoom, type MessageDetail }
