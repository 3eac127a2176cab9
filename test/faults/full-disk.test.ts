/** A disk that takes no more, by the kernel's limit on the size of a file: it costs the posts that meet it, and nothing else. */
import { appendFile, readFile, readdir, writeFile } from 'node:fs/promises'
import ava from 'ava'
import { messagesIn, poll, post, send } from '../helpers/chat.ts'
import { serveProcess } from '../helpers/serve.ts'

/** 16 blocks of 512 bytes: a file of 8 KiB is the largest that the server can write. */
const LIMITED = ['sh', '-c', 'ulimit -f 16; exec "$0" "$@"']

ava.serial('when a post does not fit, it is refused, the file is whole, reads go on, and posts too as soon as there is room', async (t) => {
  const server = await serveProcess(t, [], undefined, LIMITED)
  const msg = 'x'.repeat(1000)
  const answers = []
  for (let n = 0; n < 10; n++) answers.push(await send(`${server.url}/rooms/lobby`, { body: `${n} ${msg}` }))
  const kept = answers.filter(({ status }) => status === 201)
  const [refused] = answers.filter(({ status }) => status !== 201)
  t.true(kept.length >= 5 && kept.length < 10)
  t.is(refused?.status, 507)
  t.is((JSON.parse(refused?.text ?? '') as { error: { code: string } }).error.code, 'disk_full')
  t.is(messagesIn(await readFile(server.file('lobby'), 'utf8')).length, kept.length)
  t.deepEqual((await readdir(server.directory)).toSorted(), ['.roomfile', 'lobby.jsonl'])
  const { messages, timestamp } = await poll(server.url, 'lobby')
  t.is(messages.length, kept.length)

  // A line by hand has no place now: nobody sees it yet, it stays in the file, and reads go on.
  await appendFile(server.file('lobby'), `by hand ${msg}${msg}\n`)
  t.is((await poll(server.url, 'lobby')).messages.length, kept.length)
  t.is((await send(`${server.url}/rooms/other`, { body: 'elsewhere there is room' })).status, 201)

  const lines = (await readFile(server.file('lobby'), 'utf8')).split('\n')
  await writeFile(server.file('lobby'), lines.slice(-3).join('\n'))
  const told = await poll(server.url, 'lobby', { timestamp, wait: 60 })
  t.true(told.reset)
  t.regex(told.messages.at(-1)?.msg ?? '', /^by hand/)
  await post(server.url, 'lobby', { msg: 'posting works again' })
  t.is((await poll(server.url, 'lobby')).msg, 'posting works again')
})
