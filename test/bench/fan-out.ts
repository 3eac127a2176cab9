/**
 * One post wakes a whole room: how long until the last of 1,000 or 10,000 parked polls has its answer, and what each of them costs the
 * server. All servers have their crowds connected at the same time; one after the other they park, and are woken.
 */
import { canHold, Fan } from './fan.ts'
import { median, microseconds, ms, percent, printTable, quantile, ratios, times, type Figure } from './numbers.ts'
import { cpuMs } from './processes.ts'
import { KINDS, startAll, stopAll, type Kind } from './servers.ts'

const THOUSAND = { polls: 1000, rounds: 15 }
const TEN_THOUSAND = { polls: 10_000, rounds: 5 }
const WARM_UP = 2

type Measured = (kind: Kind) => Fan | undefined

async function fanOutTo(polls: number, rounds: number): Promise<Measured> {
  const servers = await startAll(KINDS)
  const fans = servers.map((server) => new Fan(server, polls))
  for (const fan of fans) await fan.open()
  for (let round = 0; round < WARM_UP; round++) for (const fan of fans) await fan.round(false)
  const spent = async (): Promise<{ gc: number; cpu: number }[]> =>
    Promise.all(servers.map(async (server) => ({ gc: await server.gcMs(), cpu: cpuMs(server.pid) })))
  const before = await spent()
  for (let round = 0; round < rounds; round++) for (const fan of fans) await fan.round(true)
  const after = await spent()
  const gc = after.map((to, i) => (to.gc - (before[i]?.gc ?? NaN)) / (to.cpu - (before[i]?.cpu ?? NaN)))
  const of: Measured = (kind) => fans.find(({ server }) => server.kind === kind)
  print(`fan-out: one post to ${polls} parked polls, ${rounds} rounds`, fans, gc, of('bare node:http'))
  for (const fan of fans) fan.close()
  await stopAll(servers)
  return of
}

/** @param gc the part of each server's CPU */
function print(title: string, fans: readonly Fan[], gc: readonly number[], bare: Fan | undefined): void {
  printTable(
    title,
    [
      '',
      'last answer',
      'max',
      'CPU/answer',
      'CPU/park',
      'memory/poll',
      'GC of CPU',
      'load CPU',
      'last / bare',
      'answer CPU / bare',
      'park CPU / bare',
    ],
    fans.map((fan, i) => [
      fan.server.kind,
      ms(median(fan.lastMs)),
      ms(quantile(fan.lastMs, 1)),
      microseconds(fan.wakeMs),
      microseconds(fan.parkMs),
      `${fan.memoryKib.toFixed(1)} KiB`,
      percent(gc[i] ?? NaN, 1),
      microseconds(fan.loadMs),
      times(ratios(fan.lastMs, bare?.lastMs)),
      times(ratios(fan.wakeMs, bare?.wakeMs)),
      times(ratios(fan.parkMs, bare?.parkMs)),
    ]),
  )
}

export async function fanOut(): Promise<readonly Figure[]> {
  if (canHold(THOUSAND.polls)) await fanOutTo(THOUSAND.polls, THOUSAND.rounds)
  if (!canHold(TEN_THOUSAND.polls)) return []
  const of = await fanOutTo(TEN_THOUSAND.polls, TEN_THOUSAND.rounds)
  const file = of('roomfile file')
  const bare = of('bare node:http')
  const nchan = of('nginx nchan')
  return [
    { what: 'CPU of a park, 10,000 polls: file / bare', value: times(ratios(file?.parkMs ?? [], bare?.parkMs)) },
    { what: 'CPU of an answer, 10,000 parked: file / bare', value: times(ratios(file?.wakeMs ?? [], bare?.wakeMs)) },
    { what: 'the last of 10,000 answered: file / bare', value: times(ratios(file?.lastMs ?? [], bare?.lastMs)) },
    {
      what: 'the last of 10,000 answered: file / nchan',
      value: nchan ? times(ratios(file?.lastMs ?? [], nchan.lastMs)) : 'nginx with nchan is not installed',
    },
    { what: 'memory of a parked poll: file / bare', value: times(ratios([file?.memoryKib ?? NaN], [bare?.memoryKib ?? NaN])) },
  ]
}
