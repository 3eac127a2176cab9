/** The style of <chat-log>. Its colours are those of chat-room-style.ts. */
import { css } from 'lit'

export const logStyle = css`
  :host {
    display: block;
    height: 100%;
  }
  *,
  ::before,
  ::after {
    box-sizing: border-box;
  }
  button {
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
    cursor: pointer;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }

  .log {
    height: 100%;
    overflow-y: auto;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    scrollbar-color: var(--line) transparent;
    outline-offset: -3px;
  }
  .lines {
    max-width: 50rem;
    min-height: 100%;
    margin-inline: auto;
    padding: 0.5rem 1rem 1rem;
    display: flow-root;
  }
  .empty {
    margin: 30vh 0 0;
    text-align: center;
    color: var(--quiet);
  }

  .message {
    position: relative;
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    column-gap: 1rem;
    align-items: start;
    margin-inline: -0.6rem;
    padding: 0.1rem 0.6rem;
    border-radius: 8px;
    content-visibility: auto;
    contain-intrinsic-size: auto none auto 1.7rem;
  }
  .message.first {
    margin-top: 0.8rem;
    contain-intrinsic-size: auto none auto 3.01rem;
  }
  .message:hover,
  .message:focus-within {
    background: var(--shade);
  }
  .message:focus-visible {
    outline-offset: -2px;
  }
  .message.marked {
    background: color-mix(in srgb, var(--accent) 13%, transparent);
  }
  .nick {
    grid-column: 1 / -1;
    justify-self: start;
    max-width: 100%;
    font-size: 0.875rem;
    font-weight: 600;
    line-height: 1.5;
    color: var(--nick, var(--ink));
  }
  .anonymous {
    font-weight: 400;
    color: var(--quiet);
  }
  .time {
    padding: 0.25rem 0 0.1rem 0.5rem;
    margin-block: 0.05rem;
    font-size: 0.75rem;
    line-height: 1.25rem;
    font-variant-numeric: tabular-nums;
    color: var(--quiet);
    text-decoration: none;
  }
  .time:hover {
    color: var(--accent);
    text-decoration: underline;
  }

  .pending .text {
    color: var(--quiet);
  }
  .on-its-way {
    font-size: 0.75rem;
    line-height: 1.75rem;
    color: var(--quiet);
  }
  .refused {
    grid-column: 1 / -1;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.15rem 0.35rem;
    margin: 0.2rem 0 0;
    font-size: 0.8125rem;
    color: var(--alert);
  }
  .refused span {
    margin-inline-end: 0.5rem;
  }
  .refused button {
    min-height: 1.75rem;
    padding: 0.1rem 0.6rem;
    border-radius: 6px;
    font-weight: 600;
  }
  .refused button:hover {
    background: color-mix(in srgb, var(--alert) 12%, transparent);
  }

  .actions {
    position: absolute;
    inset: 0.05rem 3.4rem auto auto;
    display: none;
    border: 1px solid var(--line);
    border-radius: 7px;
    background: var(--raised);
  }
  .first .actions {
    top: 1.35rem;
  }
  .message:hover > .actions,
  .message:focus-within > .actions {
    display: flex;
  }
  .icon-button {
    display: grid;
    place-items: center;
    width: 1.875rem;
    height: 1.625rem;
    padding: 0;
    border-radius: 6px;
    color: var(--quiet);
  }
  .icon-button:hover {
    color: var(--accent);
    background: var(--shade);
  }
  .icon-button:focus-visible {
    outline-offset: -2px;
  }
  .icon {
    width: 1.0625rem;
    height: 1.0625rem;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.5;
    stroke-linecap: round;
    stroke-linejoin: round;
  }

  .long {
    min-width: 0;
  }
  .long.folded .text {
    max-height: 13rem;
    overflow: hidden;
    mask-image: linear-gradient(#000 calc(100% - 4rem), transparent);
  }
  .fold {
    min-height: 1.75rem;
    padding: 0.1rem 0;
    font-size: 0.8125rem;
    font-weight: 600;
    color: var(--accent);
  }
  .fold:hover {
    text-decoration: underline;
    text-underline-offset: 0.2em;
  }
  .fold:focus-visible {
    outline-offset: -1px;
  }

  .code {
    position: relative;
    margin: 0.4rem 0;
  }
  .text .code pre {
    margin: 0;
  }
  .text pre:focus-visible {
    outline-offset: -2px;
  }
  .copy-code {
    position: absolute;
    inset: 0.3rem 0.3rem auto auto;
    min-height: 1.625rem;
    padding: 0 0.55rem;
    border: 1px solid var(--line);
    border-radius: 6px;
    font-size: 0.75rem;
    color: var(--quiet);
    background: var(--raised);
    opacity: 0;
  }
  .code:hover .copy-code,
  .copy-code:focus-visible {
    opacity: 1;
  }
  .copy-code:hover {
    color: var(--accent);
  }
  @media (hover: none) {
    .copy-code {
      opacity: 1;
    }
  }

  .presence {
    margin: 0.35rem 0;
    font-size: 0.8125rem;
    color: var(--quiet);
  }
  .presence .time {
    padding-block: 0.2rem;
  }
  .presence summary {
    width: fit-content;
    min-height: 1.5rem;
    border-radius: 4px;
    cursor: pointer;
  }
  .presence summary::marker {
    color: var(--line-strong);
  }
  .presence p {
    margin: 0.1rem 0 0.1rem 1.05rem;
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
    border-color: currentColor;
  }

  /* Without a height, so that nothing moves when the line disappears. */
  .unread-line {
    position: relative;
    z-index: 1;
    height: 0;
    margin: 0 0 0 -0.6rem;
    border-top: 1px solid var(--alert);
    text-align: end;
    transform: translateY(0.4rem);
  }
  .unread-line span {
    position: absolute;
    inset: -0.6rem 0 auto auto;
    padding-inline-start: 0.6rem;
    font-size: 0.75rem;
    line-height: 1.2rem;
    color: var(--alert);
    background: var(--paper);
  }
  .unread-line.read {
    opacity: 0;
    visibility: hidden;
    transition:
      opacity 0.6s 5s,
      visibility 0s 5.6s;
  }

  ::highlight(roomfile-found) {
    color: #1d1a12;
    background: #f5d76e;
  }
  @media (prefers-reduced-motion: reduce) {
    .unread-line.read {
      transition: visibility 0s 5s;
    }
  }
  @media print {
    .message {
      content-visibility: visible;
    }
  }
`
