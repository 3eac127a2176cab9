/**
 * Alerts for a reader who does not see the page: a sound, a notification, and a number in the title and on the icon of the tab.
 * Knows what browsers allow. The page decides when to alert.
 */

export type Permission = 'granted' | 'default' | 'denied' | 'missing'

/** Whether the browser lets us show notifications; `missing` where it has none, or the page came over plain http. */
export function permission(): Permission {
  return isSecureContext && 'Notification' in globalThis ? Notification.permission : 'missing'
}

/** Lets the browser ask the reader. To be called while a click is handled. */
export async function askPermission(): Promise<Permission> {
  return permission() === 'default' ? Notification.requestPermission() : permission()
}

/**
 * Shows a notification, if the browser lets us.
 * @param tag a later notification with the same tag replaces it
 */
export function notify(title: string, body: string, tag: string, onClick: () => void): void {
  if (permission() !== 'granted') return
  try {
    const notification = new Notification(title, { body: body.slice(0, 200), tag, icon: 'favicon.svg' })
    notification.addEventListener('click', () => {
      window.focus()
      notification.close()
      onClick()
    })
  } catch (error) {
    console.info('roomfile: this browser shows notifications only for service workers', error)
  }
}

let audio: AudioContext | undefined

/** Two soft tones, generated so that no file is loaded. */
export function playSound(): void {
  audio ??= new AudioContext()
  const { currentTime, destination } = audio
  void audio.resume()
  for (const [tone, delay] of [
    [660, 0],
    [880, 0.12],
  ] as const) {
    const begins = currentTime + delay
    const source = new OscillatorNode(audio, { frequency: tone, type: 'sine' })
    const volume = new GainNode(audio, { gain: 0 })
    volume.gain.setValueAtTime(0, begins)
    volume.gain.linearRampToValueAtTime(0.08, begins + 0.015)
    volume.gain.exponentialRampToValueAtTime(0.0001, begins + 0.35)
    source.connect(volume).connect(destination)
    source.start(begins)
    source.stop(begins + 0.4)
  }
}

/** Shows the number of unread messages before the title, and on the icon of the tab; for 0 it shows none. */
export function showUnread(unread: number, title: string): void {
  document.title = unread > 0 ? `(${unread}) ${title}` : title
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  if (!link) return
  const plain = link.dataset['plain'] ?? link.getAttribute('href') ?? ''
  link.dataset['plain'] = plain
  const href = unread > 0 ? iconWith(unread > 99 ? '99+' : String(unread)) : plain
  if (link.getAttribute('href') !== href) link.href = href
}

/** The image of favicon.svg with a number on it. */
function iconWith(number: string): string {
  const size = number.length > 2 ? 13 : 18
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M6 3h14l6 6v14a3 3 0 0 1-3 3h-9l-6 4v-4H6a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3z" fill="#1f6f68"/><circle cx="21" cy="21" r="11" fill="#b3261e"/><text x="21" y="27" font-family="sans-serif" font-weight="700" font-size="${size}" text-anchor="middle" fill="#fff">${number}</text></svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
