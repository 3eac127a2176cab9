/** The sign-in page: one field for the token, in both languages of the page. Does not check the token. */
import { createHash } from 'node:crypto'
import { send, type Response } from './http.ts'

/** Why the page is shown: the token is missing, it is wrong, or there were too many wrong ones. */
type Refusal = 401 | 403 | 429

const REASONS: Readonly<Record<Refusal, string>> = {
  401: '',
  403: 'That is not the token. 口令不对。',
  429: 'Too many wrong tokens. Wait a minute, and try again. 口令错误次数过多，请一分钟后再试。',
}

const STYLE = `
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; color: light-dark(#24272b, #e4e2dd); background: light-dark(#fcfbf9, #191b1e); }
  body { display: grid; place-content: center; min-height: 100dvh; margin: 0; }
  main { width: min(20rem, 100vw - 3rem); }
  h1 { margin: 0 0 1rem; font-size: 1.125rem; }
  form { display: grid; gap: 0.75rem; }
  p { margin: 0; font-size: 0.875rem; color: light-dark(#a1391f, #f0a58f); }
  label { display: grid; gap: 0.25rem; font-size: 0.875rem; }
  input, button { box-sizing: border-box; width: 100%; padding: 0.55rem 0.75rem; border: 1px solid light-dark(#8b8e92, #7d8186); border-radius: 10px; font: inherit; font-size: 1rem; }
  input { color: inherit; background: light-dark(#fff, #212428); }
  button { border-color: transparent; font-weight: 600; color: light-dark(#fff, #191b1e); background: light-dark(#1f6f68, #7fc7bb); }
  :focus-visible { outline: 2px solid light-dark(#1f6f68, #7fc7bb); outline-offset: 2px; }
`
const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/**
 * Answers with the sign-in page. The form's address is relative, so it also works behind a proxy with a path prefix.
 * @param frameAncestors which sites may show the page in a frame, in the syntax of the content security policy
 */
export function askToken(res: Response, refusal: Refusal, frameAncestors: string, headers: Readonly<Record<string, string>> = {}): void {
  const reason = REASONS[refusal]
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>roomfile</title>
    <style>${STYLE}</style>
  </head>
  <body>
    <main>
      <h1>roomfile</h1>
      <form method="post" action="sign-in">
        <label>Token 口令 <input type="password" name="token" autocomplete="current-password" required autofocus></label>
        ${reason === '' ? '' : `<p role="alert">${reason}</p>`}
        <button>Sign in 登录</button>
      </form>
    </main>
  </body>
</html>
`
  send(res, refusal, 'text/html; charset=utf-8', html, {
    'Content-Security-Policy': `default-src 'none'; style-src ${STYLE_HASH}; base-uri 'none'; form-action 'self'; frame-ancestors ${frameAncestors}`,
    'Referrer-Policy': 'same-origin', // without a referrer the form's Origin would be null, which is refused
    'Cross-Origin-Opener-Policy': 'same-origin',
    ...headers,
  })
}
