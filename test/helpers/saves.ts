/**
 * How people and their tools save a room's file: each changes one line of it, or takes something away, in the way that reaches the disk as
 * that tool's saves do. Knows the file; knows no server, and nothing of what should come of it.
 */
import { exec } from 'node:child_process'
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { JQ, VIM, type Program } from './programs.ts'

const sh = promisify(exec)

/** Somebody who saves once. */
interface Hand {
  /** Where lobby.jsonl is. */
  readonly directory: string
  /** What a line of the room says that is there for this save alone: letters, digits, `-` and `.`. */
  readonly line: string
  /** What this save writes and nobody else, of the same characters. */
  readonly mark: string
  /** Between reading and writing: resolves when the person has thought long enough. */
  readonly think: () => Promise<unknown>
}

export interface Save {
  readonly name: string
  readonly needs: readonly Program[]
  /** What is different afterwards: the mark is in the file, or the line is not, or nothing is. */
  readonly does: 'mark' | 'take the line away' | 'take all away'
  readonly save: (hand: Hand) => Promise<unknown>
}

const lobby = ({ directory }: Hand): string => join(directory, 'lobby.jsonl')

/** The file's text with the mark in it. */
async function marked(hand: Hand): Promise<string> {
  return (await readFile(lobby(hand), 'utf8')).replace(hand.line, `${hand.line} ${hand.mark}`)
}

/** Writes beside the room and moves that over it, as most programs save that take care. */
async function renameOver(hand: Hand, text: string): Promise<void> {
  const beside = join(hand.directory, '.beside')
  await writeFile(beside, text)
  await rename(beside, lobby(hand))
}

/** A filter for jq that marks the line. */
const jqMarks = ({ line, mark }: Hand): string => `if .msg == "${line}" then .msg = "${line} ${mark}" else . end`

/** A command that puts the mark behind the line, once, for sed, perl and vim. */
const marks = ({ line, mark }: Hand): string => `s/${line.replaceAll('.', String.raw`\.`)}"/${line} ${mark}"/`

/** How often vim may find that the room was replaced between its last look and its writing, until somebody gives up. */
const VIM_TRIES = 100

/**
 * vim without a terminal. It answers yes, should vim ask whether to write over a file that was changed since it was read; where vim will not
 * write at all, because the file was changed just then (E949), it is told again. Files in /tmp have no backup otherwise, and are then written
 * in place, whatever `backupcopy` is.
 */
async function vim(hand: Hand, backupcopy: string): Promise<void> {
  const commands = [`set backupskip= backupcopy=${backupcopy}`, `%${marks(hand)}e`, 'wq'].map((command) => `-c '${command}'`).join(' ')
  for (let tries = VIM_TRIES; ; tries--) {
    try {
      await sh(`echo y | vim -N -es -u NONE -i NONE ${commands} lobby.jsonl`, { cwd: hand.directory })
      return
    } catch (error) {
      if (tries === 0) throw error
    }
  }
}

export const SAVES: readonly Save[] = [
  {
    name: 'a line changed, and renamed over',
    needs: [],
    does: 'mark',
    async save(hand) {
      const text = await marked(hand)
      await hand.think()
      await renameOver(hand, text)
    },
  },
  {
    name: 'a line added, and renamed over',
    needs: [],
    does: 'mark',
    async save(hand) {
      const text = await readFile(lobby(hand), 'utf8')
      await hand.think()
      await renameOver(hand, `${text}${JSON.stringify({ nick: 'hand', msg: hand.mark })}\n`)
    },
  },
  { name: 'sed -i s', needs: [], does: 'mark', save: (hand) => sh(`sed -i '${marks(hand)}' lobby.jsonl`, { cwd: hand.directory }) },
  {
    name: 'sed -i d',
    needs: [],
    does: 'take the line away',
    save: ({ directory, line }) => sh(`sed -i '/"${line}"/d' lobby.jsonl`, { cwd: directory }),
  },
  { name: 'perl -i', needs: [], does: 'mark', save: (hand) => sh(`perl -i -pe '${marks(hand)}' lobby.jsonl`, { cwd: hand.directory }) },
  {
    name: 'jq, and mv',
    needs: [JQ],
    does: 'mark',
    async save(hand) {
      await sh(`jq -c '${jqMarks(hand)}' lobby.jsonl > .beside`, { cwd: hand.directory })
      await hand.think()
      await sh('mv .beside lobby.jsonl', { cwd: hand.directory })
    },
  },
  {
    name: 'jq of a copy > the room',
    needs: [JQ],
    does: 'mark',
    async save(hand) {
      await sh('until cp lobby.jsonl .copy; do :; done 2> /dev/null', { cwd: hand.directory })
      await hand.think()
      await sh(`jq -c '${jqMarks(hand)}' .copy > lobby.jsonl`, { cwd: hand.directory })
    },
  },
  { name: 'rm', needs: [], does: 'take all away', save: (hand) => rm(lobby(hand)) },
  {
    name: 'mv of a backup',
    needs: [],
    does: 'mark',
    async save(hand) {
      // Only the mark tells it from another backup: it has the mtime of the room as it was then.
      await sh(`until cp -p lobby.jsonl .copy; do :; done 2> /dev/null; sed '${marks(hand)}' .copy > .backup && touch -r .copy .backup`, {
        cwd: hand.directory,
      })
      await hand.think()
      await sh('mv .backup lobby.jsonl', { cwd: hand.directory })
    },
  },
  { name: 'vim, which moves the room away and makes it anew', needs: [VIM], does: 'mark', save: (hand) => vim(hand, 'auto') },
  { name: 'vim, which writes in place', needs: [VIM], does: 'mark', save: (hand) => vim(hand, 'yes') },
  {
    name: 'emptied and written in two steps, as nano does',
    needs: [],
    does: 'mark',
    async save(hand) {
      const text = await marked(hand)
      await hand.think()
      const file = await open(lobby(hand), 'w') // O_WRONLY | O_CREAT | O_TRUNC
      await file.write(text.slice(0, text.length / 2))
      await file.write(text.slice(text.length / 2))
      await file.close()
    },
  },
]
