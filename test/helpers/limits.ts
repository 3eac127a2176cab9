/**
 * How long a test may take before it is called hung, in milliseconds. Far more than any needs: a machine that is ten times slower passes,
 * and a test that hangs fails under its own name instead of ending the run.
 */

/** From one assertion to the next. The slowest test on a quiet machine takes some ten seconds; attacks in their large size take minutes. */
export const TEST_LIMIT_MS = process.env['FAULTS'] === 'large' ? 1_800_000 : 240_000

/** One thing that a browser is asked to do or to wait for. */
export const BROWSER_LIMIT_MS = 120_000
