/** Tests that need a program: where it is missing, or may not do its work, they are not run, and the summary counts them as skipped. */
import ava, { type SerialFn } from 'ava'
import { isUsable, type Program } from './programs.ts'

/** ava's `test`, one after the other; where a program cannot be used, it lists the tests as skipped. */
export function needing(...programs: readonly Program[]): SerialFn {
  return ava.serial.runIf(programs.every(isUsable))
}
