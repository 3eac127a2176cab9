/**
 * The style of <chat-room>. Lit makes a constructable style sheet of it, which a strict content security policy allows.
 * A page can set the colours with the custom properties `--room-…`. The attribute `theme` or else the reader's system decides between light and dark.
 */
import { css } from 'lit'

export const chatRoomStyle = css`
  :host {
    --paper: var(--room-paper, light-dark(#fcfbf9, #191b1e));
    --raised: var(--room-raised, light-dark(#fff, #212428));
    --ink: var(--room-ink, light-dark(#24272b, #e4e2dd));
    --quiet: var(--room-quiet, light-dark(#63676e, #9ca0a7));
    --line: var(--room-line, light-dark(#e6e3dd, #33373c));
    --line-strong: color-mix(in srgb, var(--ink) 45%, var(--paper));
    --shade: color-mix(in srgb, var(--ink) 5%, transparent);
    --accent: var(--room-accent, light-dark(#1f6f68, #7fc7bb));
    --alert: var(--room-alert, light-dark(#a1391f, #f0a58f));
    color-scheme: light dark;
    container-type: inline-size;
    display: block;
    min-height: 0;
    max-height: 100vh; /* where the page around sets no height */
    max-height: 100dvh;
    color: var(--ink);
    background: var(--paper);
    font:
      1rem/1.55 system-ui,
      -apple-system,
      'Segoe UI',
      'PingFang SC',
      'Microsoft YaHei',
      'Noto Sans CJK SC',
      sans-serif;
    overflow-wrap: anywhere;
  }
  :host([hidden]) {
    display: none;
  }
  :host([theme='light']) {
    color-scheme: light;
  }
  :host([theme='dark']) {
    color-scheme: dark;
  }
  *,
  ::before,
  ::after {
    box-sizing: border-box;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  input,
  button {
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
  }
  button {
    cursor: pointer;
    border-radius: 8px;
  }
  ::placeholder {
    color: var(--quiet);
    opacity: 1;
  }

  .room {
    display: grid;
    grid-template:
      'header' auto
      'search' auto
      'stage' minmax(0, 1fr)
      'foot' auto / minmax(0, 1fr);
    height: 100%;
  }
  .header {
    grid-area: header;
    display: flex;
    align-items: center;
    gap: 0.5rem;
    min-height: 3.25rem;
    padding: 0.35rem max(0.75rem, env(safe-area-inset-right)) 0.35rem max(1rem, env(safe-area-inset-left));
    border-bottom: 1px solid var(--line);
  }
  .title {
    flex: 1;
    min-width: 0;
    margin: 0;
    overflow: hidden;
    font-size: 1.0625rem;
    font-weight: 650;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .tools {
    display: flex;
    flex: none;
    gap: 0.15rem;
    margin-inline-start: auto;
  }
  .icon-button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.3rem;
    min-width: 2.25rem;
    height: 2.25rem;
    padding: 0 0.5rem;
    color: var(--quiet);
  }
  .icon-button:hover {
    color: var(--accent);
    background: var(--shade);
  }
  .icon-button:disabled {
    opacity: 0.45;
    cursor: default;
  }
  .icon {
    flex: none;
    width: 1.25rem;
    height: 1.25rem;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.5;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .count {
    font-size: 0.8125rem;
    line-height: 1;
    font-variant-numeric: tabular-nums;
  }

  .search {
    grid-area: search;
    display: flex;
    align-items: center;
    gap: 0.15rem;
    padding: 0.4rem 0.75rem 0.4rem 1rem;
    border-bottom: 1px solid var(--line);
  }
  .search input {
    flex: 1;
    min-width: 0;
    padding: 0.35rem 0.75rem;
    border: 1px solid var(--line-strong);
    border-radius: 8px;
    background: var(--raised);
    appearance: none;
  }
  .search input::-webkit-search-cancel-button {
    display: none; /* Escape and the button beside it close the search */
  }
  .search input:focus-visible {
    outline-offset: -1px;
  }
  .hits {
    min-width: 5em;
    padding-inline: 0.5rem;
    font-size: 0.8125rem;
    text-align: end;
    font-variant-numeric: tabular-nums;
    color: var(--quiet);
  }

  .stage {
    grid-area: stage;
    position: relative;
    min-height: 0;
  }
  .float {
    position: absolute;
    inset: auto 0 0.6rem;
    display: flex;
    flex-direction: column;
    align-items: center;
    gap: 0.5rem;
    pointer-events: none;
  }
  .note,
  .latest {
    display: flex;
    align-items: center;
    gap: 0.35rem;
    margin: 0;
    pointer-events: auto;
    min-height: 2.25rem;
    padding: 0.25rem 0.95rem;
    border: 1px solid var(--line);
    border-radius: 999px;
    font-size: 0.8125rem;
    background: var(--raised);
    box-shadow: 0 2px 10px rgb(0 0 0 / 0.1);
  }
  .latest {
    padding-inline: 0.55rem;
    color: var(--quiet);
  }
  .latest:hover {
    color: var(--accent);
    border-color: var(--accent);
  }
  .latest.unseen {
    padding-inline-end: 0.95rem;
    font-weight: 600;
    color: var(--accent);
  }

  .roster {
    display: none;
    grid-area: people;
    overflow-y: auto;
    padding: 0.9rem 1rem;
    border-inline-start: 1px solid var(--line);
    font-size: 0.875rem;
  }
  .roster .title {
    margin: 0 0 0.5rem;
    font-size: 0.8125rem;
    font-weight: 400;
    color: var(--quiet);
  }
  .roster ul,
  .panel ul {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .roster li,
  .panel li {
    display: flex;
    gap: 0.5rem;
    align-items: baseline;
    padding-block: 0.15rem;
  }
  .nick {
    font-weight: 600;
    color: var(--nick, var(--ink));
  }
  .you,
  .pen,
  .nobody {
    margin: 0;
    font-size: 0.8125rem;
    color: var(--quiet);
  }
  .panel {
    inset: auto;
    margin: 0;
    min-width: 12rem;
    max-width: calc(100vw - 1rem);
    max-height: 70dvh;
    overflow-y: auto;
    padding: 0.75rem 1rem;
    border: 1px solid var(--line);
    border-radius: 12px;
    font-size: 0.9375rem;
    color: var(--ink);
    background: var(--raised);
    box-shadow: 0 6px 28px rgb(0 0 0 / 0.16);
  }

  .foot {
    grid-area: foot;
    width: 100%;
    max-width: 50rem;
    margin-inline: auto;
    padding: 0 max(1rem, env(safe-area-inset-right)) max(0.5rem, env(safe-area-inset-bottom)) max(1rem, env(safe-area-inset-left));
  }
  .typing {
    height: 1.3rem;
    margin: 0;
    overflow: hidden;
    font-size: 0.75rem;
    line-height: 1.3rem;
    text-overflow: ellipsis;
    white-space: nowrap;
    color: var(--quiet);
  }
  .notice {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 0.25rem 1rem;
    margin: 0.5rem 0 0;
    padding: 0.3rem 0.4rem 0.3rem 0.9rem;
    border-radius: 10px;
    font-size: 0.875rem;
    font-variant-numeric: tabular-nums;
    color: var(--alert);
    background: color-mix(in srgb, var(--alert) 9%, var(--paper));
  }
  .notice :is(button, a) {
    display: inline-block;
    padding: 0.3rem 0.75rem;
    border-radius: 8px;
    font-weight: 600;
    color: inherit;
  }
  .notice :is(button, a):hover {
    background: color-mix(in srgb, var(--alert) 12%, transparent);
  }
  .status {
    display: flex;
    align-items: baseline;
    justify-content: space-between;
    gap: 0.75rem;
    padding: 0.3rem 0.2rem 0;
    font-size: 0.8125rem;
  }
  .nick-form {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0.1rem 0.6rem;
    min-width: 0;
  }
  .name {
    width: 11rem;
    min-width: 0;
    min-height: 1.75rem;
    padding: 0.1rem 0.5rem;
    border: 1px solid transparent;
    border-radius: 6px;
    text-overflow: ellipsis;
  }
  .name:hover,
  .name:placeholder-shown {
    border-color: var(--line);
  }
  .name[aria-invalid='true'] {
    border-color: var(--alert);
  }
  .name:focus-visible {
    outline-offset: -1px;
  }
  @media (pointer: coarse) {
    /* With a smaller font, phones zoom in on the field. */
    .name,
    .search input {
      font-size: 1rem;
    }
  }
  .nick-error {
    color: var(--alert);
  }
  .state {
    flex: none;
    font-size: 0.75rem;
    white-space: nowrap;
    color: var(--quiet);
  }
  .state::before {
    content: '';
    display: inline-block;
    width: 0.5em;
    height: 0.5em;
    margin-inline-end: 0.5em;
    border-radius: 50%;
    background: var(--line-strong);
  }
  .state.connected::before {
    background: var(--accent);
  }
  .state.offline::before {
    background: var(--alert);
  }

  @container (width >= 52rem) {
    .room {
      grid-template:
        'header header' auto
        'search search' auto
        'stage people' minmax(0, 1fr)
        'foot people' auto / minmax(0, 1fr) 12.5rem;
    }
    .roster {
      display: block;
    }
    .people-button {
      display: none;
    }
  }
`
