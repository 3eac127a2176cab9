/** The JSON of what a poll is told. Knows the native protocol's form of it; decides nothing. */
import type { News } from '../backlog.ts'
import { lineOf } from '../message.ts'
import type { Attendance, SessionId } from '../presence.ts'

const encoded = new WeakMap<News, Buffer>()

/** The JSON answer to a poll, made once for all who wait at one timestamp. A message in it is its line in the file. */
export function encode(news: News): Buffer {
  let json = encoded.get(news)
  if (!json) {
    const { timestamp, messages, reset, gap } = news
    const newest = messages.findLast(({ type }) => type === 'msg')?.msg ?? ''
    const flags = `${reset ? ',"reset":true' : ''}${gap ? ',"gap":true' : ''}`
    json = Buffer.from(`{"timestamp":${timestamp},"msg":${JSON.stringify(newest)},"messages":[${messages.map(lineOf).join(',')}]${flags}}`)
    encoded.set(news, json)
  }
  return json
}

export interface More {
  /** Who is here, where it changed. */
  readonly presence?: Attendance | undefined
  /** Sessions that the client named and that have ended. */
  readonly lost?: readonly SessionId[]
}

/** The same, with what is told to this client besides. */
export function encodeWith(news: News, { presence, lost = [] }: More): string {
  const more = `${presence ? `,"presence":${JSON.stringify(presence)}` : ''}${lost.length > 0 ? `,"lost":${JSON.stringify(lost)}` : ''}`
  return `${encode(news).toString().slice(0, -1)}${more}}`
}
