/** Limits are asked before work is done: whoever has used up his posts costs nothing but the answer, in every dialect. */
import ava, { type ExecutionContext } from 'ava'
import { countCalls, type CallsOf } from '../helpers/calls.ts'
import { send, type Answer } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** One post a second, and five at once. */
const FEW = { rateLimit: 1 }

/** On a slow machine a second goes by between two requests, and one more post is allowed. */
const MOST_TRIES = 30

/** Asks again and again, until it is refused because there were too many. False when that never comes. */
async function isRefused(ask: () => Promise<Answer>): Promise<boolean> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if ((await ask()).status === 429) return true
  }
  return false
}

/** How often a function was called by a request that was refused. */
async function callsOfRefused(
  t: ExecutionContext,
  callsOf: CallsOf,
  ask: () => Promise<Answer>,
  file: string,
  name: string,
): Promise<number> {
  let calls = 0
  const counted = async (): Promise<Answer> => {
    await callsOf(file, name)
    const answer = await ask()
    calls = await callsOf(file, name)
    return answer
  }
  t.true(await isRefused(counted))
  return calls
}

test('PHP: the HTML of a post beyond the limit is not looked at', async (t) => {
  const { url } = await serve(t, FEW)
  const callsOf = await countCalls(t)
  const post = (): Promise<Answer> => send(`${url}/comet.php`, { headers: FORM, body: `msg=${encodeURIComponent('<b>a</b>')}` })
  t.is((await post()).status, 200)
  t.is(await callsOf('server/markup.ts', 'toMarkdown'), 1)
  t.is(await callsOfRefused(t, callsOf, post, 'server/markup.ts', 'toMarkdown'), 0)
})

for (const [dialect, path] of Object.entries({
  native: '/rooms/lobby',
  gevent: '/new',
  mochiweb: '/chat',
  presence: '/rooms/lobby/sessions',
})) {
  test(`${dialect}: a post beyond the limit is refused before its body is read`, async (t) => {
    const { url } = await serve(t, FEW)
    // Whoever reads it finds that it is no UTF-8.
    const post = (): Promise<Answer> => send(`${url}${path}`, { headers: FORM, body: Buffer.from([0xff]) })
    t.is((await post()).status, 400)
    t.true(await isRefused(post))
  })
}

test('node_chat: what is said beyond the limit is not looked at', async (t) => {
  const { url } = await serve(t, FEW)
  const callsOf = await countCalls(t)
  const say = (): Promise<Answer> => send(`${url}/send?id=x&text=a`)
  await say()
  t.is(await callsOf('server/draft.ts', 'draftOf'), 1)
  t.is(await callsOfRefused(t, callsOf, say, 'server/draft.ts', 'draftOf'), 0)
})
