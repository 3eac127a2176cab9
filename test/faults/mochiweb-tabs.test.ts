/**
 * Tabs of mochiweb in one browser, with the jQuery of its tutorial (1.3.2): they share their cookies, and `_=` is the time of day. Nothing tells
 * their polls apart, and each hears everything.
 */
import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { sized } from '../helpers/attack.ts'
import { post, send } from '../helpers/chat.ts'
import { randomOf } from '../helpers/random.ts'
import { serve } from '../helpers/serve.ts'

/** The cookies and connections that all tabs of a browser share. */
class Jar {
  readonly url: string
  readonly cookies = new Map<string, string>()
  readonly agent = new Agent({ keepAlive: true, maxSockets: 6 })

  constructor(url: string) {
    this.url = url
  }

  /** One poll, as any of the tabs makes it: the message, or undefined when it ended with none. */
  async poll(signal?: AbortSignal, count: number | undefined = Date.now()): Promise<string | undefined> {
    const Cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ')
    const path = count < 0 ? '/chat' : `/chat?_=${count}`
    const { text, headers } = await send(`${this.url}${path}`, {
      headers: Cookie === '' ? {} : { Cookie },
      agent: this.agent,
      ...(signal ? { signal } : {}),
    })
    for (const line of headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (line.includes('Max-Age=0')) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    const { ok } = JSON.parse(text) as { ok?: string }
    return ok?.replaceAll(/<[^>]*>/g, '')
  }
}

/** A tab that asks again as soon as its page has shown what it was told: its browser has the cookies some milliseconds before. */
class Tab {
  readonly heard: string[] = []
  readonly #jar: Jar
  readonly #gone = new AbortController()
  #changed: (() => void)[] = []
  readonly #count: () => number
  readonly #random: () => number

  constructor(jar: Jar, random: () => number, count: () => number = Date.now) {
    this.#jar = jar
    this.#count = count
    this.#random = random
    void this.#run()
  }

  async #run(): Promise<void> {
    const { signal } = this.#gone
    while (!signal.aborted) {
      const text = await this.#jar.poll(signal, this.#count()).catch((error: unknown) => {
        if (!signal.aborted) throw error
        return undefined
      })
      if (text === undefined) continue
      this.heard.push(text)
      for (const changed of this.#changed.splice(0)) changed()
      await delay(this.#random() * 10)
    }
  }

  async hears(text: string): Promise<void> {
    while (!this.heard.includes(text)) await new Promise<void>((changed) => this.#changed.push(changed))
  }

  close(): void {
    this.#gone.abort()
  }
}

function openTabs(t: Parameters<typeof serve>[0], count: number, jar: Jar, counts: readonly (() => number)[] = []): Tab[] {
  const random = randomOf(t)
  const tabs = Array.from({ length: count }, (_, n) => new Tab(jar, random, counts[n]))
  t.teardown(() => {
    for (const tab of tabs) tab.close()
    jar.agent.destroy()
  })
  return tabs
}

/** Speaks until all hear: who has just come hears what comes from then on. */
async function greet(url: string, tabs: readonly Tab[]): Promise<void> {
  while (tabs.some(({ heard }) => heard.length === 0)) await post(url, 'lobby', { msg: 'welcome' })
  await post(url, 'lobby', { msg: 'all are here' })
  await Promise.all(tabs.map((tab) => tab.hears('all are here')))
  for (const { heard } of tabs) heard.length = 0
}

/** Says that it is over until all have heard it. */
async function end(url: string, tabs: readonly Tab[]): Promise<void> {
  const heard = Promise.all(tabs.map((tab) => tab.hears('the end')))
  while (tabs.some((tab) => !tab.heard.includes('the end'))) {
    await post(url, 'lobby', { msg: 'the end' })
    await delay(20)
  }
  await heard
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => `number ${n}`)

function counting(from: number): () => number {
  let next = from
  return () => next++
}

const MESSAGES = sized(30, 60)

for (const [manner, tabs, rounds, counts] of [
  ['two tabs of jQuery 1.3.2', 2, sized(1, 3), []],
  ['three tabs of jQuery 1.3.2', 3, 1, []],
  ['two tabs without `_=`', 2, 1, [() => -1, () => -1]],
  ['two tabs of jQuery 3, opened in one millisecond', 2, 1, [counting(1_795_219_764_123), counting(1_795_219_764_123)]],
  ['one tab of jQuery 1.3.2 and one of jQuery 3', 2, 1, [Date.now, counting(1_795_219_764_123)]],
] as const) {
  for (let round = 1; round <= rounds; round++) {
    test(`${manner}: of ${MESSAGES} messages 1 to 20 ms apart each hears all, once, in order (${round})`, async (t) => {
      const random = randomOf(t)
      const { url } = await serve(t, { rateLimit: 0, times: { mochiwebTab: 60_000 } })
      const opened = openTabs(t, tabs, new Jar(url), counts)
      await greet(url, opened)
      for (const msg of numbers(MESSAGES)) {
        await post(url, 'lobby', { msg })
        await delay(1 + random() * 19)
      }
      await end(url, opened)
      for (const { heard } of opened)
        t.deepEqual(
          heard.filter((text) => text !== 'the end'),
          numbers(MESSAGES),
        )
    })
  }
}

test('two tabs that are opened while much is said, neither with a cookie, lose nothing from their first message on', async (t) => {
  const random = randomOf(t)
  const { url } = await serve(t, { rateLimit: 0 })
  const said = (async () => {
    for (const msg of numbers(100)) {
      await post(url, 'lobby', { msg })
      await delay(random() * 8)
    }
  })()
  const opened = openTabs(t, 2, new Jar(url))
  await said
  await Promise.all(opened.map((tab) => tab.hears('number 99')))
  for (const { heard } of opened) {
    const first = numbers(100).indexOf(heard[0] ?? '')
    t.deepEqual([...new Set(heard)], numbers(100).slice(first))
  }
})

test('a tab that closes, waiting or not, costs the other nothing but one moment', async (t) => {
  const { url } = await serve(t, { rateLimit: 0, times: { mochiwebTab: 200 } })
  const jar = new Jar(url)
  const [one, two] = openTabs(t, 2, jar) as [Tab, Tab]
  await greet(url, [one, two])
  two.close()
  for (const msg of numbers(20)) await post(url, 'lobby', { msg })
  await one.hears('number 19')
  t.deepEqual(one.heard, numbers(20))
  // Another is told once, and never asks again.
  const single = jar.poll()
  while ((await Promise.race([single, post(url, 'lobby', { msg: 'to both' }).then(() => undefined)])) === undefined);
  const later = numbers(20).map((text) => `later, ${text}`)
  for (const msg of later) await post(url, 'lobby', { msg })
  await one.hears('later, number 19')
  t.deepEqual(
    one.heard.filter((text) => text.startsWith('later')),
    later,
  )
})

test('a tab that was too slow to be waited for hears what it missed; then the other hears it again', async (t) => {
  const { url } = await serve(t, { rateLimit: 0, times: { mochiwebTab: 200 } })
  const jar = new Jar(url)
  const [quick] = openTabs(t, 1, jar) as [Tab]
  const first = jar.poll()
  while ((await Promise.race([first, post(url, 'lobby', { msg: 'welcome' }).then(() => undefined)])) === undefined);
  for (const msg of numbers(5)) await post(url, 'lobby', { msg })
  await quick.hears('number 4') // without the slow one
  const [slow] = openTabs(t, 1, jar) as [Tab]
  await slow.hears('number 4')
  t.deepEqual(
    slow.heard.filter((text) => text !== 'welcome'),
    numbers(5),
  )
  t.deepEqual([...new Set(quick.heard.filter((text) => text !== 'welcome'))], numbers(5))
})

test('a page that is opened anew within a minute hears what was said meanwhile', async (t) => {
  const { url } = await serve(t, { rateLimit: 0 })
  const jar = new Jar(url)
  const [tab] = openTabs(t, 1, jar) as [Tab]
  await greet(url, [tab])
  tab.close()
  for (const msg of numbers(3)) await post(url, 'lobby', { msg })
  const [again] = openTabs(t, 1, jar) as [Tab]
  await again.hears('number 2')
  t.deepEqual(again.heard, numbers(3))
})

test('after a restart of the server both tabs go on, and nothing is lost', async (t) => {
  const before = await serve(t, { rateLimit: 0 })
  const jar = new Jar(before.url)
  const tabs = openTabs(t, 2, jar)
  await greet(before.url, tabs)
  for (const tab of tabs) tab.close()
  await before.close()
  const { url } = await serve(t, { rateLimit: 0 }, before.directory)
  const later = new Jar(url)
  for (const [name, value] of jar.cookies) later.cookies.set(name, value)
  for (const msg of numbers(5)) await post(url, 'lobby', { msg })
  const opened = openTabs(t, 2, later)
  await Promise.all(opened.map((tab) => tab.hears('number 4')))
  // The one that came first may have been told something before the other was there: then all is told again.
  for (const { heard } of opened) t.deepEqual([...new Set(heard)].toSorted(), numbers(5))
})

test('a cookie of another browser, or of none, is no key to anything', async (t) => {
  const { url } = await serve(t, { rateLimit: 0, times: { mochiwebPoll: 200 } })
  for (const Cookie of [
    'roomfile-chat-0123456789abcdef=1-0',
    'roomfile-chat-0123456789abcdef=x',
    'roomfile-chat-1=1-0',
    'roomfile-chat=1-0',
  ]) {
    const answer = await send(`${url}/chat`, { headers: { Cookie } })
    t.is(answer.text, '{"error":"timeout"}', Cookie)
    t.true((answer.headers['set-cookie'] ?? []).length <= 2)
  }
  const many = Array.from({ length: 100 }, (_, n) => `roomfile-chat-${n.toString(16).padStart(16, '0')}=1-0`).join('; ')
  t.true(((await send(`${url}/chat`, { headers: { Cookie: many } })).headers['set-cookie'] ?? []).length <= 20)
})
