/** HTML of a rich editor that becomes Markdown, and Markdown that becomes HTML. */
import test from 'ava'
import { renderMarkdown } from '../../client/markdown/markdown.ts'
import { toHtml } from '../../server/dialects/html.ts'
import { toMarkdown } from '../../server/dialects/markup.ts'
import { offences } from '../helpers/offences.ts'

const reads = test.macro((t, html: string, markdown: string) => {
  t.is(toMarkdown(html), markdown)
})

for (const text of [
  'a < b & c',
  '1 * 2 * 3',
  '**x**',
  'List<String> _x_',
  '你好\n  two',
  '',
  '&copy 1',
  'if (a<b) c>d',
  '[a](b) `<`',
  'x ++ y',
]) {
  test(`${JSON.stringify(text)} is no HTML and comes through unchanged`, reads, text, text)
}

test('the four marks of the editor', reads, '<b>b</b> <i>i</i> <u>u</u> <strike>s</strike>', '**b** *i* ++u++ ~~s~~')
test('their modern names', reads, '<strong>b</strong> <em>i</em> <ins>u</ins> <del>s</del>', '**b** *i* ++u++ ~~s~~')
test('fonts and spans leave their text', reads, '<font size="4" color="red">a<span style="x">b</span></font>', 'ab')
test('a space that does not break is a space', reads, 'a&nbsp;&nbsp;b\u00a0c', 'a b c')
test('the invisible start of an empty document goes', reads, '\u200b<b>a&#8203;</b>', '**a**')
test('an empty document of the editor is an empty text', reads, '\u200b', '')
test('an editor with nothing but a line end is an empty text', reads, '<br>', '')
test("Chrome's lines", reads, 'one<div>two</div><div><br></div><div>three</div>', 'one\ntwo\n\nthree')
test("Firefox's lines", reads, 'one<br>two<br><br>three<br>', 'one\ntwo\n\nthree')
test('paragraphs', reads, '<p>one</p><p>two</p>', 'one\n\ntwo')
test('lists and the text after them', reads, '<ul><li>a</li><li>b</li></ul>c', '- a\n- b\n\nc')
test('numbered lists start where they start', reads, '<ol start="3"><li>a</li><li>b</li></ol>', '3. a\n4. b')
test('a list in a list item', reads, '<ul><li>a<ul><li>b</li></ul></li></ul>', '- a\n  - b')
test('a list in a list without an item', reads, '<ul><li>a</li><ul><li>b</li></ul></ul>', '- a\n   - b')
test('a quote', reads, '<blockquote>a<br>b</blockquote>c', '> a\n> b\n\nc')
test('preformatted text', reads, '<pre>a\n  *b*</pre>', '```\na\n  *b*\n```')
test('preformatted text has lines and no elements', reads, '<pre>\na<br><b>b</b></pre>', '```\na\nb\n```')
test('a link', reads, '<a href="https://a.b/c_(d)" onclick="x()">e [f]</a>', '[e \\[f\\]](https://a.b/c_%28d%29)')
test('a link that shows its address', reads, '<a href="https://a.b/c">https://a.b/c</a>', 'https://a.b/c')
test('a link to a script is its text', reads, '<a href="jav&#x09;ascript:alert(1)">a</a>', 'a')
test('an image is a link to it', reads, '<img src="https://a.b/c.png" alt="d">', '[d](https://a.b/c.png)')
test('an image from nowhere is its alt text', reads, '<img src="data:x" alt="d"> e', 'd e')
test('an image in a link is its alt text', reads, '<a href="https://a.b/"><img src="https://a.b/c.png" alt="d"></a>', '[d](https://a.b/)')
test('scripts, styles, fields, frames and comments go with their text', (t) => {
  const html = '<script>s1</script>a<style>s2</style><textarea>s3</textarea><iframe>s4</iframe><!-- s5 --><SCRIPT x>s6</ScRiPt >b<script>s7'
  t.is(toMarkdown(html), 'ab')
})
test(
  'text that would read as Markdown is escaped',
  reads,
  '<div>- a</div><div># b</div><div>1. c</div>2*3*4 ~~d~~',
  '\\- a\n\\# b\n1\\. c\n2\\*3\\*4 \\~\\~d\\~\\~',
)
test(
  'what needs no escape gets none',
  reads,
  'snake_case C++ and 1 * 2 - [ok] (x) C:\\dir<br>',
  'snake_case C++ and 1 * 2 - [ok] (x) C:\\dir',
)
test('an address keeps its signs', reads, 'https://a.b/x_y <i>https://a.b/_z_</i>', 'https://a.b/x_y *<https://a.b/_z_>*')
test('an address beside a letter stays whole', reads, '<i>https://a.b/</i>c', '*https://a.b/\u200b*c')

/** Formatting that must look in the room as it looked in the editor. The joint U+200B is invisible. */
const looksAlike: [string, string?][] = [
  ['<b>重要！</b>请看'],
  ['请<b>“看”</b>这<i>里</i>！'],
  ['请<b><u>看</u></b>这'],
  ['foo<b>"bar"</b>baz'],
  ['a<b>(b)</b>c<i>!</i>d'],
  ['a<i>b</i>c<u>d</u>e<s>f</s>g'],
  ['<i>a</i><b>b</b><i>c</i>'],
  ['<b>a<i>b</i></b><i>c</i>'],
  ['<b><i>a</i>b</b> <i><b>a</b>b</i>'],
  ['<b>a</b><b>b</b>', '<b>ab</b>'],
  ['<b>a </b>b', '<b>a</b> b'],
  ['<b>a<br>b</b>', '<b>a</b><br><b>b</b>'],
  ['<b>a<br></b>b', '<b>a</b><br>b'],
  ['<span><b>a</b></span><span><b>b</b></span>', '<b>ab</b>'],
  ['a<b><u>b</u></b>c<b><i>"d"</i></b>e'],
  ['<u>a</u><u>b</u> + <u>c</u>+', '<u>ab</u> + <u>c</u>+'],
  ['&lt;b&gt; &amp;lt; a*b*c _d_ `e` [f](g) ~~h~~ ++i++'],
  ['<i>x</i> \\*a\\* c:\\'],
]

for (const [html, expected = html] of looksAlike) {
  test(`${html} looks the same after Markdown and back`, (t) => {
    const shown = toHtml(toMarkdown(html))
      .replaceAll(/strong>/g, 'b>')
      .replaceAll(/em>/g, 'i>')
      .replaceAll(/\u200b|<\/?p>|\n/g, '')
      .replaceAll('&quot;', '"')
    t.is(shown, expected)
  })
}

test('lists look the same after Markdown and back', (t) => {
  const html = '<ul><li>一</li><li><b>二</b></li></ul><ol><li>a</li><li>b<ul><li>c</li></ul></li></ol>'
  t.is(toHtml(toMarkdown(html)).replaceAll('strong>', 'b>').replaceAll('\n', ''), html)
})

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '<img src=x onerror=alert(1)//',
  '<img/src=x/onerror=alert(1)>',
  '<IMG """><SCRIPT>alert(1)</SCRIPT>">',
  '<svg onload=alert(1)>',
  '<svg/onload=alert(1)//',
  '<svg><script>alert(1)</script></svg>',
  '<svg><style><img src=x onerror=alert(1)></style></svg>',
  '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<svg><a xlink:href="javascript:alert(1)"><text y=9>x</text></a></svg>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
  '<math><mi//xlink:href="data:x,<script>alert(1)</script>">',
  '<math href="javascript:alert(1)">x</math>',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
  '<a href="javascript:alert(1)">x</a>',
  '<a href="jav&#x09;ascript:alert(1)">x</a>',
  '<a href="&#106;avascript:alert(1)">x</a>',
  '<a href=" \u0001javascript:alert(1)">x</a>',
  '<a href="JaVaScRiPt:alert(1)">x</a>',
  '<a href="data:text/html,<script>alert(1)</script>">x</a>',
  '<a href="vbscript:msgbox(1)">x</a>',
  '<a href=\'https://a.b/" onmouseover="alert(1)\'>x</a>',
  '<a href="https://a.b/)[x](javascript:alert(1)">x</a>',
  '<a href="https://a.b">](javascript:alert(1))</a>',
  '<b>[x](javascript:alert(1))</b>',
  '<b>![x](javascript:alert(1))</b>',
  '<b>&lt;javascript:alert(1)&gt;</b>',
  '<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>',
  '&lt;img src=x onerror=alert(1)&gt;',
  '&amp;lt;img src=x onerror=alert(1)&amp;gt;',
  '<code>&lt;/code&gt;&lt;script&gt;alert(1)&lt;/script&gt;</code>',
  '<pre>```\n&lt;script&gt;alert(1)&lt;/script&gt;</pre>',
  '<scr<script>ipt>alert(1)</scr</script>ipt>',
  '<script>alert(1)',
  '<script>"</script>"<img src=x onerror=alert(1)>',
  '<style>@import "https://evil";</style>',
  '<style><img src="</style><img src=x onerror=alert(1)//">',
  '<textarea><img src=x onerror=alert(1)></textarea>',
  '</textarea><script>alert(1)</script>',
  '<title></title><img src=x onerror=alert(1)></title>',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '<xmp><p title="</xmp><img src=x onerror=alert(1)>">',
  '<iframe src="javascript:alert(1)"></iframe>',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '<object data="javascript:alert(1)"></object><embed src="javascript:alert(1)">',
  '<!--><img src=x onerror=alert(1)>-->',
  '<!-- --!><img src=x onerror=alert(1)> -->',
  '<![CDATA[<img src=x onerror=alert(1)>]]>',
  '<?xml <img src=x onerror=alert(1)>?>',
  '<body onload=alert(1)><base href="//evil/"><meta http-equiv=refresh content="0;url=javascript:alert(1)">',
  '<div style="background:url(javascript:alert(1))" id=x name=y>a</div>',
  '<table background="javascript:alert(1)"><td onclick=alert(1)>x',
  '<input autofocus onfocus=alert(1)><details open ontoggle=alert(1)>x',
  '<template><img src=x onerror=alert(1)></template>',
  '<x-turndown id="turndown-root"></x-turndown><script>alert(1)</script>',
  '<b><i><u><a href="https://a.b"><b></i></u></b></a><p></b>x',
  '<a href="https://a.b"><a href="javascript:alert(1)">x</a></a>',
  '<b>\0<\0script>alert(1)</script></b>',
]

for (const html of HOSTILE) {
  test(`${JSON.stringify(html)} is harmless, at the door and without the door`, (t) => {
    t.deepEqual(offences(toHtml(toMarkdown(html))), [])
    t.deepEqual(offences(toHtml(html)), [])
    t.deepEqual(offences(toHtml(`> - **${html}**`)), [])
  })
}

test('the judge of the tests above sees an offence', (t) => {
  t.deepEqual(offences('<p><img src=x onerror=y><a href="javascript:x">a</a></p><b style="x">'), ['<img>', 'javascript:x', '<b style>'])
})

test('tags as deep as a message allows do no harm', (t) => {
  for (const tag of ['div', 'b', 'p', 'ul><li', 'blockquote', 'svg']) {
    t.is(toMarkdown(`${`<${tag}>`.repeat(5000)}x`), 'x')
    t.is(toMarkdown(`a<script>s</script>${`<${tag}>`.repeat(5000)}<b>b</b><br><br><!-- c -->c`).replaceAll(/[\n*]/g, ''), 'abc')
  }
})

test('16 KiB of any tag come to an end', (t) => {
  const seeds = [
    '<b>',
    '<p>x',
    '<br>',
    '<li>x</li>',
    '<a "',
    '<a"',
    '<',
    '<b>x</b><i>y</i>',
    '<!--',
    '<script>',
    '&lt;',
    '<font size=1>x</font>',
    '<b a="',
    ' <i> </i>',
  ]
  for (const seed of seeds) {
    for (const before of ['<b>', '<p><b><b><b><i><i><i><u><u><u><s><s><s><p>']) {
      t.notThrows(() => toHtml(toMarkdown(before + seed.repeat(16_384 / seed.length))), before + seed)
    }
  }
})

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
test('an image in a link of Markdown is its alt text', renders, '[![in](http://x)](http://y)', `<p><a href="http://y" ${LINK}>in</a></p>\n`)
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
