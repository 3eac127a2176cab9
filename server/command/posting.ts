/**
 * Posts texts one after the other: in order, each once, with retries.
 * Knows which errors are about one text and which are about all; does not know where the texts come from (input.ts).
 */
import { RoomError, type Connection } from '../../client/api/client.ts'
import { MOST_TEXT, type Text } from './input.ts'

export interface Posting {
  /** How often to try to post one text. */
  readonly tries: number
  /** Called with notes for the user. */
  readonly say: (note: string) => void
}

/** Errors about one text: others may be accepted. All other errors would come for each text. */
const ABOUT_ONE_TEXT: ReadonlySet<string> = new Set(['too_large', 'bad_message', 'empty_message', 'http_413'])

/**
 * Posts each of the texts. One that the server refuses is reported, and the others are posted.
 * @returns whether all were posted
 * @throws Error when the server would refuse all, or after so many tries
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

  /** Posts a text. Resolves to the reason when the server refuses this text only. */
  async function refusalOf(text: string, line: number | undefined): Promise<string | undefined> {
    let isLost = false
    const onRetry = (error: Error): void => {
      if (isLost || isRateLimit(error)) return
      isLost = true
      say(noteOfLoss(error))
    }
    try {
      await connection.post(text, { tries, onRetry })
      if (isLost) say(FOUND_AGAIN)
    } catch (error) {
      const reason = reasonOf(error as Error)
      if (error instanceof RoomError && ABOUT_ONE_TEXT.has(error.code)) return reason
      throw new Error(notPosted(line, reason), { cause: error })
    }
    return undefined
  }
}

/** The server can be reached, and limits the posts a second: no reason for a note. */
const isRateLimit = (error: Error): boolean => error instanceof RoomError && error.status === 429

const notPosted = (line: number | undefined, reason: string): string => `${line === undefined ? '' : `line ${line} `}not posted: ${reason}`

export const FOUND_AGAIN = 'connected again'

export const noteOfLoss = (error: Error): string => `no connection, trying again: ${reasonOf(error)}`

/** The reason of a failure as text. For `fetch`, the system's reason is in `cause`. */
function reasonOf(error: Error): string {
  const { cause } = error as { cause?: { code?: string; message?: string } }
  return error instanceof RoomError ? error.message : (cause?.code ?? cause?.message ?? error.message)
}
