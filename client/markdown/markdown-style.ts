/**
 * The style of a message's text, which is what renderMarkdown makes of it. Headings are small, since a message is not a document.
 * Its colours are those of chat-room-style.ts.
 */
import { css } from 'lit'

export const markdownStyle = css`
  .text {
    min-width: 0;
  }
  .text > :first-child {
    margin-top: 0;
  }
  .text > :last-child {
    margin-bottom: 0;
  }
  .text :is(p, ul, ol, blockquote, pre, table) {
    margin: 0.4rem 0;
  }
  .text :is(h1, h2, h3, h4, h5, h6) {
    margin: 0.6rem 0 0.2rem;
    font-size: 1.0625rem;
    line-height: 1.4;
  }
  .text :is(ul, ol) {
    padding-inline-start: 1.5em;
  }
  .text a {
    color: var(--accent);
    text-underline-offset: 0.15em;
  }
  .text blockquote {
    padding-inline-start: 0.8rem;
    border-inline-start: 3px solid var(--line);
    color: var(--quiet);
  }
  .text :is(code, pre) {
    font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace;
    font-size: 0.875em;
  }
  .text code {
    padding: 0.1em 0.3em;
    border-radius: 4px;
    background: color-mix(in srgb, var(--ink) 7%, transparent);
  }
  .text pre {
    padding: 0.6rem 0.8rem;
    border: 1px solid var(--line);
    border-radius: 8px;
    background: var(--raised);
    line-height: 1.45;
    overflow-x: auto;
    overflow-wrap: normal;
  }
  .text pre code {
    padding: 0;
    background: none;
  }
  .text hr {
    border: 0;
    border-top: 1px solid var(--line);
  }
  .text table {
    display: block;
    max-width: 100%;
    overflow-x: auto;
    border-collapse: collapse;
    overflow-wrap: normal;
  }
  .text :is(th, td) {
    padding: 0.2rem 0.7rem;
    border: 1px solid var(--line);
  }
`
