/** A judge of rendered messages: parses HTML as a browser does, foreign content and all, and names what a message must not contain. */
import { createRequire } from 'node:module'

// It has no types under this name.
const require = createRequire(import.meta.url)
const { createDocument } = require('@mixmark-io/domino') as { createDocument: (html: string) => Document }

const PLAIN = 'p br b strong em u s ul li blockquote pre hr h1 h2 h3 h4 h5 h6 table thead tbody tr'

/** The elements of a message, with the attributes that each may have. */
const ALLOWED = new Map<string, RegExp | null>([
  ...PLAIN.split(' ').map((name) => [name, null] as const),
  ['a', /^(?:href|title|rel|target)$/],
  ['ol', /^start$/],
  ['code', /^class$/],
  ['th', /^align$/],
  ['td', /^align$/],
])

/** Everything in the HTML that a message must not contain. */
export function offences(html: string): string[] {
  const elements = Array.from(createDocument(`<body><main>${html}</main></body>`).querySelectorAll('main *'))
  return elements.flatMap((element) => {
    const name = element.localName
    const allowed = ALLOWED.get(name)
    if (allowed === undefined) return [`<${name}>`]
    const attributes = Array.from(element.attributes).filter((attribute) => allowed?.test(attribute.name) !== true)
    const astray = name === 'a' && !/^(?:https?:\/\/|mailto:)/.test(element.getAttribute('href') ?? '')
    return [...attributes.map((attribute) => `<${name} ${attribute.name}>`), ...(astray ? [element.getAttribute('href') ?? 'no href'] : [])]
  })
}
