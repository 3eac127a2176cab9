/** A version that is put in the place of a file, while others put theirs there: each of the instants at which they can come. */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, type BigIntStats } from 'node:fs'
import { join } from 'node:path'
import ava, { type ExecutionContext } from 'ava'
import { exchange, place } from '../../server/stores/file/exchange.ts'
import { freshDirectory } from '../helpers/serve.ts'

const test = ava.serial

interface Files {
  readonly version: string
  readonly room: string
  /** Puts another file in the place of the room's. */
  readonly save: (text: string) => void
  readonly textOf: (path: string) => string
  /** Whether a file is the one that stood there at first. */
  readonly isFirst: (stats: BigIntStats) => boolean
}

async function filesIn(t: ExecutionContext): Promise<Files> {
  const directory = await freshDirectory(t)
  const [version, room, other] = ['version', 'room', 'other'].map((name) => join(directory, name)) as [string, string, string]
  writeFileSync(version, 'new')
  writeFileSync(room, 'old')
  const { ino } = statSync(room, { bigint: true })
  return {
    version,
    room,
    save(text) {
      writeFileSync(other, text)
      renameSync(other, room)
    },
    textOf: (path) => readFileSync(path, 'utf8'),
    isFirst: (stats) => stats.ino === ino,
  }
}

test('nobody comes between: the two names are exchanged', async (t) => {
  const { version, room, textOf, isFirst } = await filesIn(t)
  t.is(exchange(version, room, isFirst), 'exchanged')
  t.deepEqual([textOf(room), textOf(version)], ['new', 'old'])
})

test('a save before it keeps its place, and the version its name', async (t) => {
  const { version, room, save, textOf, isFirst } = await filesIn(t)
  save('by hand')
  t.is(exchange(version, room, isFirst), 'refused')
  t.deepEqual([textOf(room), textOf(version)], ['by hand', 'new'])
})

test('a save before it and one in the midst of it: the newest has the place, and the other one is not gone', async (t) => {
  const { version, room, save, textOf, isFirst } = await filesIn(t)
  save('by hand')
  const isAsRead = (stats: BigIntStats): boolean => {
    save('by hand, again')
    return isFirst(stats)
  }
  t.is(exchange(version, room, isAsRead), 'refused')
  t.deepEqual([textOf(room), textOf(version)], ['by hand, again', 'by hand'])
})

test('a file that was written to since it was read gets its place back, if that is what the caller says', async (t) => {
  const { version, room, textOf } = await filesIn(t)
  t.is(
    exchange(version, room, (_stats, path) => textOf(path) !== 'old'),
    'refused',
  )
  t.deepEqual([textOf(room), textOf(version)], ['old', 'new'])
})

test('a file that is removed before it stays removed', async (t) => {
  const { version, room, textOf, isFirst } = await filesIn(t)
  rmSync(room)
  t.is(exchange(version, room, isFirst), 'refused')
  t.false(existsSync(room))
  t.is(textOf(version), 'new')
})

test('a file that is removed in the midst of it stays removed, and what had been put there is not gone', async (t) => {
  const { version, room, save, textOf, isFirst } = await filesIn(t)
  save('by hand')
  const isAsRead = (stats: BigIntStats): boolean => {
    rmSync(room)
    return isFirst(stats)
  }
  t.is(exchange(version, room, isAsRead), 'refused')
  t.false(existsSync(room))
  t.is(textOf(version), 'by hand')
})

test('a version that is gone is an error, and the file stays', async (t) => {
  const { version, room, textOf, isFirst } = await filesIn(t)
  rmSync(version)
  t.throws(() => exchange(version, room, isFirst), { code: 'ENOENT' })
  t.is(textOf(room), 'old')
})

test('where no file is, a version gets the name; where somebody was faster, it does not', async (t) => {
  const { version, room, textOf } = await filesIn(t)
  t.false(place(version, room))
  t.deepEqual([textOf(room), textOf(version)], ['old', 'new'])
  rmSync(room)
  t.true(place(version, room))
  t.is(textOf(room), 'new')
  t.false(existsSync(version))
})
