/** Loaded before a server that is a process of its own (`node --import`): gives it the durations that a test hands in. */
import { TIMES } from '../../server/times.ts'

Object.assign(TIMES, JSON.parse(process.env['TEST_TIMES'] ?? '{}'))
