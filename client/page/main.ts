/** The script of the page at `/`. */
import { ChatPage } from './chat-page.ts'

customElements.define('chat-page', ChatPage)
document.body.replaceChildren(new ChatPage())
