/** The style of <chat-composer>. It inherits its colours from chat-room-style.ts. */
import { css } from 'lit'

export const composerStyle = css`
  :host {
    display: block;
    position: relative;
    container-type: inline-size;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  ::before,
  ::after {
    box-sizing: border-box;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 1px;
  }
  .frame {
    position: relative;
    border: 1px solid var(--line);
    border-radius: 14px;
    background: var(--raised);
    transition: border-color 0.15s;
  }
  .frame:has(textarea:focus-visible) {
    border-color: var(--accent);
    box-shadow: 0 0 0 1px var(--accent);
  }

  /* A copy of the text, in ::after, gives the field its height. */
  .grow {
    display: grid;
  }
  .grow::after {
    content: attr(data-text) ' ';
    visibility: hidden;
  }
  .grow::after,
  textarea {
    grid-area: 1 / 1;
    min-width: 0;
    max-height: 40vh;
    max-height: 40dvh;
    padding: 0.7rem 0.95rem 0.2rem;
    font: inherit;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    overflow: auto;
    scrollbar-width: thin;
  }
  textarea {
    width: 100%;
    margin: 0;
    border: 0;
    color: inherit;
    background: none;
    resize: none;
  }
  textarea:focus-visible {
    outline: none; /* .frame shows the focus */
  }
  ::placeholder {
    color: var(--quiet);
    opacity: 1;
  }

  .row,
  .tools,
  .formats {
    display: flex;
    align-items: center;
  }
  .row {
    gap: 0.5rem;
    padding: 0.2rem 0.45rem 0.45rem 0.55rem;
  }
  .tools {
    flex: 1;
    min-width: 0;
  }
  button {
    display: grid;
    place-items: center;
    min-width: 2rem;
    height: 2rem;
    padding: 0;
    border: 0;
    border-radius: 8px;
    font: inherit;
    font-size: 0.875rem;
    color: var(--quiet);
    background: none;
    cursor: pointer;
    -webkit-tap-highlight-color: transparent;
  }
  .tools button:hover {
    background: color-mix(in srgb, var(--ink) 6%, transparent);
  }
  .tools button:is([aria-pressed='true'], [aria-expanded='true']) {
    color: var(--accent);
    background: color-mix(in srgb, var(--accent) 11%, transparent);
  }
  svg {
    width: 1.125rem;
    height: 1.125rem;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.8;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .unfold {
    display: none;
    font-weight: 600;
  }
  .send {
    flex: none;
    padding-inline: 1.05rem;
    border-radius: 10px;
    font-weight: 600;
    white-space: nowrap;
    color: var(--raised);
    background: var(--accent);
  }
  .send:hover {
    filter: brightness(1.08);
  }
  .send:disabled {
    cursor: default;
    opacity: 0.6;
  }
  @container (width < 34rem) {
    .tools {
      flex-wrap: wrap;
    }
    .formats {
      display: none;
    }
    .formats.unfolded {
      display: flex;
      flex: 1 0 100%;
    }
    .formats button {
      flex: 1;
      min-width: 24px;
    }
    .unfold {
      display: grid;
    }
    .send {
      position: absolute;
      inset: auto 0.45rem 0.45rem auto;
    }
  }
  @media (pointer: coarse) {
    button {
      min-width: 2.5rem;
      height: 2.5rem;
    }
  }

  .preview {
    max-height: 30vh;
    overflow: auto;
    padding: 0.6rem 0.95rem;
    border-bottom: 1px dashed var(--line);
    overflow-wrap: anywhere;
  }
  .preview:empty::before {
    content: attr(data-empty);
    color: var(--quiet);
  }
  .people,
  .emoji-panel {
    position: absolute;
    inset: auto auto calc(100% + 0.4rem) 0;
    z-index: 1;
    max-width: 100%;
    margin: 0;
    border: 1px solid var(--line);
    border-radius: 12px;
    background: var(--raised);
    box-shadow: 0 4px 18px rgb(0 0 0 / 0.14);
  }
  .people {
    min-width: 11rem;
    padding: 0.3rem;
    list-style: none;
  }
  .people li {
    padding: 0.25rem 0.65rem;
    overflow: hidden;
    border-radius: 8px;
    text-overflow: ellipsis;
    white-space: nowrap;
    cursor: pointer;
  }
  .people [aria-selected='true'] {
    color: var(--accent);
    background: color-mix(in srgb, var(--accent) 11%, transparent);
  }
  .emoji-panel {
    overflow: hidden;
  }
  .emoji-panel[hidden] {
    display: none;
  }
  p.emoji-panel {
    padding: 0.6rem 1rem;
    font-size: 0.875rem;
    color: var(--quiet);
  }
  emoji-picker {
    --background: var(--raised);
    --border-color: var(--line);
    --border-size: 0;
    --input-border-color: var(--line);
    --input-font-color: var(--ink);
    --input-placeholder-color: var(--quiet);
    --category-font-color: var(--quiet);
    --indicator-color: var(--accent);
    --outline-color: var(--accent);
    --button-hover-background: color-mix(in srgb, var(--ink) 8%, transparent);
    --button-active-background: color-mix(in srgb, var(--ink) 14%, transparent);
    max-width: 100%;
    height: min(22rem, 55vh);
    color-scheme: inherit;
    scrollbar-color: var(--line) transparent;
  }
  @container (width < 22rem) {
    emoji-picker {
      --num-columns: 6;
      --category-emoji-padding: 0.25rem;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .frame {
      transition: none;
    }
  }
`
