/**
 * Every pattern of ours, as a pattern that meets foreign text: none may take more steps than the text has characters, times a constant.
 * A checker looks at each; one that it reports is written anew (`(?<!\n)\n+$` for `\n+$`), or stands below with what bounds it.
 */
import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parse, type Node } from 'acorn'
import ava from 'ava'
import { analyse } from 'scslre'

const test = ava.serial

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

interface Pattern {
  readonly source: string
  readonly flags: string
}

/** Patterns that are reported, and are harmless: by file and source, with the bound that makes them so. There is none at the moment. */
const EXCEPTIONS: Readonly<Record<string, string>> = {}

/** Files that put patterns together: with what is put in, or how they are looked at. */
const MADE: Readonly<Record<string, string>> = {
  'client/composer/marks.ts': 'one sign of ours, of a line of one’s own draft',
  'client/language.ts': 'the name of a language of ours',
  'server/dialects/markup.ts': 'made when it is loaded, and looked at then',
  'server/dialects/sieve.ts': 'made when it is loaded, and looked at then',
}

const FILES = globSync('{server,client}/**/*.ts', { cwd: ROOT }).filter((file) => !file.endsWith('.d.ts'))

/** The parts of a program, whatever they are. */
function* nodesIn(part: unknown): Generator<Record<string, unknown>> {
  if (typeof part !== 'object' || part === null) return
  if (!Array.isArray(part)) yield part as Record<string, unknown>
  for (const inner of Object.values(part)) yield* nodesIn(inner)
}

function programOf(file: string): Node {
  const code = stripTypeScriptTypes(readFileSync(ROOT + file, 'utf8'))
  return parse(code, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true })
}

function literalsIn(file: string): Pattern[] {
  return [...nodesIn(programOf(file))].flatMap(({ type, regex }) => {
    if (type !== 'Literal' || regex === undefined) return []
    const { pattern, flags } = regex as { pattern: string; flags: string }
    return [{ source: pattern, flags }]
  })
}

/** Whether a file puts patterns together from parts. */
function makesPatterns(file: string): boolean {
  return [...nodesIn(programOf(file))].some(({ type, callee }) => {
    const name = (callee as { name?: string } | undefined)?.name
    return (type === 'NewExpression' || type === 'CallExpression') && name === 'RegExp'
  })
}

const reportsOf = ({ source, flags }: Pattern): string[] => analyse({ source, flags }).reports.map(({ type }) => type)

/** Whether the one who makes a pattern at this moment is of the server, and not a library. */
const isOurs = (): boolean => new Error('where').stack?.split('\n')[3]?.includes(`${ROOT}server/`) ?? false

test('the checker sees a pattern that is too slow', (t) => {
  t.deepEqual(reportsOf({ source: String.raw`[\r\n]+$`, flags: '' }), ['Move'])
  t.deepEqual(reportsOf({ source: String.raw`\s*\n\s*`, flags: 'g' }), ['Move'])
  t.deepEqual(reportsOf({ source: String.raw`^(\S.*?)([ \t]*)$`, flags: 'gm' }), ['Trade'])
  t.deepEqual(reportsOf({ source: String.raw`(?<![\r\n])[\r\n]+$`, flags: '' }), [])
})

test('no pattern of the server or the client takes more than a time in proportion to the text', (t) => {
  const patterns = FILES.flatMap((file) => literalsIn(file).map((pattern) => ({ file, ...pattern })))
  t.true(patterns.length > 100, `${patterns.length} patterns were found`)
  const reported = patterns.filter((pattern) => reportsOf(pattern).length > 0).map(({ file, source }) => `${file} ${source}`)
  t.deepEqual(reported, Object.keys(EXCEPTIONS))
})

test('a pattern that is put together is looked at as well', async (t) => {
  t.deepEqual(FILES.filter(makesPatterns).toSorted(), Object.keys(MADE).toSorted())
  const made: Pattern[] = []
  const Original = RegExp
  globalThis.RegExp = new Proxy(Original, {
    construct(target, [source, flags = '']: [string, string?]) {
      if (isOurs()) made.push({ source, flags })
      return new target(source, flags)
    },
  })
  t.teardown(() => (globalThis.RegExp = Original))
  await Promise.all([import('../../server/dialects/sieve.ts'), import('../../server/dialects/markup.ts')])
  t.is(made.length, 4)
  t.deepEqual(
    made.filter((pattern) => reportsOf(pattern).length > 0).map(({ source }) => source),
    [],
  )
})
