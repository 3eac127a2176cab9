/** How many files this process may open, as it was when it began; a connection is one, too. */
export const OPEN_FILES = limit()

function limit(): number {
  const { userLimits } = process.report.getReport() as { userLimits: { open_files: { soft: number | 'unlimited' } } }
  const { soft } = userLimits.open_files
  return soft === 'unlimited' ? Infinity : soft
}
