/**
 * Limits on the work to render one message. They are checked while markdown-it parses, not on the result, since parsing is what may take long.
 * Overrides the methods of markdown-it that make tokens, or read a part of the source again.
 */
import type { Env, MarkdownIt, StateCore, Token } from 'markdown-it'

/** For each message, in the page, in the preview and on the server. A message beyond it is shown as its source. */
export const RENDER_BUDGET = {
  /** UTF-16 units of the source: the default of `--max-message`. */
  source: 16_384,
  /** Tokens of the parser: elements, table cells, texts. A dense document of 16 KiB (our README) has 1,600. */
  tokens: 3000,
  /** Levels of nested elements. Readable quotes and lists have few. */
  nesting: 20,
  /** Characters that are read, some several times: to find the end of a link or of an address. The README needs 15,000. */
  steps: 100_000,
  /** UTF-16 units of HTML: enough for 16 KiB of quotation marks, each of which becomes `&quot;`. */
  html: 100_000,
} as const

/** Ends the parser. */
class BeyondBudget extends Error {
  override name = 'BeyondBudget'
}

/** Parses within the budget; undefined beyond it. */
export type Parse = (source: string) => Token[] | undefined

/** A parser with the limits of RENDER_BUDGET. To be called after all plugins have been added. */
export function withinBudget(markdown: MarkdownIt): Parse {
  let tokens = 0
  let steps = 0

  function countTokens(more: number): void {
    tokens += more
    if (tokens > RENDER_BUDGET.tokens) throw new BeyondBudget()
  }
  function countSteps(more: number): void {
    steps += more
    if (steps > RENDER_BUDGET.steps) throw new BeyondBudget()
  }

  markdown.set({ maxNesting: RENDER_BUDGET.nesting })
  markdown.core.ruler.push('nesting', checkNesting)

  const { block, inline, linkify } = markdown
  // All tokens of blocks are made by the first method (also the cells that fill up a short row of a table), all tokens of lines by the other two.
  block.State = class extends block.State {
    override push(...[type, ...rest]: Parameters<InstanceType<typeof block.State>['push']>): Token {
      countTokens(type === 'fence' || type === 'code_block' ? ELEMENTS_OF_CODE : 1)
      return super.push(type, ...rest)
    }
  }
  inline.State = class extends inline.State {
    override push(...args: Parameters<InstanceType<typeof inline.State>['push']>): Token {
      countTokens(1)
      return super.push(...args)
    }

    override pushPending(): Token {
      countTokens(1)
      return super.pushPending()
    }
  }

  const skipToken = inline.skipToken.bind(inline)
  inline.skipToken = (state) => {
    countSteps(1)
    skipToken(state)
  }
  const parse = inline.parse.bind(inline)
  inline.parse = (text, ...args) => {
    countSteps(text.length) // the text of an image is parsed again, and so is that of an image in it
    parse(text, ...args)
  }
  if (linkify) {
    const testSchemaAt = linkify.testSchemaAt.bind(linkify)
    linkify.testSchemaAt = (text, schema, at) => {
      const length = testSchemaAt(text, schema, at)
      countSteps(length || MAX_HOST) // without a match, at most a host name was read
      return length
    }
    const normalize = linkify.normalize.bind(linkify)
    linkify.normalize = (match) => {
      countTokens(TOKENS_OF_A_LINK) // linkify makes them without push
      normalize(match)
    }
  }

  return (source) => {
    if (source.length > RENDER_BUDGET.source) return undefined
    tokens = 0
    steps = 0
    const env: Env = {}
    try {
      return markdown.parse(source, env)
    } catch (error) {
      if (error instanceof BeyondBudget) return undefined
      throw error
    }
  }
}

/** A code block is one token, but in the page a frame, a button and the code. */
const ELEMENTS_OF_CODE = 4

/** The text before it, its start, its text, and its end. */
const TOKENS_OF_A_LINK = 4

/** Linkify reads at most 11 labels of 63 characters. */
const MAX_HOST = 700

/** markdown-it drops blocks below its maxNesting (`>>>>>>…`), which would hide a message, and has no limit for marks in a line. */
function checkNesting({ tokens }: StateCore): void {
  const deepest = RENDER_BUDGET.nesting - 1
  for (const { level, children } of tokens) {
    if (level >= deepest || children?.some((child) => level + child.level >= deepest)) throw new BeyondBudget()
  }
}
