/** Tests that need a program: where it is missing they are not run, and the summary counts them as skipped. */
import ava, { type SerialFn } from 'ava'
import { pathOf, type Program } from './programs.ts'

/** ava's `test`, one after the other; where the program is not there, it lists the tests as skipped. */
export function needing(...programs: readonly Program[]): SerialFn {
  return ava.serial.runIf(programs.every((program) => pathOf(program) !== undefined))
}
