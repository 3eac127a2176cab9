/**
 * An esbuild plugin: patches the source of emoji-picker-element for a strict content security policy, and makes its data a file to serve.
 * The picker inserts a <style> and sets `style` attributes, which `style-src 'self'` forbids, and assigns to innerHTML, which
 * `require-trusted-types-for 'script'` forbids. The build fails if the source is not the one that the patches were written for.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Plugin } from 'esbuild'

/** The version that the patches were written for; package.json has the same. */
const PICKER_VERSION = '1.29.1'

/** The name to allow in `trusted-types`. The policy gets only the picker's own templates, which are constants and contain no user input. */
const TRUSTED_TYPES_POLICY = 'emoji-picker'

/** Each replaces a text that occurs exactly once in the source. */
const PATCHES: readonly (readonly [original: string, replacement: string])[] = [
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

/** @throws Error if the picker has another version, or its source does not contain what is to be replaced */
async function patchedPicker(path: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(path), 'package.json'), 'utf8')) as { version: string }
  if (version !== PICKER_VERSION) {
    throw new Error(
      `client/build/emoji.ts patches emoji-picker-element ${PICKER_VERSION}, but ${version} is installed. ` +
        'Run `npm ci`, or check each patch against the new source and change PICKER_VERSION.',
    )
  }
  return PATCHES.reduce(replaceOnce, await readFile(path, 'utf8')) + TRUSTED
}

function replaceOnce(source: string, [original, replacement]: readonly [string, string]): string {
  const [before, after, ...more] = source.split(original)
  if (after === undefined || more.length > 0) {
    throw new Error(`client/build/emoji.ts cannot patch emoji-picker-element: this is not in its source exactly once:\n${original}`)
  }
  return before + replacement + after
}

/** `import url from '….json?url'`: the file is copied to the assets, and `url` is its address. */
export const emoji: Plugin = {
  name: 'emoji',
  setup(build) {
    const { resolve } = createRequire(import.meta.url)
    build.onLoad({ filter: /emoji-picker-element[/\\]picker\.js$/ }, async ({ path }) => ({
      contents: await patchedPicker(path),
      loader: 'js',
    }))
    build.onResolve({ filter: /\?url$/ }, ({ path }) => ({ path: resolve(path.replace(/\?url$/, '')), namespace: 'url' }))
    build.onLoad({ filter: /.*/, namespace: 'url' }, async ({ path }) => ({ contents: await readFile(path), loader: 'file' }))
  },
}
