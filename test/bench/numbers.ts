/** Numbers of a benchmark: medians, tails, ratios of rounds, and the table they are printed in. Measures nothing itself. */

/** The value below which a part of all values lies: 0.5 is the median, 0.99 the p99. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The median of the ratios of each round: what was measured side by side is compared, not two moments of a noisy machine. */
export function ratio(values: readonly number[], others: readonly number[]): number {
  return median(values.map((value, i) => value / (others[i] ?? NaN)))
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`
}

export function times(value: number): string {
  return Number.isNaN(value) ? '-' : `${value.toFixed(value < 0.1 ? 3 : 2)}×`
}

/** Prints rows under their heads, numbers to the right. */
export function printTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  console.log(`\n${title}\n  ${line(head)}`)
  for (const row of rows) console.log(`  ${line(row)}`)
}
