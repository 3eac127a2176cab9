/** How much of what others decide about the server does: constants that no option changes. SECURITY.md lists them, with what is told beyond each. */
export const BUDGETS = {
  /** What a rich editor posts and is turned into Markdown. Beyond it the text is kept, and the formatting is not. */
  editorHtml: {
    /** UTF-16 units. A message of 16 KiB in which every word has a mark is half of it. */
    length: 65_536,
    /** The sum over all tags of the elements that are open at each, with 100 characters of text as a tag. A formatted page of 16 KiB needs half of it. */
    effort: 2500,
    /** Blanks in a row, but for those that HTML itself takes for one. No editor indents as far. */
    blanks: 100,
  },
} as const
