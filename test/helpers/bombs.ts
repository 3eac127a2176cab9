/** Messages within `--max-message` that want to be large, deep or slow where they are shown. Knows Markdown; knows no server. */

const SIZE = 16_384

/** A text said again until it is as long as a message may be. */
export function filled(seed: string, size = SIZE): string {
  return seed.repeat(Math.floor(size / seed.length))
}

/** A table whose rows name none of its columns: the parser fills them up. */
export function emptyTable(columns: number, rows: number): string {
  return `${'|'.repeat(columns + 1)}\n${'|-'.repeat(columns)}|\n${'|\n'.repeat(rows)}`
}

export const BOMBS: Readonly<Record<string, string>> = {
  'a table of 2,700 columns': emptyTable(2700, 2700),
  'a table of 60 columns': emptyTable(60, 8000),
  'a table with every cell written': `|a|b\n|-|-\n${filled('|c|d\n', SIZE - 20)}`,
  'thousands of lines': filled('a\n'),
  'thousands of paragraphs': filled('a\n\n'),
  'thousands of items': filled('- a\n'),
  'thousands of rules': filled('---\n'),
  'thousands of headings': filled('# \n'),
  'thousands of quotes': filled('> a\n\n'),
  'thousands of fences': filled('```\n```\n'),
  'quotes in quotes': `${filled('>')}a`,
  'lists in lists': `${filled('- ')}a`,
  'lists in quotes': `${filled('> - ')}a`,
  'marks in marks': `${filled('*a ', SIZE / 2)}b${filled(' a*', SIZE / 2 - 1)}`,
  'marks in marks in a list': `${'> '.repeat(10)}${'*a '.repeat(12)}b${' a*'.repeat(12)}`,
  'marks that open': filled('*a **a '),
  'marks of every kind': filled('*_~~++'),
  'brackets that open': filled('['),
  'links without an end': filled('[a]('),
  'links with a title without an end': filled('[a](b "'),
  'links in links': `${filled('[', SIZE / 4)}a${filled('](http://a.b)', (SIZE * 3) / 4 - 1)}`,
  'pictures in pictures': `${'!['.repeat(1000)}a${'](http://a.b)'.repeat(1000)}`,
  'pictures with a long name': `${'![ '.repeat(60)}${filled('a*b* ', SIZE / 2)}${'](http://a.b)'.repeat(60)}`,
  addresses: filled('http://a.b/c '),
  'addresses without a blank': filled('http://a.b/('),
  'addresses that are none': filled('http://xn--a/x'),
  'addresses without a scheme': filled('//a.b/'),
  'addresses of mail': filled('a@b.c '),
  'addresses of mail in brackets': filled('<a@b.c'),
  'brackets of addresses': filled('<http:'),
  backticks: Array.from({ length: 179 }, (_, length) => `a${'`'.repeat(length)}`).join(''),
  'entities of quotation marks': filled('&quot;'),
  'quotation marks': filled('"'),
  'an address of Chinese letters': `[a](http://a.b/${'重'.repeat(SIZE - 20)})`,
}
