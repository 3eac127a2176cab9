/**
 * What it may cost to render one message, whatever it says: asked while it is parsed, and not of the result.
 * Knows the inside of markdown-it, where tokens are made and places are looked at again; knows nothing of what a message looks like.
 */
import type { Env, MarkdownIt, StateCore, Token } from 'markdown-it'

/** For each message, in the page, in its preview and on the server alike. Beyond it a message is shown as its source text. */
export const RENDER_BUDGET = {
  /** UTF-16 units that are parsed at all: the default of `--max-message`. */
  source: 16_384,
  /** What the parser makes: elements, table cells, texts. Dense documents of 16 KiB (our README) make 1,600. */
  tokens: 3000,
  /** Elements in one another. Nobody quotes or lists this deep to be read. */
  nesting: 20,
  /** Characters that are looked at, and looked at again for the end of a link or of an address. The README needs 15,000. */
  steps: 100_000,
  /** UTF-16 units of HTML: 16 KiB of quotation marks, each written `&quot;`, fit in. */
  html: 100_000,
} as const

/** Thrown by the parser in the middle of its work. */
class BeyondBudget extends Error {
  override name = 'BeyondBudget'
}

/** Parses within the budget; undefined beyond it. */
export type Parse = (source: string) => Token[] | undefined

/** Makes a parser ask for what it takes. To be called when all its plugins are in. */
export function withinBudget(markdown: MarkdownIt): Parse {
  let tokens = 0
  let steps = 0

  function make(more: number): void {
    tokens += more
    if (tokens > RENDER_BUDGET.tokens) throw new BeyondBudget()
  }
  function walk(by: number): void {
    steps += by
    if (steps > RENDER_BUDGET.steps) throw new BeyondBudget()
  }

  markdown.set({ maxNesting: RENDER_BUDGET.nesting })
  markdown.core.ruler.push('nesting', boundNesting)

  const { block, inline, linkify } = markdown
  // One door for every token of a block (so also for cells that nobody wrote, which fill up a row of a table), and one for those of a line.
  block.State = class extends block.State {
    override push(...[type, ...rest]: Parameters<InstanceType<typeof block.State>['push']>): Token {
      make(type === 'fence' || type === 'code_block' ? ELEMENTS_OF_CODE : 1)
      return super.push(type, ...rest)
    }
  }
  inline.State = class extends inline.State {
    override push(...args: Parameters<InstanceType<typeof inline.State>['push']>): Token {
      make(1)
      return super.push(...args)
    }

    override pushPending(): Token {
      make(1)
      return super.pushPending()
    }
  }

  const skipToken = inline.skipToken.bind(inline)
  inline.skipToken = (state) => {
    walk(1)
    skipToken(state)
  }
  const parse = inline.parse.bind(inline)
  inline.parse = (text, ...args) => {
    walk(text.length) // the name of a picture is parsed anew, and that of a picture in it
    parse(text, ...args)
  }
  if (linkify) {
    const testSchemaAt = linkify.testSchemaAt.bind(linkify)
    linkify.testSchemaAt = (text, schema, at) => {
      const length = testSchemaAt(text, schema, at)
      walk(length || LONGEST_HOST) // where there is no address, no more than a host was looked at
      return length
    }
    const normalize = linkify.normalize.bind(linkify)
    linkify.normalize = (match) => {
      make(TOKENS_OF_A_LINK) // they are made with no push
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

/** A block of code is one token, and on the page a frame with its code and a button. */
const ELEMENTS_OF_CODE = 4

/** Its start, its text, its end, and the text before it. */
const TOKENS_OF_A_LINK = 4

/** Linkify looks at 11 labels of 63 characters, and then gives up. */
const LONGEST_HOST = 700

/** markdown-it drops blocks that lie deeper than it nests (`>>>>>>…`), and a message must not vanish; marks in a line it nests as deep as they go. */
function boundNesting({ tokens }: StateCore): void {
  const deepest = RENDER_BUDGET.nesting - 1
  for (const { level, children } of tokens) {
    if (level >= deepest || children?.some((child) => level + child.level >= deepest)) throw new BeyondBudget()
  }
}
