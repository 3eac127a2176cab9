/** A power cut, by the order of system calls: an answer comes after the file, its name and its directory are on the disk. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { poll, post, send } from '../helpers/chat.ts'
import { needing } from '../helpers/needing.ts'
import { STRACE } from '../helpers/programs.ts'
import { freshDirectory, serveProcess } from '../helpers/serve.ts'
import { strace } from '../helpers/strace.ts'

const CALLS = 'openat,write,writev,fsync,rename,renameat2,fcntl,close'

needing(STRACE)('a post and the poll that it wakes are answered after write, fsync, exchange and fsync of the directory', async (t) => {
  const server = await serveProcess(t)
  const { timestamp } = await post(server.url, 'lobby', { msg: 'before' })
  const trace = join(await freshDirectory(t), 'trace')
  const detach = await strace(server, ['-s', '200', '-e', `trace=${CALLS}`, '-o', trace])
  const parked = send(`${server.url}/rooms/lobby?timestamp=${timestamp}&wait=60`)
  await poll(server.url, 'lobby', { timestamp: 0 })
  await post(server.url, 'lobby', { msg: 'the post' })
  t.regex((await parked).text, /the post/)
  await detach()

  const lines = (await readFile(trace, 'utf8')).split('\n')
  const at = (pattern: RegExp, from = 0): number => {
    const found = lines.findIndex((line, n) => n >= from && pattern.test(line))
    t.true(found >= 0, `no ${pattern} after line ${from}`)
    return found
  }
  const temporary = at(/openat\(.*\.versions\/lobby\/[\w.-]+", O_WRONLY\|O_CREAT/)
  const written = at(/write\(\d+, "\{\\"id\\":/, temporary)
  const synced = at(/fsync\(/, written)
  const renamed = at(/renameat2\(.*\.versions\/lobby\/[\w.-]+", .*lobby\.jsonl", RENAME_EXCHANGE\)/, synced)
  const directory = at(new RegExp(`openat\\(.*"${server.directory}", O_RDONLY`), renamed)
  const directorySynced = at(/fsync\(/, directory)
  const firstAnswer = at(/writev?\(.*(?:201 Created|the post)/, renamed)
  t.true(firstAnswer > directorySynced)
  t.false(lines.slice(written + 1, directorySynced).some((line) => /writev?\(.*(?:201 Created|HTTP\/1\.1 200 OK.*the post)/.test(line)))
})
