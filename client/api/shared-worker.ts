/** The SharedWorker that polls for all tabs of a browser. A script of its own, bundled by client/build/build.ts. */
import { PollingHub } from './polling-hub.ts'
import { PortServer } from './ports.ts'

const server = new PortServer((url, options) => new PollingHub(url, options))

addEventListener('connect', (event) => {
  for (const port of (event as MessageEvent).ports) server.serve(port)
})
