/** markdown-it-ins has no types of its own. */
declare module 'markdown-it-ins' {
  import type { MarkdownIt } from 'markdown-it'
  export default function ins(md: MarkdownIt): void
}
