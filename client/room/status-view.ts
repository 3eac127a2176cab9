/** What is shown around the composer: the state of the connection, errors, and the field for the nick. */
import { html, nothing, type TemplateResult } from 'lit'
import { RoomError } from '../api/client.ts'
import type { LinkState } from './link-state.ts'
import { errorText, type Texts } from '../texts.ts'

/** Says that there is no connection, and when the next retry is. */
export function bannerView(link: LinkState, now: number, texts: Texts, retry: () => void): TemplateResult | typeof nothing {
  if (!link.isTroubled(now)) return nothing
  const seconds = link.secondsLeft(now)
  return html`<p class="notice" part="notice">
    <span><span role="status">${texts.lost}</span> ${seconds > 0 ? texts.retryIn(seconds) : texts.retrying}</span>
    <button type="button" class="retry" @click=${retry}>${texts.retryNow}</button>
  </p>`
}

/** Says why the server refuses us. @param signIn the address of the server's page, where one can sign in */
export function stoppedView(error: Error, texts: Texts, signIn: string, retry: (event: Event) => void): TemplateResult {
  const isSignedOut = error instanceof RoomError && error.status === 401
  return html`<p class="notice" part="notice">
    <span role="alert">${isSignedOut ? texts.signedOut : texts.stopped} ${errorText(error, texts)}</span>
    <span class="ways">
      ${isSignedOut ? html`<a class="sign-in" href=${signIn} target="_blank">${texts.signIn}</a>` : nothing}
      <button type="button" class="retry" @click=${retry}>${texts.retryNow}</button>
    </span>
  </p>`
}

/** The state of the connection in one word. */
export function stateView(link: LinkState, isStopped: boolean, texts: Texts): TemplateResult {
  const state = isStopped ? 'offline' : link.event.state === 'waiting' ? 'offline' : link.event.state
  return html`<span class="state ${state}">${texts[state]}</span>`
}

/** The field for the nick, with the reason if it was refused. */
export function nickField(nick: string, error: Error | undefined, texts: Texts, rename: (nick: string) => void): TemplateResult {
  return html`<form
    class="nick-form"
    @submit=${(event: SubmitEvent) => {
      event.preventDefault()
      rename(((event.currentTarget as HTMLFormElement).elements.namedItem('nick') as HTMLInputElement).value)
    }}
  >
    <input
      class="name"
      name="nick"
      autocomplete="nickname"
      maxlength="50"
      spellcheck="false"
      enterkeyhint="done"
      aria-label=${texts.nick}
      title=${texts.nickHint}
      placeholder=${texts.nick}
      aria-invalid=${error ? 'true' : 'false'}
      aria-describedby="nick-error"
      .value=${nick}
      @change=${(event: Event) => rename((event.target as HTMLInputElement).value)}
    />
    <span class="nick-error" id="nick-error" role="alert">${error ? errorText(error, texts) : nothing}</span>
  </form>`
}
