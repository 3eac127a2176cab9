/** The reader's settings, which the browser stores. */
import { LANGUAGES, type Language } from '../language.ts'
import { recall, remember } from '../remembered.ts'

/** `''`: what the browser or the system has. */
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

export function changeSettings(changes: Partial<Settings>): Settings {
  for (const [name, value] of Object.entries(changes)) {
    remember(`roomfile.${name}`, typeof value === 'boolean' ? (value ? 'on' : '') : value)
  }
  return settings()
}
