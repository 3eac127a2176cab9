/** Who is counted as one client. */
import test from 'ava'
import { clientAddress } from '../../server/http/client-address.ts'

for (const [address, client] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2002:c000:201::1', '2002:c000:201:0::/64'],
  ['::1', '::1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['fd00:1:2:3::4', 'fd00:1:2:3::4'],
  ['unknown', 'unknown'],
  ['', ''],
] as const) {
  test(`"${address}" is counted as "${client}"`, (t) => t.is(clientAddress(address), client))
}
