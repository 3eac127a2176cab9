/** The floor without a disk, a process of its own, started by servers.ts. Keeps nothing: whatever is faster than this is not made of node:http. */
import { serveFloor } from './floor.ts'

serveFloor(() => ({}))
