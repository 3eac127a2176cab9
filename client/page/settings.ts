/** What a reader has chosen for this page, remembered by the browser. Knows the choices and their defaults, not what comes of them. */
import { LANGUAGES, type Language } from '../language.ts'
import { recall, remember } from '../remembered.ts'

/** `''` leaves it to the browser and the system. */
export interface Settings {
  readonly language: Language | ''
  readonly theme: 'light' | 'dark' | ''
  readonly sound: boolean
  readonly notifications: boolean
}

export const THEMES = ['light', 'dark'] as const

export function settings(): Settings {
  return {
    language: LANGUAGES.find((language) => language === recall('roomfile.language')) ?? '',
    theme: THEMES.find((theme) => theme === recall('roomfile.theme')) ?? '',
    sound: recall('roomfile.sound') === 'on',
    notifications: recall('roomfile.notifications') === 'on',
  }
}

export function change(changes: Partial<Settings>): Settings {
  for (const [name, value] of Object.entries(changes)) {
    remember(`roomfile.${name}`, typeof value === 'boolean' ? (value ? 'on' : '') : value)
  }
  return settings()
}
