/** /healthz says whether rooms can be kept: for whoever restarts a server, or sends others to it. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import ava from 'ava'
import { post, send } from '../helpers/chat.ts'
import { serve } from '../helpers/serve.ts'

const test = ava.serial

test('a directory that is gone, or that is none, is told by 503 and a code, for as long as that lasts', async (t) => {
  const { url, directory } = await serve(t)
  await post(url, 'lobby', { msg: 'a' })
  const health = (): Promise<{ status: number; text: string }> => send(`${url}/healthz`)
  t.like(await health(), { status: 200, text: '{"status":"ok"}' })
  await rename(directory, `${directory}-away`)
  const answers = [await health(), await send(`${url}/healthz`, { method: 'HEAD' })]
  t.deepEqual(
    answers.map(({ status }) => status),
    [503, 503],
  )
  t.is((JSON.parse(answers[0]?.text ?? '') as { error: { code: string } }).error.code, 'no_directory')
  await writeFile(directory, 'a file in its place')
  t.is((await health()).status, 503)
  await rename(directory, `${directory}-away/file`)
  await mkdir(directory)
  t.is((await health()).status, 200)
  await rename(`${directory}-away`, directory)
  t.like(await health(), { status: 200, text: '{"status":"ok"}' })
  await post(url, 'lobby', { msg: 'b' })
})
