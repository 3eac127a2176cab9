/** The page at `/`: puts <chat-page> where it belongs. */
import { ChatPage } from './chat-page.ts'
import './elements.ts'

customElements.define('chat-page', ChatPage)
document.body.replaceChildren(new ChatPage())
