/** The worker that all tabs of a browser share: one poll for an address, whoever asks. A program of its own, which `client/build/build.ts` bundles. */
import { PollingHub } from './polling-hub.ts'
import { PortServer } from './ports.ts'

const server = new PortServer((url, options) => new PollingHub(url, options))

addEventListener('connect', (event) => {
  for (const port of (event as MessageEvent).ports) server.serve(port)
})
