/**
 * What stands around the field: how the connection is, why something is refused, under which name one writes.
 * Knows words and looks; when to show what it is told.
 */
import { html, nothing, type TemplateResult } from 'lit'
import { RoomError } from '../api/client.ts'
import type { LinkState } from './link-state.ts'
import { wordsFor, type Texts } from '../texts.ts'

/** A clear line when there is no connection, with what will happen and what can be done. */
export function bannerView(link: LinkState, now: number, texts: Texts, retry: () => void): TemplateResult | typeof nothing {
  if (!link.isTroubled(now)) return nothing
  const seconds = link.secondsLeft(now)
  return html`<p class="notice" part="notice">
    <span><span role="status">${texts.lost}</span> ${seconds > 0 ? texts.retryIn(seconds) : texts.retrying}</span>
    <button type="button" class="retry" @click=${retry}>${texts.retryNow}</button>
  </p>`
}

/** The server will have nothing to do with us: its reason, and the way back in. @param signIn where the server's own page is */
export function stoppedView(error: Error, texts: Texts, signIn: string, retry: (event: Event) => void): TemplateResult {
  const isSignedOut = error instanceof RoomError && error.status === 401
  return html`<p class="notice" part="notice">
    <span role="alert">${isSignedOut ? texts.signedOut : texts.stopped} ${wordsFor(error, texts)}</span>
    <span class="ways">
      ${isSignedOut ? html`<a class="sign-in" href=${signIn} target="_blank">${texts.signIn}</a>` : nothing}
      <button type="button" class="retry" @click=${retry}>${texts.retryNow}</button>
    </span>
  </p>`
}

/** The quiet word at the edge: all is well, or not yet. */
export function stateView(link: LinkState, isStopped: boolean, texts: Texts): TemplateResult {
  const state = isStopped ? 'offline' : link.event.state === 'waiting' ? 'offline' : link.event.state
  return html`<span class="state ${state}">${texts[state]}</span>`
}

/** The name one writes under. A name that is taken is asked for again, here. */
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
    <span class="nick-error" id="nick-error" role="alert">${error ? wordsFor(error, texts) : nothing}</span>
  </form>`
}
