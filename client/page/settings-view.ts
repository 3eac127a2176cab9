/** The panel of the settings. */
import { html, nothing, type TemplateResult } from 'lit'
import { LANGUAGES } from '../language.ts'
import type { Permission } from './alerts.ts'
import { THEMES, type Settings } from './settings.ts'
import { textsFor, type Texts } from '../texts.ts'

/** @param permission whether the browser lets us show notifications */
export function settingsView(
  settings: Settings,
  permission: Permission,
  texts: Texts,
  change: (changes: Partial<Settings>) => void,
): TemplateResult {
  const languages = LANGUAGES.map((language) => [language, textsFor(language).name] as const)
  const themes = THEMES.map((theme) => [theme, texts[theme]] as const)
  return html`<form class="settings" @submit=${(event: SubmitEvent) => event.preventDefault()}>
    ${choice('language', texts.languages, languages, settings.language, (language) => change({ language }))}
    ${choice('theme', texts.theme, themes, settings.theme, (theme) => change({ theme }))}
    ${checkbox(texts.sound, settings.sound, false, (sound) => change({ sound }))}
    ${checkbox(texts.notifications, settings.notifications && permission === 'granted', permission === 'missing', (notifications) => change({ notifications }))}
    <p class="hint">${texts.alertsHint}</p>
    <p class="hint" role="status">
      ${permission === 'missing' ? texts.notificationsMissing : permission === 'denied' ? texts.notificationsDenied : nothing}
    </p>
  </form>`

  function choice<T extends string>(
    name: string,
    legend: string,
    choices: readonly (readonly [T, string])[],
    chosen: T | '',
    choose: (value: T | '') => void,
  ): TemplateResult {
    const all: readonly (readonly [T | '', string])[] = [['', texts.automatic], ...choices]
    return html`<fieldset>
      <legend>${legend}</legend>
      <div class="choices">
        ${all.map(
          ([value, label]) =>
            html`<label>
              <input type="radio" name=${name} value=${value} .checked=${value === chosen} @change=${() => choose(value)} />
              <span>${label}</span>
            </label>`,
        )}
      </div>
    </fieldset>`
  }
}

function checkbox(label: string, isOn: boolean, isDisabled: boolean, set: (isOn: boolean) => void): TemplateResult {
  return html`<label class="tick">
    <input
      type="checkbox"
      .checked=${isOn}
      ?disabled=${isDisabled}
      @change=${(event: Event) => set((event.target as HTMLInputElement).checked)}
    />
    <span>${label}</span>
  </label>`
}
