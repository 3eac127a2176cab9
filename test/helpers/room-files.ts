/** What stands in a server's directory, whether it runs or not. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messagesIn } from './chat.ts'
import type { Served } from './serve.ts'

/** What the lobby's file says, oldest first. */
export async function said({ file }: Pick<Served, 'file'>): Promise<string[]> {
  return messagesIn(await readFile(file('lobby'), 'utf8')).map(({ msg }) => msg)
}

/** The files that are kept aside, as they are. */
export async function keptAside({ directory }: Pick<Served, 'directory'>): Promise<Buffer[]> {
  const aside = join(directory, 'aside')
  const names = await readdir(aside).catch((): string[] => [])
  return Promise.all(names.map((name) => readFile(join(aside, name))))
}
