/**
 * The looks of <chat-room>: a constructable style sheet, which a strict content security policy lets pass.
 * Its colours can be set from outside with the custom properties `--room-…`; light and dark follow the reader's system.
 */
import { css } from 'lit'

export const chatRoomStyle = css`
  :host {
    --paper: var(--room-paper, light-dark(#fcfbf9, #191b1e));
    --raised: var(--room-raised, light-dark(#fff, #212428));
    --ink: var(--room-ink, light-dark(#24272b, #e4e2dd));
    --quiet: var(--room-quiet, light-dark(#6b6f76, #989ca3));
    --line: var(--room-line, light-dark(#e4e1db, #33373c));
    --accent: var(--room-accent, light-dark(#1f6f68, #7fc7bb));
    --alert: var(--room-alert, light-dark(#a1391f, #f0a58f));
    color-scheme: light dark;
    display: grid;
    grid-template-rows: minmax(0, 1fr) auto;
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
  *,
  ::before {
    box-sizing: border-box;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }

  .stage {
    position: relative;
    min-height: 0;
  }
  .log {
    height: 100%;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 0.5rem max(1rem, (100% - 46rem) / 2) 1.25rem;
    outline-offset: -3px;
  }
  .empty {
    margin: 4rem 0;
    text-align: center;
    color: var(--quiet);
  }

  .message {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    column-gap: 1rem;
    align-items: baseline;
    padding-block: 0.1rem;
  }
  .message.first {
    margin-top: 0.9rem;
  }
  .nick {
    grid-column: 1 / -1;
    font-size: 0.875rem;
    font-weight: 600;
    color: var(--accent);
  }
  .anonymous {
    font-weight: 400;
    color: var(--quiet);
  }
  time {
    font-size: 0.75rem;
    font-variant-numeric: tabular-nums;
    color: var(--quiet);
  }
  .presence {
    margin: 0.6rem 0;
    font-size: 0.8125rem;
    color: var(--quiet);
  }
  .presence time {
    margin-inline-start: 0.4em;
  }
  .divider {
    display: flex;
    align-items: center;
    gap: 0.9rem;
    margin: 1.5rem 0 0.75rem;
    font-size: 0.75rem;
    color: var(--quiet);
  }
  .divider::before,
  .divider::after {
    content: '';
    flex: 1;
    border-top: 1px solid var(--line);
  }
  .gap {
    color: var(--alert);
  }
  .gap::before,
  .gap::after {
    border-top-style: dashed;
  }

  .float {
    position: absolute;
    inset: auto 0 0.75rem;
    display: flex;
    flex-direction: column;
    align-items: center;
    gap: 0.5rem;
    pointer-events: none;
  }
  .float > * {
    margin: 0;
    pointer-events: auto;
    border-radius: 999px;
    padding: 0.3rem 0.95rem;
    font-size: 0.8125rem;
    border: 1px solid var(--line);
    background: var(--raised);
    box-shadow: 0 2px 10px rgb(0 0 0 / 0.12);
  }

  .foot {
    padding: 0.4rem max(1rem, (100% - 46rem) / 2) max(0.9rem, env(safe-area-inset-bottom));
  }
  .notice {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 0.25rem 1rem;
    margin: 0 0 0.5rem;
    padding: 0.45rem 0.5rem 0.45rem 0.9rem;
    border-radius: 10px;
    font-size: 0.875rem;
    color: var(--alert);
    background: color-mix(in srgb, var(--alert) 9%, transparent);
  }
  input,
  button {
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
  }
  ::placeholder {
    color: var(--quiet);
    opacity: 1;
  }
  .row {
    display: flex;
    align-items: center;
    gap: 0.75rem;
    padding: 0.35rem 0.95rem 0;
  }
  .name {
    width: 9rem;
    min-width: 0;
    padding: 0.15rem 0;
    font-size: 0.875rem;
    border-bottom: 1px solid var(--line);
    border-radius: 0;
  }
  @media (pointer: coarse) {
    /* A smaller font makes phones zoom in on the field. */
    .name {
      font-size: 1rem;
    }
  }
  .state {
    margin-inline-start: auto;
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
    background: var(--line);
  }
  .state.connected::before {
    background: var(--accent);
  }
  button {
    cursor: pointer;
    border-radius: 8px;
    padding: 0.3rem 0.75rem;
    font-size: 0.875rem;
  }
  .notice button {
    font-weight: 600;
  }
  .notice button:hover {
    background: color-mix(in srgb, var(--alert) 12%, transparent);
  }
`
