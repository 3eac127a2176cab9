/**
 * Posts texts one after the other: in order, each once, for as long as it takes.
 * Knows which refusal means one text and which means all; does not know where the texts come from (input.ts).
 */
import { RoomError, type Connection } from '../../client/api/client.ts'
import { MOST_TEXT, type Text } from './input.ts'

export interface Posting {
  /** How often to try to post one text. */
  readonly tries: number
  /** Told what whoever posts should know. */
  readonly say: (note: string) => void
}

/** Refusals of what a text says: others may pass. All else is refused to all. */
const OF_ONE_TEXT: ReadonlySet<string> = new Set(['too_large', 'bad_message', 'empty_message', 'http_413'])

/**
 * Posts each of the texts. One that cannot be posted is told of, and the others are posted all the same.
 * @returns whether all were posted
 * @throws Error when the server refuses all, or has not taken one after so many tries
 */
export async function postAll(texts: AsyncIterable<Text>, connection: Pick<Connection, 'post'>, { tries, say }: Posting): Promise<boolean> {
  let areAllPosted = true
  for await (const { text, line } of texts) {
    const refused = text === undefined ? `it has more than ${MOST_TEXT} bytes` : await refusalOf(text, line)
    if (refused === undefined) continue
    areAllPosted = false
    say(notPosted(line, refused))
  }
  return areAllPosted

  /** Posts a text; resolves to why it was refused, if it was and others may not be. */
  async function refusalOf(text: string, line: number | undefined): Promise<string | undefined> {
    let isLost = false
    const onRetry = (error: Error): void => {
      if (isLost || isOfPace(error)) return
      isLost = true
      say(noteOfLoss(error))
    }
    try {
      await connection.post(text, { tries, onRetry })
      if (isLost) say(FOUND_AGAIN)
    } catch (error) {
      const reason = reasonOf(error as Error)
      if (error instanceof RoomError && OF_ONE_TEXT.has(error.code)) return reason
      throw new Error(notPosted(line, reason), { cause: error })
    }
    return undefined
  }
}

/** The server is there, and takes so many posts a second. */
const isOfPace = (error: Error): boolean => error instanceof RoomError && error.status === 429

const notPosted = (line: number | undefined, reason: string): string => `${line === undefined ? '' : `line ${line} `}not posted: ${reason}`

export const FOUND_AGAIN = 'connected again'

export const noteOfLoss = (error: Error): string => `no connection, trying again: ${reasonOf(error)}`

/** Why something failed, in words: `fetch` hides the system's reason one level down. */
function reasonOf(error: Error): string {
  const { cause } = error as { cause?: { code?: string; message?: string } }
  return error instanceof RoomError ? error.message : (cause?.code ?? cause?.message ?? error.message)
}
