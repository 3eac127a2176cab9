import test from 'ava'
import { renderMarkdown } from '../../client/markdown.ts'

const LINK = 'rel="noopener noreferrer nofollow" target="_blank"'

const renders = test.macro((t, source: string, html: string) => {
  t.is(renderMarkdown(source), html)
})

test('bold closes after Chinese punctuation', renders, '**重要！**请看 the build', '<p><strong>重要！</strong>请看 the build</p>\n')
test('two plus signs underline, two tildes strike through', renders, '++a++ ~~b~~ C++', '<p><u>a</u> <s>b</s> C++</p>\n')
test('bold and underline nest inside a Chinese sentence', renders, '请**++看++**这', '<p>请<strong><u>看</u></strong>这</p>\n')
test('a line end is a line end', renders, 'one\ntwo', '<p>one<br>\ntwo</p>\n')
test('HTML is text', renders, '<b onclick=x>&amp;', '<p>&lt;b onclick=x&gt;&amp;</p>\n')
test('an address becomes a link', renders, '看http://a.com/b。', `<p>看<a href="http://a.com/b" ${LINK}>http://a.com/b</a>。</p>\n`)
test('a mail address becomes a link', renders, 'a@b.org', `<p><a href="mailto:a@b.org" ${LINK}>a@b.org</a></p>\n`)
test('a file name is no address', renders, 'README.md deploy.sh', '<p>README.md deploy.sh</p>\n')
test('an image becomes a link with its alt text', renders, '![a *b*](http://c/d.png)', `<p><a href="http://c/d.png" ${LINK}>a b</a></p>\n`)
test('an image without alt text is named by its address', renders, '![](http://c/)', `<p><a href="http://c/" ${LINK}>http://c/</a></p>\n`)
test('an image in a link is its alt text', renders, '[![in](http://x)](http://y)', `<p><a href="http://y" ${LINK}>in</a></p>\n`)
test('what looks like a link definition is shown', renders, '[1]: x', '<p>[1]: x</p>\n')
test('a row of equals signs makes no heading of the line before', renders, 'a\n==', '<p>a<br>\n==</p>\n')
test('quotes too deep to nest are shown as they were typed', renders, `${'>'.repeat(30)} <hi`, `<p>${'&gt;'.repeat(30)} &lt;hi</p>\n`)

for (const address of [
  'javascript:alert(1)',
  'https:x',
  'http:/x',
  'https://',
  'https:javascript:x',
  'JavaScript:x',
  'jav&#x09;ascript:x',
  'data:text/html,x',
  'vbscript:x',
  'file:///etc',
  '/rel',
  '//a.b',
]) {
  test(`${address} is never a link`, (t) => {
    for (const source of [`[a](${address})`, `![a](${address})`, `<${address}>`, address]) t.notRegex(renderMarkdown(source), /<a|<img/)
  })
}

test('a table keeps its alignment without a style', (t) => {
  const html = renderMarkdown('a|b\n:-|-:\nc|d')
  t.regex(html, /<th align="left">a<\/th>\n<th align="right">b<\/th>/)
  t.notRegex(html, /style/)
})

test('16 KiB of anything come to an end', (t) => {
  const seeds = [
    '<',
    '[',
    '*',
    '>',
    '> ',
    '- ',
    '_',
    '`',
    '![',
    '~~',
    '++',
    '*_',
    '**a ',
    '[a](',
    '&',
    'http://a.b ',
    'a@b.c ',
    '(',
    '**重',
    '`a',
    '|',
  ]
  for (const seed of [...seeds, '- a\n', 'a|b\n-|-\n', '1. ', '\n', '[a]: b\n', 'https://a.com/(((', '<!--']) {
    t.notThrows(() => renderMarkdown(seed.repeat(16_384 / seed.length)), seed)
  }
})
