/** Numbers of a benchmark: medians, tails, ratios of rounds with their spread, and the table they are printed in. Measures nothing itself. */

/** A line of the table at the end of a run: what was measured, and its value with the spread. */
export interface Figure {
  readonly what: string
  readonly value: string
}

/** The value below which a part of all values lies: 0.5 is the median, 0.99 the p99. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}

/** The ratio of each round: what was measured side by side is compared, not two moments of a noisy machine. */
export function ratios(values: readonly number[], others: readonly number[] = []): number[] {
  return values.map((value, i) => value / (others[i] ?? NaN))
}

/** The median and the quartiles of rounds: `1.52× (1.47–1.60)`. One round has no spread. */
function spread(values: readonly number[], unit: string, digits: (value: number) => number): string {
  const middle = median(values)
  if (Number.isNaN(middle)) return '-'
  const show = (value: number): string => value.toFixed(digits(middle))
  return `${show(middle)}${unit}${values.length > 1 ? ` (${show(quantile(values, 0.25))}–${show(quantile(values, 0.75))})` : ''}`
}

const digitsOfMs = (value: number): number => (value < 10 ? 2 : value < 100 ? 1 : 0)

export function ms(value: number): string {
  return `${value.toFixed(digitsOfMs(value))} ms`
}

export function spreadOfMs(values: readonly number[]): string {
  return spread(values, ' ms', digitsOfMs)
}

/** @param values ratios of rounds */
export function times(values: readonly number[]): string {
  return spread(values, '×', (value) => (value < 0.1 ? 3 : 2))
}

export function microseconds(valuesInMs: readonly number[]): string {
  return `${(median(valuesInMs) * 1000).toFixed(1)} µs`
}

/** @param part 1 is all */
export function percent(part: number, digits = 0): string {
  return Number.isNaN(part) ? '-' : `${(part * 100).toFixed(digits)} %`
}

/** Prints rows under their heads, numbers to the right. */
export function printTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  console.log(`\n${title}\n  ${line(head)}`)
  for (const row of rows) console.log(`  ${line(row)}`)
}
