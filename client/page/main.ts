/** The page at `/`: puts <chat-page> where it belongs. */
import { ChatPage } from './chat-page.ts'

customElements.define('chat-page', ChatPage)
document.body.replaceChildren(new ChatPage())
