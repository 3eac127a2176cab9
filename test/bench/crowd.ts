/**
 * Thousands of clients in one process, forked by fan-out.ts: one crowd a server, so that each has file descriptors enough.
 * Opens connections, parks a poll on each, posts once and waits until the last poll has its answer. Prints nothing.
 */
import { timestampOf, Wire } from './wire.ts'

export type Order =
  | { readonly what: 'open'; readonly port: number; readonly count: number }
  | { readonly what: 'park'; readonly request: string }
  | { readonly what: 'post'; readonly request: string }

export interface Report {
  /** From sending the post to the last poll's answer, in milliseconds. */
  readonly lastMs: number
  /** The time on its core that the crowd itself needed meanwhile. */
  readonly loadMs: number
  readonly timestamp: number
}

const NOTHING: Report = { lastMs: 0, loadMs: 0, timestamp: 0 }

let poster: Wire | undefined
let wires: Wire[] = []
let answers = 0
let newest = ''
let allAnswered: () => void = () => {}

function park(request: string): void {
  answers = 0
  for (const wire of wires)
    wire.ask(request, (answer) => {
      newest = answer
      if (++answers === wires.length) allAnswered()
    })
}

async function post(request: string): Promise<Report> {
  if (answers > 0) throw new Error(`${answers} polls were answered before the post`)
  const last = new Promise<number>((resolve) => {
    allAnswered = () => resolve(performance.now())
  })
  const before = process.cpuUsage()
  const begin = performance.now()
  const posted = poster?.fetch(request)
  const lastMs = (await last) - begin
  const { user, system } = process.cpuUsage(before)
  await posted
  return { lastMs, loadMs: (user + system) / 1000, timestamp: timestampOf(newest) }
}

async function obey(order: Order): Promise<Report> {
  if (order.what === 'post') return post(order.request)
  if (order.what === 'park') park(order.request)
  else {
    poster = await Wire.open(order.port)
    wires = await Wire.openMany(order.port, order.count)
  }
  return NOTHING
}

process.on('message', (order: Order) => {
  void obey(order).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit())
