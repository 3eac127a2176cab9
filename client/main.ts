/**
 * The page at `/`: a header with the room's name and the other rooms, and the room below.
 * Knows the page's address and the list of rooms; the room itself is <chat-room>'s.
 */
import { html, render } from 'lit'
import { ChatRoom } from './elements.ts'
import { textsFor } from './texts.ts'

/** Rooms in the header; a list is no directory. */
const MOST_ROOMS = 30

const room = new URLSearchParams(location.search).get('room')?.normalize('NFC') || 'lobby'
const texts = textsFor(navigator.language)

document.documentElement.lang = texts.language
document.title = texts.title(room)

const element = new ChatRoom()
element.room = room
document.querySelector('main')?.replaceChildren(element)
// On a phone the focus would open the keyboard over the messages.
if (matchMedia('(pointer: fine)').matches) void element.updateComplete.then(() => element.focus())

function showHeader(others: string[]): void {
  const links = others.map((name) => html`<a href=${`?room=${encodeURIComponent(name)}`}>${name}</a>`)
  const list = links.length > 0 ? html`<nav aria-label=${texts.rooms}>${links}</nav>` : null
  render(
    html`<h1>${room}</h1>
      ${list}`,
    document.querySelector('header') ?? document.body,
  )
}

/** The other rooms, the liveliest first. A page without the list is a page all the same, so a failure shows none. */
async function otherRooms(): Promise<string[]> {
  const response = await fetch('rooms', { cache: 'no-store' })
  if (!response.ok) return []
  const { rooms } = (await response.json()) as { rooms: Record<string, { timestamp: number }> }
  const names = Object.entries(rooms).filter(([name]) => name !== room)
  return names
    .toSorted(([, a], [, b]) => b.timestamp - a.timestamp)
    .slice(0, MOST_ROOMS)
    .map(([name]) => name)
}

function refreshRooms(): void {
  otherRooms().then(showHeader, (error: unknown) => console.warn('roomfile: no list of rooms', error))
}

showHeader([])
refreshRooms()
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') refreshRooms()
})
