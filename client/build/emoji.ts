/**
 * Makes emoji-picker-element fit a page with a strict content security policy, while it is bundled, and its data an asset.
 * The picker (1.29.1) brings a <style>, sets `style` attributes and assigns innerHTML: the first two are what `style-src 'self'` forbids,
 * the third what `require-trusted-types-for 'script'` does. Knows these three lines of it, and fails when they are no longer there.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Plugin } from 'esbuild'

/** The name to allow in `trusted-types`: templates that are constants of the picker's own, with no text of anybody's in them. */
const TRUSTED_TYPES_POLICY = 'emoji-picker'

const PATCHES: readonly [string, string][] = [
  [
    `const style = document.createElement('style');
    style.textContent = baseStyles + EXTRA_STYLES;
    this.shadowRoot.appendChild(style);`,
    `const style = new CSSStyleSheet();
    style.replaceSync(baseStyles + EXTRA_STYLES);
    this.shadowRoot.adoptedStyleSheets = [style];`,
  ],
  [
    'targetNode.setAttribute(attributeName, newValue);',
    `if (attributeName === 'style') targetNode.style.cssText = newValue;
        else targetNode.setAttribute(attributeName, newValue);`,
  ],
  ['template.innerHTML = htmlString;', 'template.innerHTML = trusted(htmlString);'],
]

const TRUSTED = `
let policy;
function trusted (html) {
  policy ??= globalThis.trustedTypes?.createPolicy('${TRUSTED_TYPES_POLICY}', { createHTML: (text) => text }) ?? { createHTML: (text) => text };
  return policy.createHTML(html)
}
`

function patched(source: string): string {
  return PATCHES.reduce((text, [line, ours]) => {
    const [before, after, ...more] = text.split(line)
    if (after === undefined || more.length > 0) throw new Error(`emoji-picker-element has changed: it has no longer one\n${line}`)
    return before + ours + after
  }, source)
}

/** `…?url` is a file to serve, and the import its address. */
export const emoji: Plugin = {
  name: 'emoji',
  setup(build) {
    const { resolve } = createRequire(import.meta.url)
    build.onLoad({ filter: /emoji-picker-element[/\\]picker\.js$/ }, async ({ path }) => ({
      contents: patched(await readFile(path, 'utf8')) + TRUSTED,
      loader: 'js',
    }))
    build.onResolve({ filter: /\?url$/ }, ({ path }) => ({ path: resolve(path.replace(/\?url$/, '')), namespace: 'url' }))
    build.onLoad({ filter: /.*/, namespace: 'url' }, async ({ path }) => ({ contents: await readFile(path), loader: 'file' }))
  },
}
